//! Virtual keys of the store: made, listed, switched off and rotated beside a running server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use yumen_testkit::{Client, Gateway, GatewayBuilder, Upstream, eventually, run_program, standard_config};
use yumen_tests::{CHAT, ask, pair};

async fn keys(gateway: &Gateway, arguments: &[&str]) -> Value {
    let all: Vec<&str> = ["keys"].iter().chain(arguments).copied().collect();
    let output = gateway.run(&all).await;
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    serde_json::from_str(&output.stdout).unwrap_or(Value::Null)
}

fn secret(key: &Value) -> String {
    let secret = key["secret"].as_str().unwrap_or_else(|| panic!("no secret: {key}"));
    assert!(secret.starts_with("sk-yu-"), "{secret}");
    secret.to_owned()
}

/// Polls until a request with this secret is answered with this status.
async fn until_status(gateway: &Gateway, secret: &str, model: &str, status: u16) {
    let client = Client::new(gateway.address()).key(secret);
    let what = format!("status {status} for {model}");
    eventually(&what, async || (client.post(CHAT, &ask(model)).await.status == status).then_some(())).await;
}

const MODEL: &str = "fake-openai/fake-chat";

#[tokio::test]
async fn a_key_made_beside_a_running_server_works_and_is_switched_off() {
    let (_upstream, gateway) = pair().await;
    let key = secret(&keys(&gateway, &["create", "alice", "--json"]).await);
    until_status(&gateway, &key, MODEL, 200).await;
    keys(&gateway, &["disable", "alice"]).await;
    until_status(&gateway, &key, MODEL, 401).await;
    keys(&gateway, &["enable", "alice"]).await;
    until_status(&gateway, &key, MODEL, 200).await;
}

#[tokio::test]
async fn a_rotated_key_has_a_new_secret_and_the_old_one_ends() {
    let (_upstream, gateway) = pair().await;
    let old = secret(&keys(&gateway, &["create", "bob", "--json"]).await);
    until_status(&gateway, &old, MODEL, 200).await;
    let new = secret(&keys(&gateway, &["rotate", "bob", "--json"]).await);
    assert_ne!(old, new);
    until_status(&gateway, &new, MODEL, 200).await;
    until_status(&gateway, &old, MODEL, 401).await;
    let newest = secret(&keys(&gateway, &["rotate", "bob", "--grace", "1h", "--json"]).await);
    until_status(&gateway, &newest, MODEL, 200).await;
    until_status(&gateway, &new, MODEL, 200).await;
}

#[tokio::test]
async fn a_key_is_bound_to_its_models_and_rate() {
    let (_upstream, gateway) = pair().await;
    let create =
        ["create", "carol", "--model", "fake-openai/fake-c*", "--requests-per-minute", "2", "--json"];
    let key = secret(&keys(&gateway, &create).await);
    until_status(&gateway, &key, MODEL, 200).await;
    until_status(&gateway, &key, "fake-openai/fake-tools", 403).await;
    until_status(&gateway, &key, MODEL, 429).await;
}

#[tokio::test]
async fn secrets_are_shown_once_and_kept_nowhere() {
    let (_upstream, gateway) = pair().await;
    let key = secret(&keys(&gateway, &["create", "dora", "--json"]).await);
    let list = gateway.run(&["keys", "list", "--json"]).await;
    assert!(list.stdout.contains("dora"), "{}", list.stdout);
    assert!(!list.stdout.contains(&key));
    for entry in walk(&gateway.data_dir()) {
        let bytes = std::fs::read(&entry).unwrap_or_default();
        assert!(!bytes.windows(key.len()).any(|part| part == key.as_bytes()), "{}", entry.display());
    }
    let again = gateway.run(&["keys", "create", "dora"]).await;
    assert_ne!(again.code, 0, "a second key of the same name");
    assert_ne!(gateway.run(&["keys", "disable", "nobody"]).await.code, 0);
}

#[tokio::test]
async fn the_commands_find_the_store_that_the_configuration_names() {
    let upstream = Upstream::start().await;
    let builder = GatewayBuilder::bare();
    let config = builder.folder().join("elsewhere.yaml");
    let database = builder.folder().join("elsewhere").join("gate.db");
    let text =
        format!("{}store: {{ url: \"sqlite://{}\" }}\n", standard_config(&upstream), database.display());
    std::fs::write(&config, text).unwrap();
    let config = config.display().to_string();
    let gateway = builder.argument("--config").argument(&config).start().await;
    let key = secret(&keys(&gateway, &["create", "erin", "--json", "--config", &config]).await);
    until_status(&gateway, &key, MODEL, 200).await;
    let used = async || {
        let output = gateway.run(&["usage", "--by", "key", "--json", "--config", &config]).await;
        assert_eq!(output.code, 0, "{}", output.stderr);
        output.stdout.contains("erin").then_some(())
    };
    eventually("the usage of the key", used).await;
    let without = gateway.run(&["usage"]).await;
    assert_ne!(without.code, 0, "no store is made where there is none");
    assert!(without.stderr.contains("there is no store"), "{}", without.stderr);
}

#[tokio::test]
async fn only_making_a_key_makes_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data_dir = data.display().to_string();
    for command in [&["keys", "list"][..], &["keys", "disable", "x"], &["keys", "rotate", "x"], &["usage"]] {
        let output = run_program(&[command, &["--data-dir", &data_dir]].concat()).await;
        assert_eq!(output.code, 1, "{command:?}");
        assert!(output.stderr.contains("there is no store"), "{}", output.stderr);
        assert!(!data.exists(), "{command:?} made a folder");
    }
    assert_eq!(run_program(&["keys", "create", "x", "--data-dir", &data_dir]).await.code, 0);
    assert_eq!(run_program(&["keys", "list", "--data-dir", &data_dir]).await.code, 0);
    for path in std::iter::once(data.clone()).chain(walk(&data)) {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        let is_empty_lock = path.extension().is_some_and(|extension| extension == "lock");
        assert!(mode & 0o077 == 0 || is_empty_lock, "{} {mode:o}", path.display());
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}
