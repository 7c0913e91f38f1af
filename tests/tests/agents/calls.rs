//! Programs that cannot be started here: the calls that they make, with the settings that their pages say.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::json;
use yumen_testkit::{Client, KEY};
use yumen_tests::{PROVIDERS, TEXT, chat_text, install, payloads, whole_text};

use crate::trial::{SECRET_OF_THE_GATE, Trial, installed, tell};

/// The libraries of `tests/clients/node`, installed by whoever comes first.
pub async fn node_libraries() -> &'static Result<PathBuf, String> {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    tokio::task::spawn_blocking(|| FOLDER.get_or_init(|| install::node("node"))).await.unwrap()
}

/// What stands behind `name` in the lines of a block.
fn setting<'a>(block: &'a str, name: &str) -> &'a str {
    let value = block.lines().find_map(|line| line.strip_prefix(name));
    value.unwrap_or_else(|| panic!("no {name} in\n{block}")).trim_matches('"')
}

#[tokio::test(flavor = "multi_thread")]
async fn editors() {
    let name = "Cursor, Cline and other editors";
    let folder = installed(name, node_libraries().await);
    let trial = Trial::begin(name, "cursor-and-cline.md").await;
    for provider in PROVIDERS {
        let model = Trial::model(provider);
        let block = trial.block("text", &model);
        let mut command = Command::new("node");
        command
            .args(["--input-type=module", "-e", include_str!("editor.mjs")])
            .current_dir(&folder)
            .env("EDITOR_BASE_URL", setting(&block, "Base URL: "))
            .env("EDITOR_API_KEY", setting(&block, "API key: "))
            .env("EDITOR_MODEL", setting(&block, "Model: "))
            .env("EDITOR_ORDER", "Use the tool read_file with {\"path\":\"gate.txt\"}");
        let said = trial.run(&mut command).await;
        let expected = format!("{TEXT}\nThe tool said: {SECRET_OF_THE_GATE}\n");
        assert_eq!(said, expected, "{provider}");
        trial.expect_records(&model).await;
    }
    tell(name, "not run", "they need a screen; their calls were sent by the openai library instead");
}

#[tokio::test(flavor = "multi_thread")]
async fn open_webui() {
    let trial = Trial::begin("Open WebUI", "open-webui.md").await;
    for provider in PROVIDERS {
        let model = Trial::model(provider);
        let block = trial.block("sh", &model);
        let base = setting(&block, "export OPENAI_API_BASE_URL=");
        let path = base.strip_prefix(&trial.gateway.url()).unwrap();
        let key = setting(&block, "export OPENAI_API_KEY=");
        assert_eq!(key, KEY);
        let client = Client::new(trial.gateway.address()).key(key);
        let models = client.get(&format!("{path}/models")).await.expect_status(200).json();
        let listed = models["data"].as_array().unwrap();
        assert!(listed.iter().any(|entry| entry["id"] == *model && entry["object"] == "model"), "{models}");
        let messages = json!([{ "role": "user", "content": "What is it?" }]);
        let chat = format!("{path}/chat/completions");
        let body = json!({ "model": model, "messages": messages, "stream": true,
                           "stream_options": { "include_usage": true } });
        let events = client.post(&chat, &body).await.expect_status(200).events();
        assert_eq!(chat_text(&events), TEXT);
        assert!(payloads(&events).iter().any(|chunk| chunk["usage"]["completion_tokens"] == 7));
        // The title of a chat.
        let body =
            json!({ "model": model, "messages": messages, "stream": false, "max_completion_tokens": 1000 });
        assert_eq!(whole_text(&client.post(&chat, &body).await.expect_status(200)), TEXT);
        trial.expect_records(&model).await;
    }
    tell("Open WebUI", "not run", "too large to install for a test; its calls were sent instead");
}
