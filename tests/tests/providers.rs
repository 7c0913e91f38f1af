//! Providers as folders of data: one that is not built in serves requests, without any Rust.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::path::Path;

use serde_json::{Value, json};
use yumen_testkit::{GatewayBuilder, KEY, Upstream, run_program};
use yumen_tests::{CHAT, MESSAGES, TEXT, record_of, whole_text};

const MODELS: &str = r#"
[[model]]
id = "fake-chat"
canonical = "acme/rocket-1"
name = "Rocket 1"
context = 8192
operations = ["chat"]
input = ["text"]
price = { input = "2", output = "10" }
"#;

fn provider(base_url: &str) -> String {
    format!(
        r#"
id = "acme"
name = "Acme"
base_url = "{base_url}"
auth = {{ scheme = "header", name = "x-acme-key" }}
credential = {{ label = "API key", env = ["ACME_API_KEY"] }}
headers = {{ "x-acme-version" = "7" }}
quirks = ["max_tokens_only"]
[dialects]
openai_chat = {{ path = "/chat/completions" }}
"#
    )
}

fn write_folder(dir: &Path, provider: &str, models: &str) {
    let folder = dir.join("acme");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("provider.toml"), provider).unwrap();
    std::fs::write(folder.join("models.toml"), models).unwrap();
}

#[tokio::test]
async fn a_folder_serves_requests_without_any_rust() {
    let upstream = Upstream::start().await;
    let config = format!(
        "gateway: {{ listen: \"127.0.0.1:0\" }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\nproviders: {{ acme: }}\n\
         keys: [ {{ name: test, secret: \"{KEY}\" }} ]\n"
    );
    let builder = GatewayBuilder::new(&config).environment("ACME_API_KEY", "acme-secret");
    let dir = builder.folder().join("providers");
    write_folder(&dir, &provider(&upstream.openai_base()), MODELS);
    let dir = dir.display().to_string();
    let gateway = builder.argument("--providers-dir").argument(&dir).start().await;

    let body = json!({ "model": "acme/rocket-1", "max_completion_tokens": 9, "messages": [{ "role": "user", "content": "Go" }] });
    let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
    assert_eq!(whole_text(&answer), TEXT);
    let seen = upstream.last();
    assert_eq!((seen.path.as_str(), seen.model().as_str()), ("/v1/chat/completions", "fake-chat"));
    assert_eq!((seen.header("x-acme-key"), seen.header("x-acme-version")), ("acme-secret", "7"));
    assert_eq!((&seen.json()["max_tokens"], seen.json().get("max_completion_tokens")), (&json!(9), None));
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    assert_eq!(record["cost_nanos"], 21 * 2_000 + 7 * 10_000, "{record}");

    // Conversion and the list know of it as of any other.
    let body =
        json!({ "model": "rocket-1", "max_tokens": 9, "messages": [{ "role": "user", "content": "Go" }] });
    let answer = gateway.anthropic_client().post(MESSAGES, &body).await.expect_status(200);
    assert_eq!(whole_text(&answer), TEXT);
    let models = gateway.client().get("/v1/models").await.expect_status(200).text();
    assert!(models.contains("acme/rocket-1"), "{models}");
}

#[tokio::test]
async fn a_folder_is_listed_beside_the_built_in_ones() {
    let dir = GatewayBuilder::bare();
    write_folder(dir.folder(), &provider("https://api.acme.test/v1"), MODELS);
    let folder = dir.folder().display().to_string();
    let listed = run_program(&["providers", "--json", "--providers-dir", &folder]).await;
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    let listed: Vec<Value> = serde_json::from_str(&listed.stdout).unwrap();
    let find = |id: &str| listed.iter().find(|row| row["id"] == id).unwrap_or_else(|| panic!("no {id}"));
    assert_eq!(
        find("acme"),
        &json!({ "id": "acme", "name": "Acme", "base_url": "https://api.acme.test/v1",
                 "dialects": ["openai_chat"], "env": ["ACME_API_KEY"], "models": 1, "configured_as": [] })
    );
    find("openai");
    let table = run_program(&["providers", "--providers-dir", &folder]).await;
    let row = table.stdout.lines().find(|line| line.contains("acme")).expect("a row");
    assert!(row.contains("Acme") && row.contains("ACME_API_KEY"), "{row}");
    let without = run_program(&["providers"]).await;
    assert!(!without.stdout.contains("acme"), "{}", without.stdout);
}

#[tokio::test]
async fn a_broken_folder_stops_the_start_and_every_fault_is_told() {
    let dir = GatewayBuilder::bare();
    let broken = provider("https://api.acme.test/v1/").replace("name = \"Acme\"", "nmae = \"Acme\"");
    write_folder(dir.folder(), &broken, &MODELS.replace("\"10\"", "\"free\""));
    let folder = dir.folder().display().to_string();
    let data = dir.folder().join("data").display().to_string();
    let started =
        ["serve", "--listen", "127.0.0.1:0", "--data-dir", data.as_str(), "--providers-dir", folder.as_str()];
    let said = run_program(&started).await;
    assert_eq!(said.code, 1, "{}", said.stderr);
    for fault in [
        folder.as_str(),
        "acme/provider.toml: `name` is missing",
        "acme/provider.toml: unknown field `nmae`; did you mean `name`?",
        "acme/provider.toml: `base_url` \"https://api.acme.test/v1/\" must not end with `/`",
        "acme/models.toml: model \"fake-chat\": price: `output` \"free\" must be dollars",
    ] {
        assert!(said.stderr.contains(fault), "`{fault}` is not in:\n{}", said.stderr);
    }
    let missing = run_program(&["serve", "--providers-dir", "/no/such/folder", "--data-dir", &data]).await;
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.contains("/no/such/folder"), "{}", missing.stderr);
}
