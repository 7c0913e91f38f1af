//! Secrets stay where they belong: the provider's credential never leaves towards the client, the client's key never
//! towards the provider, and neither is written down.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::path::Path;

use serde_json::json;
use yumen_testkit::{Gateway, KEY, Reply, Upstream, standard_config};
use yumen_tests::{CHAT, MESSAGES, SURFACES, ask, ask_stream, combinations};

const CREDENTIALS: [&str; 4] = [
    "upstream-openai-secret",
    "upstream-responses-secret",
    "upstream-anthropic-secret",
    "upstream-gemini-secret",
];

#[tokio::test]
async fn no_secret_is_anywhere_it_should_not_be() {
    let upstream = Upstream::start().await;
    // As some providers do, this one repeats the credential that it was given in its refusal.
    upstream.script(|request| {
        let sent =
            ["authorization", "x-api-key", "x-goog-api-key"].map(|name| request.header(name)).join(" ");
        let message =
            json!({ "error": { "type": "authentication_error", "message": format!("bad key: {sent}") } });
        (request.model() == "fake-401").then(|| Reply::json(401, &message))
    });
    // What fails for a moment is not tried anew: that would only take time.
    let config = standard_config(&upstream).replace("gateway: {", "gateway: { retry_rounds: 0,");
    let mut gateway = Gateway::start(&config).await;
    let mut answers = Vec::new();
    for (surface, provider) in combinations() {
        for model in ["fake-chat", "fake-401", "fake-500", "fake-error-event", "fake-html", "fake-404"] {
            for stream in [false, true] {
                answers.push(surface.ask(&gateway.client(), &format!("{provider}/{model}"), stream).await);
            }
        }
    }
    for surface in SURFACES {
        let (path, body) = (surface.path("no-such-model", false), surface.body("no-such-model", false));
        answers.push(gateway.client().post(&format!("{path}?key={KEY}"), &body).await);
        answers.push(gateway.anonymous().key("sk-yu-guess-secret").post(&path, &body).await);
    }
    answers.push(gateway.client().get("/v1/models").await);
    answers.push(gateway.admin().get("/metrics").await);
    for answer in &answers {
        let text = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
        for secret in CREDENTIALS.iter().chain([&KEY]) {
            assert!(!text.contains(secret), "an answer shows {secret}: {text}");
        }
    }
    for request in upstream.requests() {
        assert!(!format!("{request:?}").contains(KEY), "the upstream was told the client's key: {request:?}");
    }
    assert_eq!(gateway.terminate().await, Some(0));
    let log = gateway.log();
    for secret in CREDENTIALS.iter().chain([&KEY, &"sk-yu-guess-secret"]) {
        assert!(!log.contains(secret), "the log shows {secret}");
        assert_eq!(files_with(&gateway.data_dir(), secret), Vec::<String>::new(), "{secret}");
    }
}

/// Schemes, what each sends, and so must not come back: not in an answer, a log line or a record.
const SCHEMES: [(&str, &str); 7] = [
    (
        "by-header",
        "auth: { scheme: header, name: authorization, prefix: \"Key \" }, credentials: [ { secret: SECRET } ]",
    ),
    ("by-query", "auth: { scheme: query, name: key }, credentials: [ { secret: \"SECRET/+\" } ]"),
    (
        "signed",
        "auth: { scheme: aws_sigv4, service: s }, parameters: { region: r }, credentials: [ { secret: SECRET, fields: \
         { access_key_id: SECRET-part, session_token: SECRET-token } } ]",
    ),
    ("made", "auth: { scheme: zhipu_jwt }, credentials: [ { secret: id.SECRET } ]"),
    (
        "asked",
        "auth: { scheme: oauth_client_credentials, token_url: \"http://HOST/token\" }, credentials: [ { secret: SECRET, \
         fields: { client_id: SECRET-part } } ]",
    ),
    (
        "asked-by-query",
        "auth: { scheme: baidu_token, token_url: \"http://HOST/token\" }, credentials: [ { secret: SECRET, fields: \
         { api_key: SECRET-part } } ]",
    ),
    (
        "refused",
        "auth: { scheme: azure_entra, scope: s, token_url: \"http://HOST/refused\" }, credentials: [ { secret: SECRET, \
         fields: { tenant_id: t, client_id: SECRET-part } } ]",
    ),
];

#[tokio::test]
async fn no_scheme_lets_a_secret_or_a_token_out() {
    const SECRET: &str = "hidden-secret-of-ours";
    const TOKEN: &str = "hidden-token-of-ours";
    let upstream = Upstream::start().await;
    // Everyone repeats all that he was told.
    upstream.script(|request| {
        let told =
            format!("{} {:?} {}", request.path, request.headers, String::from_utf8_lossy(&request.body));
        match request.path.as_str() {
            path if path.starts_with("/token") => {
                Some(Reply::json(200, &json!({ "access_token": TOKEN, "expires_in": 60 })))
            }
            "/refused" => {
                Some(Reply::json(400, &json!({ "error": "invalid_request", "error_description": told })))
            }
            _ if request.model() == "fake-cut" => {
                let event =
                    json!({ "error": { "message": told, "type": "authentication_error", "code": 401 } });
                Some(Reply::stream([format!("data: {event}\n\n")]))
            }
            _ => Some(Reply::json(
                401,
                &json!({ "error": { "message": told, "type": "authentication_error" } }),
            )),
        }
    });
    let entries: Vec<String> = SCHEMES
        .iter()
        .map(|(name, entry)| {
            let entry = entry.replace("SECRET", SECRET).replace("HOST", &upstream.address().to_string());
            format!(
                "  {name}: {{ type: openai-compatible, discovery: off, base_url: \"{}\", {entry} }}\n",
                upstream.openai_base()
            )
        })
        .collect();
    let config = format!(
        "gateway: {{ listen: \"127.0.0.1:0\" }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\nlog: {{ level: trace }}\nproviders:\n{}keys:\n  - {{ name: test, secret: \"{KEY}\" }}\n",
        entries.concat()
    );
    let mut gateway = Gateway::start(&config).await;
    for (name, _) in SCHEMES {
        for path in [CHAT, MESSAGES] {
            for body in [ask(&format!("{name}/fake-chat")), ask_stream(&format!("{name}/fake-cut"))] {
                let answer = gateway.client().post(path, &body).await;
                let text = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
                assert!(!text.contains("hidden-"), "{name}: {text}");
                let said = if name == "refused" { "there is no token" } else { "chat/completions" };
                assert!(text.contains(said), "{name}: {text}");
            }
        }
    }
    assert!(upstream.requests().iter().any(|request| request.header("authorization").contains(TOKEN)));
    assert!(upstream.requests().iter().any(|request| request.path.contains(TOKEN)));
    assert_eq!(gateway.terminate().await, Some(0));
    let log = gateway.log();
    let line = log.lines().find(|line| line.contains("hidden-"));
    assert_eq!(line, None, "the log shows a secret");
    for secret in [SECRET, TOKEN] {
        assert_eq!(files_with(&gateway.data_dir(), secret), Vec::<String>::new(), "{secret}");
    }
}

fn files_with(folder: &Path, secret: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, secret));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            if bytes.windows(secret.len()).any(|part| part == secret.as_bytes()) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}
