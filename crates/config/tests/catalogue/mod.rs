//! The catalogue, environment and hasher that the tests use.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses a part, and its functions may fail")]

use yumen_config::KeyHasher;
use yumen_llm::catalogue::Catalogue;

/// Values that must never be shown.
pub(crate) const SECRETS: [&str; 3] = ["sk-proj-hidden-1", "sk-hidden-literal", "hidden-password"];

pub(crate) fn environment(name: &str) -> Option<String> {
    match name {
        "OPENAI_API_KEY" | "KEY_1" => Some("sk-proj-hidden-1".to_owned()),
        "NEWLINE" => Some("sk-proj-hidden-1\n".to_owned()),
        "PORT" => Some("9000".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

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
        ("placed", PLACED, None),
        ("demo", DEMO, Some(DEMO_MODELS)),
    ] {
        catalogue.add(id, provider, models).unwrap();
    }
    catalogue
}
