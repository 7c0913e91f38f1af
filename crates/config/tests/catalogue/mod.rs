//! The catalogue, environment and hasher that the tests use.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses a part, and its functions may fail")]

use yumen_config::KeyHasher;
use yumen_llm::catalogue::Catalogue;

/// Values that must never be shown.
pub(crate) const SECRETS: [&str; 4] =
    ["sk-proj-hidden-1", "sk-hidden-literal", "hidden-password", "hidden-in-a-file"];

pub(crate) fn environment(name: &str) -> Option<String> {
    match name {
        "OPENAI_API_KEY" | "KEY_1" => Some("sk-proj-hidden-1".to_owned()),
        "NEWLINE" => Some("sk-proj-hidden-1\n".to_owned()),
        "PORT" => Some("9000".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

/// The files of secrets.
pub(crate) fn files(path: &str) -> Result<String, String> {
    match path {
        "/run/secrets/key" => Ok("sk-hidden-in-a-file\n".to_owned()),
        "/run/secrets/google.json" => Ok(GOOGLE_USER.to_owned()),
        "/run/secrets/empty" => Ok("\n".to_owned()),
        _ => Err("no such file".to_owned()),
    }
}

/// What `gcloud auth application-default login` leaves.
const GOOGLE_USER: &str = r#"{ "type": "authorized_user", "client_id": "id", "client_secret": "hidden-in-a-file",
  "refresh_token": "hidden-in-a-file-2" }"#;

pub(crate) fn hasher() -> KeyHasher {
    KeyHasher::new([7; 32])
}

const OPENAI: &str = r#"
id = "openai"
name = "OpenAI"
base_url = "https://api.openai.com/v1"
auth = { scheme = "bearer" }
credential = { label = "API key", env = ["OPENAI_API_KEY"] }
dialects = { openai_chat = { path = "/chat/completions" }, openai_embeddings = { path = "/embeddings" } }
"#;

const OPENAI_MODELS: &str = r#"
[[model]]
id = "gpt-4o"
canonical = "openai/gpt-4o"
name = "GPT-4o"
operations = ["chat"]
input = ["text"]
aliases = ["gpt-4o-latest"]

[[model]]
id = "gpt-4o-mini"
canonical = "openai/gpt-4o-mini"
name = "GPT-4o mini"
operations = ["chat"]
input = ["text"]
"#;

const ANTHROPIC: &str = r#"
id = "anthropic"
name = "Anthropic"
base_url = "https://api.anthropic.com"
auth = { scheme = "header", name = "x-api-key" }
credential = { label = "API key", env = ["ANTHROPIC_API_KEY"] }
headers = { anthropic-version = "2023-06-01" }
dialects = { anthropic_messages = { path = "/v1/messages" } }
"#;

const ANTHROPIC_MODELS: &str = r#"
[[model]]
id = "claude-sonnet-4-5"
canonical = "anthropic/claude-sonnet-4.5"
name = "Claude Sonnet 4.5"
operations = ["chat"]
input = ["text"]
thinking = "adaptive"
aliases = ["claude-sonnet-4.5"]
"#;

const TWO_BASES: &str = r#"
id = "two-bases"
name = "Two bases"
base_url = "https://api.two.example"
auth = { scheme = "bearer" }
[dialects.openai_chat]
path = "/chat/completions"
[dialects.anthropic_messages]
path = "/v1/messages"
base_url = "https://api.two.example/anthropic"
"#;

const COMPATIBLE: &str = r#"
id = "openai-compatible"
name = "OpenAI-compatible"
auth = { scheme = "none" }
dialects = { openai_chat = { path = "/chat/completions" } }
"#;

const BEDROCK: &str = r#"
id = "bedrock"
name = "Bedrock"
base_url = "https://bedrock-runtime.{region}.amazonaws.test"
auth = { scheme = "aws_sigv4", service = "bedrock" }
[credential]
label = "Secret access key"
env = ["AWS_SECRET_ACCESS_KEY"]
[credential.fields]
access_key_id = { label = "Access key id", env = ["AWS_ACCESS_KEY_ID"] }
session_token = { label = "Session token", env = ["AWS_SESSION_TOKEN"], optional = true }
[parameters.region]
label = "Region"
env = ["AWS_REGION"]
example = "eu-central-1"
[dialects.openai_chat]
path = "/chat"
"#;

const VERTEX: &str = r#"
id = "vertex"
name = "Vertex"
base_url = "https://{region}-vertex.test"
auth = { scheme = "google_oauth" }
credential = { label = "Key", file_env = ["GOOGLE_APPLICATION_CREDENTIALS"] }
[parameters.project]
label = "Project"
env = ["GOOGLE_CLOUD_PROJECT"]
example = "my-project"
[parameters.region]
label = "Region"
env = ["GOOGLE_CLOUD_LOCATION"]
default = "global"
example = "europe-west1"
base_urls = { global = "https://vertex.test" }
[dialects.gemini]
path = "/{project}/{region}/{model}:generateContent"
stream_path = "/{project}/{region}/{model}:streamGenerateContent?alt=sse"
"#;

const ENTRA: &str = r#"
id = "entra"
name = "Entra"
base_url = "https://{resource}.azure.test/v1"
auth = { scheme = "azure_entra", scope = "https://azure.test/.default" }
[credential]
label = "Client secret"
env = ["AZURE_CLIENT_SECRET"]
[credential.fields]
tenant_id = { label = "Tenant", env = ["AZURE_TENANT_ID"] }
client_id = { label = "Client", env = ["AZURE_CLIENT_ID"] }
[parameters.resource]
label = "Resource"
example = "my-resource"
[dialects.openai_chat]
path = "/chat/completions"
"#;

/// The operator must say where it is, so that its variable alone configures nothing.
const PLACED: &str = r#"
id = "placed"
name = "Placed by the operator"
auth = { scheme = "bearer" }
credential = { label = "API key", env = ["KEY_1"] }
dialects = { openai_chat = { path = "/chat/completions" } }
"#;

const DEMO: &str = r#"
id = "demo"
name = "Demo"
base_url = "builtin://demo"
auth = { scheme = "none" }
dialects = { openai_chat = { path = "/chat/completions" } }
"#;

const DEMO_MODELS: &str = r#"
[[model]]
id = "echo"
canonical = "demo/echo"
name = "Echo"
operations = ["chat"]
input = ["text"]
"#;

pub(crate) fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::default();
    for (id, provider, models) in [
        ("openai", OPENAI, Some(OPENAI_MODELS)),
        ("anthropic", ANTHROPIC, Some(ANTHROPIC_MODELS)),
        ("two-bases", TWO_BASES, None),
        ("openai-compatible", COMPATIBLE, None),
        ("bedrock", BEDROCK, None),
        ("vertex", VERTEX, None),
        ("entra", ENTRA, None),
        ("placed", PLACED, None),
        ("demo", DEMO, Some(DEMO_MODELS)),
    ] {
        catalogue.add(id, provider, models).unwrap();
    }
    catalogue
}
