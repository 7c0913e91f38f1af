//! Folders given as text: what is understood, and that every fault of a file is told at once.

use super::*;
use crate::dialects::Dialect;
use crate::price::{LongPrice, PerToken};

const PROVIDER: &str = r#"
id = "acme"
name = "Acme"
base_url = "https://api.acme.test/v1"
auth = { scheme = "header", name = "x-acme-key" }
credential = { label = "API key", env = ["ACME_API_KEY"] }
headers = { "x-acme-version" = "2" }
quirks = ["no_stream_options"]
[dialects]
openai_chat = { path = "/chat/completions" }
anthropic_messages = { path = "/v1/messages", base_url = "https://api.acme.test/anthropic" }
"#;

const MODELS: &str = r#"
[[model]]
id = "rocket-1-large"
canonical = "acme/rocket-1.0-large"
aliases = ["rocket-1-large-20260101"]
name = "Rocket 1 Large"
context = 200000
max_output = 8192
operations = ["chat"]
input = ["text", "image"]
thinking = "adaptive"
deprecated = "2027-01-31"
price = { input = "0.15", output = "0.6", cache_read = "0.0375", long = { above = 128000, input = "0.3", output = "1.2" } }

[[model]]
id = "acme/vectors"
canonical = "acme/vectors"
name = "Vectors"
operations = ["embeddings"]
input = ["text"]
"#;

fn messages(folder: &str, provider: &str, models: Option<&str>) -> Vec<String> {
    let mut catalogue = Catalogue::default();
    let faults = catalogue.add(folder, provider, models).unwrap_err();
    assert!(catalogue.providers.is_empty(), "a folder with faults is left out");
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn a_folder_is_read_whole() {
    let mut catalogue = Catalogue::default();
    catalogue.add("acme", PROVIDER, Some(MODELS)).unwrap();
    let acme = &catalogue.providers["acme"];
    assert_eq!(acme.auth, Auth::Header { name: "x-acme-key".into(), prefix: String::new() });
    assert_eq!(acme.quirks, [Quirk::NoStreamOptions]);
    assert_eq!(acme.url(Dialect::OpenAiChat).unwrap(), "https://api.acme.test/v1/chat/completions");
    assert_eq!(acme.url(Dialect::AnthropicMessages).unwrap(), "https://api.acme.test/anthropic/v1/messages");
    assert_eq!(acme.url(Dialect::OpenAiEmbeddings), None);

    let large = &acme.models[0];
    assert_eq!((large.thinking, acme.models[1].thinking), (Thinking::Adaptive, Thinking::Budget));
    let price = large.price.unwrap();
    assert_eq!((price.input, price.output), (PerToken(150_000_000), PerToken(600_000_000)));
    assert_eq!(price.cache_read, Some(PerToken(37_500_000)));
    let long = LongPrice {
        above: 128_000,
        input: PerToken(300_000_000),
        output: PerToken(1_200_000_000),
        ..Default::default()
    };
    assert_eq!(price.long, Some(long));
    assert_eq!(large.facts.deprecated, Day::parse("2027-01-31"));
    assert_eq!(acme.models[1].price, None, "an unknown price is not a free one");
}

#[test]
fn a_model_is_found_by_each_of_its_names() {
    let mut catalogue = Catalogue::default();
    catalogue.add("acme", PROVIDER, Some(MODELS)).unwrap();
    let acme = &catalogue.providers["acme"];
    for name in ["rocket-1-large", "acme/rocket-1.0-large", "rocket-1.0-large", "rocket-1-large-20260101"] {
        assert_eq!(acme.model(name).unwrap().native_id, "rocket-1-large", "{name}");
    }
    assert_eq!(acme.model("vectors").unwrap().native_id, "acme/vectors");
    assert_eq!(acme.model("rocket"), None);
}

#[test]
fn a_slug_that_two_authors_share_names_neither() {
    let entry = |author: &str| {
        format!(
            "[[model]]\nid = \"{author}-x\"\ncanonical = \"{author}/x\"\nname = \"X\"\noperations = [\"chat\"]\ninput = [\"text\"]\n"
        )
    };
    let mut catalogue = Catalogue::default();
    catalogue.add("acme", PROVIDER, Some(&(entry("a") + &entry("b")))).unwrap();
    assert_eq!(catalogue.providers["acme"].model("x"), None);
    assert_eq!(catalogue.providers["acme"].model("b/x").unwrap().native_id, "b-x");
}

#[test]
fn all_faults_of_both_files_are_told_at_once() {
    let provider = r#"
id = "acne"
nmae = "Acme"
base_url = "api.acme.test/v1/"
auth = { scheme = "magic" }
credential = { label = "", env = ["acme_key"] }
[dialects]
openai_chat = { path = "chat/completions" }
"#;
    let models = r#"
[[model]]
id = "one"
canonical = "One"
name = "One"
operations = []
input = ["smell"]
contex = 5
price = { input = "1e3", outptu = "1" }
"#;
    let told = messages("acme", provider, Some(models));
    let expected = [
        "acme/provider.toml: `name` is missing; write for example `name = \"Example\"`",
        "acme/provider.toml: `auth`: unknown variant `magic`",
        "acme/provider.toml: unknown field `nmae`; did you mean `name`?",
        "acme/provider.toml: `id` is \"acne\" but the folder is called \"acme\"",
        "acme/provider.toml: `base_url` \"api.acme.test/v1/\" must begin with https://",
        "acme/provider.toml: `credential.label` is empty",
        "acme/provider.toml: `credential.env` \"acme_key\" must be upper case",
        "acme/provider.toml: OpenAiChat: `path` \"chat/completions\" must begin with one `/`",
        "acme/models.toml: model \"one\": `canonical` \"One\" must be `author/slug`",
        "acme/models.toml: model \"one\": `operations` is empty",
        "acme/models.toml: model \"one\": `input`: unknown variant `smell`",
        "acme/models.toml: model \"one\": unknown field `contex`; did you mean `context`?",
        "acme/models.toml: model \"one\": price: `input` \"1e3\" must be dollars per million tokens",
        "acme/models.toml: model \"one\": price: unknown field `outptu`; did you mean `output`?",
    ];
    for start in expected {
        assert!(told.iter().any(|message| message.starts_with(start)), "{start}\nis not among {told:#?}");
    }
    assert_eq!(told.len(), expected.len(), "{told:#?}");
}

#[test]
fn values_that_could_not_be_used_are_refused() {
    let cases = [
        ("id = \"acme\"", "id = \"other\"", "the folder is called \"acme\""),
        ("https://api.acme.test/v1\"", "https:///v1\"", "has no host"),
        ("https://api.acme.test/v1\"", "https://user:pass@acme.test\"", "must not hold a user"),
        ("https://api.acme.test/v1\"", "https://api.acme.test/v1/\"", "must not end with `/`"),
        ("https://api.acme.test/v1\"", "ftp://api.acme.test\"", "must begin with https://"),
        ("https://api.acme.test/anthropic", "https://api.acme.test/a?b", "AnthropicMessages: base_url"),
        ("\"/chat/completions\"", "\"//chat\"", "must begin with one `/`"),
        ("x-acme-key", "X-Acme-Key", "must be a header name in lower case"),
        ("x-acme-version", "authorization", "is set by the gateway itself"),
        ("\"2\"", "\"2\\n3\"", "must be printable ASCII"),
        ("ACME_API_KEY", "acme_api_key", "must be upper case"),
        ("[\"no_stream_options\"]", "[\"no_such_quirk\"]", "unknown variant `no_such_quirk`"),
        ("[\"no_stream_options\"]", "[\"max_tokens_only\", \"max_tokens_only\"]", "twice"),
        ("openai_chat =", "openai_chatt =", "unknown variant `openai_chatt`"),
    ];
    for (from, to, expected) in cases {
        let changed = PROVIDER.replacen(from, to, 1);
        assert_ne!(changed, PROVIDER, "{from}");
        let told = messages("acme", &changed, None);
        assert!(told.len() == 1 && told[0].contains(expected), "{expected} is not in {told:#?}");
    }
}

#[test]
fn models_that_could_not_be_told_apart_are_refused() {
    let cases = [
        ("canonical = \"acme/vectors\"", "canonical = \"acme/rocket-1.0-large\"", "stands for two models"),
        ("id = \"acme/vectors\"", "id = \"rocket-1-large-20260101\"", "stands for two models"),
        ("id = \"acme/vectors\"", "id = \"\"", "`id` must be the provider's own id"),
        ("deprecated = \"2027-01-31\"", "deprecated = \"2027-13-31\"", "must be a day"),
        ("max_output = 8192", "max_output = 0", "`max_output` is 0"),
        ("max_output = 8192", "max_output = -1", "`max_output`: "),
        ("thinking = \"adaptive\"", "thinking = \"hard\"", "`thinking`: unknown variant `hard`"),
        ("\"0.15\"", "0.15", "`input`: invalid type"),
        ("above = 128000, ", "", "price.long: `above` is missing"),
        ("[[model]]", "[[models]]", "unknown field `models`; did you mean `model`?"),
        ("[[model]]", "[[model]", "is not TOML"),
    ];
    for (from, to, expected) in cases {
        let changed = MODELS.replace(from, to);
        assert_ne!(changed, MODELS, "{from}");
        let told = messages("acme", PROVIDER, Some(&changed));
        assert!(told.iter().any(|message| message.contains(expected)), "{expected} is not in {told:#?}");
    }
}

#[test]
fn a_folder_takes_the_place_of_one_with_the_same_id() {
    let mut catalogue = Catalogue::default();
    catalogue.add("acme", PROVIDER, Some(MODELS)).unwrap();
    catalogue.add("acme", &PROVIDER.replace("\"Acme\"", "\"Acme 2\""), None).unwrap();
    assert_eq!(catalogue.providers.len(), 1);
    assert_eq!(catalogue.providers["acme"].name, "Acme 2");
    assert!(catalogue.providers["acme"].models.is_empty());
    assert!(catalogue.add("acme", "id = 1", None).is_err());
    assert_eq!(catalogue.providers["acme"].name, "Acme 2", "a broken folder changes nothing");
}

fn with_auth(auth: &str, rest: &str) -> String {
    format!(
        "id = \"acme\"\nname = \"Acme\"\nbase_url = \"https://{{region}}.acme.test\"\nauth = {auth}\n\
         dialects = {{ openai_chat = {{ path = \"/{{project}}/chat\" }} }}\n{rest}\n\
         [parameters.region]\nlabel = \"Region\"\nenv = [\"ACME_REGION\"]\nexample = \"eu-1\"\nbase_urls = {{ global = \"https://acme.test\" }}\n\
         [parameters.project]\nlabel = \"Project\"\ndefault = \"main\"\nexample = \"p\"\n"
    )
}

#[test]
fn every_scheme_is_read_with_the_parts_that_it_needs() {
    let credential = |fields: &str| {
        format!(
            "[credential]\nlabel = \"Secret\"\nenv = [\"ACME_SECRET\"]\nfile_env = [\"ACME_FILE\"]\n{fields}"
        )
    };
    let field = |name: &str, more: &str| format!("[credential.fields.{name}]\nlabel = \"{name}\"\n{more}\n");
    for (auth, fields) in [
        (r#"{ scheme = "query", name = "key" }"#, String::new()),
        (r#"{ scheme = "header", name = "authorization", prefix = "Acme-Key " }"#, String::new()),
        (
            r#"{ scheme = "aws_sigv4", service = "bedrock" }"#,
            field("access_key_id", "") + &field("session_token", "optional = true"),
        ),
        (r#"{ scheme = "aws_sigv4", service = "bedrock" }"#, field("access_key_id", "env = [\"ACME_ID\"]")),
        (r#"{ scheme = "google_oauth" }"#, String::new()),
        (r#"{ scheme = "azure_entra", scope = "s" }"#, field("tenant_id", "") + &field("client_id", "")),
        (r#"{ scheme = "tencent_tc3", service = "hunyuan" }"#, field("secret_id", "")),
        (r#"{ scheme = "zhipu_jwt" }"#, String::new()),
        (r#"{ scheme = "baidu_token", token_url = "https://aip.test/token" }"#, field("api_key", "")),
        (
            r#"{ scheme = "oauth_client_credentials", token_url = "https://{region}.test/token" }"#,
            field("client_id", ""),
        ),
    ] {
        let mut catalogue = Catalogue::default();
        catalogue
            .add("acme", &with_auth(auth, &credential(&fields)), None)
            .unwrap_or_else(|faults| panic!("{auth}: {faults:?}"));
        let acme = &catalogue.providers["acme"];
        assert_eq!(acme.parameters["project"].default.as_deref(), Some("main"));
        assert_eq!(acme.credential.as_ref().unwrap().file_env, ["ACME_FILE"]);
        if let Auth::AzureEntra { token_url, .. } = &acme.auth {
            assert_eq!(token_url, ENTRA_TOKEN_URL);
        }
    }
}

#[test]
fn credentials_that_do_not_fit_their_scheme_are_told() {
    let fields =
        "[credential]\nlabel = \"Secret\"\n[credential.fields.secret_id]\nlabel = \"\"\nenv = [\"id\"]\n";
    let aws = with_auth(r#"{ scheme = "aws_sigv4", service = "bedrock" }"#, fields);
    assert_eq!(
        messages("acme", &aws, None),
        [
            "acme/provider.toml: `credential.fields.secret_id.label` is empty; write for example \"API key\"",
            "acme/provider.toml: `credential.fields.secret_id.env` \"id\" must be upper case, such as \"EXAMPLE_API_KEY\"",
            "acme/provider.toml: `credential.fields.access_key_id` is missing, which the scheme needs; write for example \
             `access_key_id = { label = \"…\", env = [\"EXAMPLE_ACCESS_KEY_ID\"] }`",
            "acme/provider.toml: `credential.fields.secret_id` is no part of this scheme's credentials; leave it out",
        ]
    );
    let oauth = with_auth(
        r#"{ scheme = "oauth_client_credentials", token_url = "http://{nowhere}/t" }"#,
        "[credential]\nlabel = \"Secret\"\n[credential.fields.client_id]\nlabel = \"Id\"\noptional = true\n",
    );
    assert_eq!(
        messages("acme", &oauth, None),
        [
            "acme/provider.toml: `credential.fields.client_id.optional` must be false for this scheme",
            "acme/provider.toml: `auth.token_url` \"http://{nowhere}/t\" must begin with https:// and hold no braces but \
             those of parameters",
        ]
    );
}

#[test]
fn a_path_may_stand_beside_the_end_of_the_base() {
    let file = |base: &str, entry: &str| {
        format!(
            "id = \"acme\"\nname = \"Acme\"\nbase_url = \"{base}\"\nauth = {{ scheme = \"none\" }}\n\
             [dialects]\nollama_chat = {{ path = \"/api/chat\", {entry} }}\n"
        )
    };
    let mut catalogue = Catalogue::default();
    catalogue.add("acme", &file("http://acme.test/v1", "beside = \"/v1\""), None).unwrap();
    let acme = &catalogue.providers["acme"];
    assert_eq!(acme.url(Dialect::OllamaChat).as_deref(), Some("http://acme.test/api/chat"));
    let entry = &acme.dialects[&Dialect::OllamaChat];
    for (base, expected) in [
        ("http://other.test/v1", "http://other.test"),
        ("http://other.test/v1/", "http://other.test"),
        ("http://other.test", "http://other.test"),
        ("http://other.test/v11", "http://other.test/v11"),
    ] {
        assert_eq!(entry.base_of(base), expected);
    }
    for (base, entry) in [
        ("http://acme.test/v2", "beside = \"/v1\""),
        ("http://acme.test/v1", "beside = \"/v1\", base_url = \"http://acme.test\""),
    ] {
        let faults = messages("acme", &file(base, entry), None);
        assert!(faults.len() == 1 && faults[0].contains("must be the end of"), "{faults:?}");
    }
}

#[test]
fn parameters_that_do_not_fit_the_urls_are_told() {
    let provider = r#"
id = "acme"
name = "Acme"
base_url = "https://{resource}.acme.test"
auth = { scheme = "aws_sigv4", service = "bedrock" }
[credential]
label = "Secret"
fields = { access_key_id = { label = "Id" } }
[dialects]
openai_chat = { path = "/{model}/{project}/chat", base_url = "https://{host}/" }
[parameters.project]
label = "Project"
env = ["project"]
example = "a/b"
base_urls = { ".." = "acme.test" }
[parameters.Model]
label = "Model"
example = "x"
"#;
    let found = messages("acme", provider, None);
    let expected = [
        "`base_url` \"https://{resource}.acme.test\" has braces that name no parameter; describe it under `parameters`",
        "`parameters.project.base_urls...` \"acme.test\" must begin with https://, http:// or builtin://",
        "OpenAiChat: base_url` \"https://{host}/\" must not end with `/`: the paths of `dialects` begin with one",
        "`parameters.region` is missing, which the scheme of `auth` needs",
        "`parameters.Model` must be named in lower-case letters, digits and `_`, not `model` or `model_path`",
        "`parameters.Model` stands in no URL; write `{Model}` in one, or leave it out",
        "`parameters.project.env` \"project\" must be upper case, such as \"EXAMPLE_API_KEY\"",
        "`parameters.project.example` \"a/b\" must be letters, digits, `-`, `_` and `.`",
        "`parameters.project.base_urls` \"..\" must be letters, digits, `-`, `_` and `.`",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.ends_with(expected), "{found}\n{expected}");
    }
}
