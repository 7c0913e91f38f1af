//! Virtual keys of the store: made, listed, switched off and rotated beside a running server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use yumen_testkit::{
    Client, Gateway, GatewayBuilder, Reply, Upstream, eventually, run_program, standard_config,
};
use yumen_tests::{CHAT, ask, pair, whole_text};

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
async fn a_key_is_changed_beside_a_running_server() {
    let (_upstream, gateway) = pair().await;
    let create = ["create", "eve", "--model", "fake-openai/*", "--tag", "a", "--json"];
    let key = secret(&keys(&gateway, &create).await);
    until_status(&gateway, &key, MODEL, 200).await;
    let update = ["update", "eve", "--model", "other/*", "--team", "red", "--concurrency", "2", "--json"];
    let expected = json!({ "models": ["other/*"], "concurrency": 2, "tags": ["a"], "team": "red" });
    assert_eq!(keys(&gateway, &update).await["spec"], expected);
    until_status(&gateway, &key, MODEL, 403).await;
    let update = ["update", "eve", "--name", "eva", "--clear", "models", "--clear", "tags", "--json"];
    assert_eq!(
        keys(&gateway, &update).await["spec"],
        json!({ "models": ["*"], "concurrency": 2, "team": "red" })
    );
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

/// Two servers of one model, of which only `private` keeps nothing.
fn two_servers(upstream: &Upstream) -> String {
    let base = upstream.plain_base();
    format!(
        r#"
gateway: {{ listen: "127.0.0.1:0" }}
admin: {{ listen: "127.0.0.1:0" }}
providers:
  open: {{ type: openai-compatible, base_url: "{base}/open/v1", discovery: off, models: {{ m: {{}}, only-here: {{}} }} }}
  private: {{ type: openai-compatible, base_url: "{base}/private/v1", discovery: off, models: {{ m: {{}} }},
             data_policy: {{ trains: false, retention_days: 0 }} }}
models:
  both: {{ deployments: [{{ provider: open, model: m, weight: 1000 }}, {{ provider: private, model: m }}] }}
rules:
  - {{ name: by-tag, when: '"beta" in tags', then: {{ model: open/only-here }} }}
"#
    )
}

async fn world_of_two() -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let mut said = format!("{} {}", request.path.split('/').nth(1)?, request.model());
        if !request.json()["response_format"].is_null() {
            said = "{\"broken\": [1, 2".to_owned();
        }
        Some(Reply::json(200, &json!({ "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": said } }],
            "usage": { "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 } })))
    });
    let gateway = Gateway::start(&two_servers(&upstream)).await;
    (upstream, gateway)
}

#[tokio::test]
async fn a_keys_routing_is_a_hard_filter_that_fails_closed() {
    let (upstream, gateway) = world_of_two().await;
    let file = gateway.config_path().with_file_name("routing.yaml");
    std::fs::write(&file, "zdr: true\nstrategy: priority\n").unwrap();
    let create = ["create", "zoe", "--routing", file.to_str().unwrap(), "--json"];
    let made = keys(&gateway, &create).await;
    assert_eq!(made["spec"]["routing"], json!({ "zdr": true, "strategy": "priority" }));
    let client = Client::new(gateway.address()).key(&secret(&made));
    until_status(&gateway, &secret(&made), "both", 200).await;
    for _ in 0..5 {
        assert_eq!(whole_text(&client.post(CHAT, &ask("both")).await), "private m");
    }
    let before = upstream.requests().len();
    let refused = client.post(CHAT, &ask("open/only-here")).await.expect_status(404);
    assert!(refused.text().contains("data_policy:zdr"), "{}", refused.text());
    // No request widens what its key says.
    let mut body = ask("open/only-here");
    body["provider"] = json!({ "zdr": false });
    client.post(CHAT, &body).await.expect_status(404);
    assert_eq!(upstream.requests().len(), before, "nobody was asked");
    let listed = keys(&gateway, &["list", "--json"]).await;
    let zoe = listed.as_array().unwrap().iter().find(|key| key["name"] == "zoe").unwrap();
    assert_eq!(zoe["spec"]["routing"]["zdr"], true);
}

#[tokio::test]
async fn a_keys_tags_are_read_by_rules_and_it_says_whether_json_is_healed() {
    let (_upstream, gateway) = world_of_two().await;
    let plain = secret(&keys(&gateway, &["create", "plain", "--json"]).await);
    let create = ["create", "beta", "--tag", "beta", "--tag", "red", "--heal-json", "false", "--json"];
    let made = keys(&gateway, &create).await;
    assert_eq!((&made["spec"]["tags"], &made["spec"]["heal_json"]), (&json!(["beta", "red"]), &json!(false)));
    let tagged = secret(&made);
    until_status(&gateway, &plain, "both", 200).await;
    until_status(&gateway, &tagged, "both", 200).await;
    let client = |key: &str| Client::new(gateway.address()).key(key);
    assert_eq!(whole_text(&client(&tagged).post(CHAT, &ask("both")).await), "open only-here");
    assert!(whole_text(&client(&plain).post(CHAT, &ask("both")).await).ends_with(" m"));
    let mut body = ask("both");
    body["response_format"] = json!({ "type": "json_object" });
    assert_eq!(whole_text(&client(&tagged).post(CHAT, &body).await), "{\"broken\": [1, 2");
    let healed: Value = serde_json::from_str(&whole_text(&client(&plain).post(CHAT, &body).await)).unwrap();
    assert_eq!(healed, json!({ "broken": [1, 2] }));
}

#[tokio::test]
async fn what_is_wrong_in_a_keys_routing_is_told_and_no_key_is_made() {
    let (_upstream, gateway) = world_of_two().await;
    let file = gateway.config_path().with_file_name("routing.yaml");
    std::fs::write(&file, "zdr: true\nonyl: [open]\n").unwrap();
    let refused = gateway.run(&["keys", "create", "x", "--routing", file.to_str().unwrap()]).await;
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("routing.yaml:2:1: error: unknown field `onyl` in routing; write `only`"),
        "{}",
        refused.stderr
    );
    let refused = gateway.run(&["keys", "create", "x", "--routing", "{\"zdr\": 3}"]).await;
    assert!(refused.stderr.contains("--routing:1:9: error:"), "{}", refused.stderr);
    assert_ne!(gateway.run(&["keys", "create", "x", "--tag", ""]).await.code, 0);
    let listed = keys(&gateway, &["list", "--json"]).await;
    assert!(listed.as_array().unwrap().iter().all(|key| key["name"] != "x"), "{listed}");
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
