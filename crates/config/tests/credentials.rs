//! Credentials as the data plane gets them: each scheme's, from the file and from the environment, and what parameters do to
//! URLs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test's own functions")]

mod catalogue;

use catalogue::{catalogue, environment, files, hasher};
use yumen_config::{
    Credential, Diagnostic, Endpoint, Proof, Provider, Snapshot, TokenSource, from_environment,
    parse_and_check,
};
use yumen_llm::dialects::Dialect;

fn snapshot(text: &str) -> Snapshot {
    let checked = parse_and_check(text, "yumen.yaml", &environment, &files, &catalogue(), &hasher(), None);
    assert!(!checked.has_errors(), "{:?}", checked.diagnostics);
    checked.snapshot.unwrap()
}

fn of_environment(pairs: &[(&str, &str)]) -> (Snapshot, Vec<Diagnostic>) {
    let env =
        |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    from_environment(&env, &files, &catalogue(), false)
}

fn only(provider: &Provider) -> &Credential {
    let [credential] = provider.credentials.items() else { panic!("{:?}", provider.credentials) };
    credential
}

fn source(credential: &Credential) -> &TokenSource {
    let Proof::Token(source) = &credential.proof else { panic!("{credential:?}") };
    source
}

fn shown(endpoint: &Endpoint) -> String {
    format!("{} {}", endpoint.host, endpoint.path.for_model("m").unwrap())
}

fn secrets(credential: &Credential) -> Vec<&str> {
    credential.secrets.iter().map(|secret| secret.expose()).collect()
}

#[test]
fn a_secret_of_a_file_is_as_good_as_one_of_the_entry() {
    let of = |credential: &str| {
        let text = format!("providers: {{ openai: {{ credentials: [{{ {credential} }}] }} }}");
        let snapshot = snapshot(&text);
        let credential = only(&snapshot.providers["openai"]);
        let Proof::Header { value, .. } = &credential.proof else { panic!("{credential:?}") };
        (credential.id, value.to_str().unwrap().to_owned())
    };
    let from_file = of("secret_file: /run/secrets/key");
    assert_eq!(from_file.1, "Bearer sk-hidden-in-a-file");
    assert_eq!(from_file, of("secret: sk-hidden-in-a-file"));
}

#[test]
fn headers_and_queries_carry_the_secret_in_their_form() {
    let of = |auth: &str| {
        let text = format!(
            "providers: {{ openai: {{ auth: {{ {auth} }}, credentials: [{{ secret: \"a b+c\" }}] }} }}"
        );
        let snapshot = snapshot(&text);
        let credential = only(&snapshot.providers["openai"]);
        let said = match &credential.proof {
            Proof::Header { name, value } => format!("{name}: {}", value.to_str().unwrap()),
            Proof::Query { pair } => pair.expose().to_owned(),
            other => panic!("{other:?}"),
        };
        (said, secrets(credential).join(" | "))
    };
    let key = of("scheme: header, name: authorization, prefix: \"DeepL-Auth-Key \"");
    let hidden = "a b+c | a%20b%2Bc".to_owned();
    assert_eq!(key, ("authorization: DeepL-Auth-Key a b+c".to_owned(), hidden.clone()));
    assert_eq!(of("scheme: query, name: key"), ("key=a%20b%2Bc".to_owned(), hidden));
}

#[test]
fn the_environment_has_all_parts_of_a_credential() {
    let keys = [("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_REGION", "eu-west-1")];
    let (found, diagnostics) = of_environment(&keys);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let bedrock = &found.providers["bedrock"];
    assert_eq!(
        shown(&bedrock.endpoints[&Dialect::OpenAiChat]),
        "bedrock-runtime.eu-west-1.amazonaws.test /chat"
    );
    let Proof::AwsSigv4(key) = &only(bedrock).proof else { panic!("{bedrock:?}") };
    assert_eq!((key.access_key_id.expose(), key.secret_access_key.expose()), ("AKIA", "s"));
    assert_eq!((&*key.region, &*key.service, &key.session_token), ("eu-west-1", "bedrock", &None));

    let temporary: Vec<_> = keys.into_iter().chain([("AWS_SESSION_TOKEN", "session-token")]).collect();
    let (with_token, _) = of_environment(&temporary);
    let Proof::AwsSigv4(key) = &only(&with_token.providers["bedrock"]).proof else {
        panic!("{with_token:?}")
    };
    assert!(key.session_token.as_ref().is_some_and(|token| token == "session-token" && token.is_sensitive()));
    assert!(secrets(only(&with_token.providers["bedrock"])).contains(&"session-token"));

    let (without, diagnostics) = of_environment(&[keys[0], keys[2]]);
    assert!(without.providers.is_empty());
    assert!(diagnostics[0].to_string().ends_with("set `AWS_ACCESS_KEY_ID`"), "{diagnostics:?}");
}

#[test]
fn what_is_not_meant_for_us_is_only_warned_of() {
    let key = ("GOOGLE_APPLICATION_CREDENTIALS", "/run/secrets/google.json");
    let (found, diagnostics) = of_environment(&[key]);
    assert!(found.providers.is_empty());
    assert_eq!(
        diagnostics[0].to_string(),
        "environment: warning: providers.vertex is left out, for its parameter `project` is not known; set \
         `GOOGLE_CLOUD_PROJECT` to use it"
    );
    let (found, diagnostics) = of_environment(&[key, ("GOOGLE_CLOUD_PROJECT", "p")]);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let TokenSource::GoogleUser(user) = source(only(&found.providers["vertex"])) else { panic!("{found:?}") };
    assert_eq!(user.refresh_token.expose(), "hidden-in-a-file-2");
    assert_eq!(shown(&user.endpoint), "oauth2.googleapis.com /token");
}

#[test]
fn google_needs_no_secret_on_its_own_machines() {
    let snapshot = snapshot("providers: { vertex: { parameters: { project: p } } }");
    let credential = only(&snapshot.providers["vertex"]);
    let TokenSource::GoogleMachine { endpoint } = source(credential) else { panic!("{credential:?}") };
    assert_eq!(
        shown(endpoint),
        "metadata.google.internal /computeMetadata/v1/instance/service-accounts/default/token"
    );
    assert!(credential.secrets.is_empty());
}

#[test]
fn a_parameter_may_have_a_base_url_of_its_own() {
    let of = |region: &str| {
        let text = format!("providers: {{ vertex: {{ parameters: {{ project: p{region} }} }} }}");
        let snapshot = snapshot(&text);
        shown(&snapshot.providers["vertex"].endpoints[&Dialect::Gemini])
    };
    assert_eq!(of(""), "vertex.test /p/global/m:generateContent");
    assert_eq!(of(", region: global"), "vertex.test /p/global/m:generateContent");
    assert_eq!(of(", region: europe-west1"), "europe-west1-vertex.test /p/europe-west1/m:generateContent");
}

#[test]
fn entra_is_asked_at_the_tenants_own_address() {
    let of = |auth: &str, tenant: &str| {
        let text = format!(
            "providers: {{ entra: {{ {auth} parameters: {{ resource: r }}, credentials: [{{ secret: s, \
             fields: {{ tenant_id: {tenant}, client_id: c }} }}] }} }}"
        );
        let snapshot = snapshot(&text);
        let credential = only(&snapshot.providers["entra"]);
        let TokenSource::Entra(client) = source(credential) else { panic!("{credential:?}") };
        (credential.id, shown(&client.endpoint), client.scope.clone().unwrap().to_string())
    };
    let public = of("", "t");
    assert_eq!(public.1, "login.microsoftonline.com /t/oauth2/v2.0/token");
    let sovereign =
        of("auth: { scheme: azure_entra, token_url: \"https://login.gov.test/{tenant_id}/token\" },", "t");
    assert_eq!((&*sovereign.1, &sovereign.2), ("login.gov.test /t/token", &public.2));
    // A token of one place is none for another.
    assert_ne!(public.0, sovereign.0);
    assert_ne!(public.0, of("", "other").0);
    assert_eq!(public, of("", "t"));
}
