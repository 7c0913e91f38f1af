//! Presets of the store: set, rolled back and removed beside a running server, and what clients and records see of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use serde_json::{Value, json};
use yumen_testkit::{Answer, Client, Gateway, KEY, Reply, Upstream, eventually};
use yumen_tests::{CHAT, MESSAGES, ask, error_code, whole_text};

const NARROW: &str = "sk-yu-narrow-0123456789abcdefghij";

fn config(upstream: &Upstream) -> String {
    let base = upstream.plain_base();
    format!(
        r#"
gateway: {{ listen: "127.0.0.1:0" }}
admin: {{ listen: "127.0.0.1:0" }}
providers:
  up:
    type: openai-compatible
    base_url: "{base}/v1"
    discovery: off
    models: {{ small: {{}}, large: {{}}, code: {{}} }}
models:
  usual: {{ deployments: [{{ provider: up, model: small }}] }}
presets:
  fixed: {{ version: "7", model: up/large }}
keys:
  - {{ name: tests, secret: "{KEY}" }}
  - {{ name: narrow, secret: "{NARROW}", models: [usual, "@preset/coder"] }}
"#
    )
}

/// An upstream that answers with the model that it was asked for.
async fn world() -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let model = request.model();
        Some(Reply::json(200, &json!({ "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
            "usage": { "prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5 },
            "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": model } }] })))
    });
    let gateway = Gateway::start(&config(&upstream)).await;
    (upstream, gateway)
}

/// Runs `yumen presets` beside the gateway; gives what it printed and told.
async fn presets(gateway: &Gateway, arguments: &[&str]) -> (String, String) {
    let config = gateway.config_path().display().to_string();
    let all = [&["presets"], arguments, &["--config", &config]].concat();
    let output = gateway.run(&all).await;
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    (output.stdout, output.stderr)
}

async fn presets_json(gateway: &Gateway, arguments: &[&str]) -> Value {
    let (printed, _) = presets(gateway, &[arguments, &["--json"]].concat()).await;
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

/// Writes a document beside the gateway.
fn file(gateway: &Gateway, name: &str, text: &str) -> String {
    let path = gateway.config_path().with_file_name(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// Polls until a request for this model is answered by that one.
async fn until_served(client: &Client, asked: &str, model: &str) -> Answer {
    let served = async || {
        let answer = client.post(CHAT, &ask(asked)).await;
        (answer.status == 200 && whole_text(&answer) == model).then_some(answer)
    };
    eventually(&format!("{asked} by {model}"), served).await
}

/// Polls until a preset is refused in words in which this stands.
async fn until_refused(client: &Client, asked: &str, said: &str) -> Answer {
    let refused = async || {
        let answer = client.post(CHAT, &ask(asked)).await;
        (answer.status != 200 && answer.text().contains(said)).then_some(answer)
    };
    eventually(&format!("a refusal of {asked}"), refused).await
}

/// The preset that the record of an exchange names.
async fn recorded(gateway: &Gateway, answer: &Answer) -> Value {
    let id = answer.header("x-generation-id");
    let record = async || {
        let output = gateway.run(&["explain", id, "--json"]).await;
        (output.code == 0).then(|| serde_json::from_str::<Value>(&output.stdout).unwrap())
    };
    eventually("the record", record).await["route"]["preset"].clone()
}

#[tokio::test]
async fn a_preset_is_set_changed_rolled_back_and_removed_beside_a_running_server() {
    let (upstream, gateway) = world().await;
    let client = gateway.client();
    let unknown = client.post(CHAT, &ask("@preset/coder")).await.expect_status(404);
    assert_eq!(error_code(&unknown), "model_not_found");
    let first = file(
        &gateway,
        "coder.yaml",
        "# the coder\nmodels: [up/code, up/small]\nsystem: You write code.\nparameters: { temperature: 0.5 }\n",
    );
    let set = presets_json(&gateway, &["set", "coder", "--file", &first]).await;
    assert_eq!(set, json!({ "name": "coder", "used": 1, "newest": 1 }));
    let answer = until_served(&client, "@preset/coder", "code").await;
    let sent = upstream.last().json();
    assert_eq!(
        (&sent["temperature"], &sent["messages"][0]["content"]),
        (&json!(0.5), &json!("You write code."))
    );
    assert_eq!(recorded(&gateway, &answer).await, "coder@1");

    // Options stand for the common part of a document.
    let told = presets(
        &gateway,
        &["set", "coder", "--model", "up/large", "--system", "${HOME} $5", "--max-tokens", "9"],
    );
    assert!(told.await.0.contains("`coder@2` is made"));
    let answer = until_served(&client, "@preset/coder", "large").await;
    assert_eq!(upstream.last().json()["messages"][0]["content"], "${HOME} $5");
    assert_eq!(recorded(&gateway, &answer).await, "coder@2");
    // A request may keep to a version, behind a model's name and by the member too.
    until_served(&client, "@preset/coder@1", "code").await;
    until_served(&client, "usual@preset/coder@2", "small").await;
    let mut body = ask("usual");
    body["preset"] = json!("coder@1");
    client.post(CHAT, &body).await.expect_status(200);
    assert_eq!(upstream.last().json()["messages"][0]["content"], "You write code.");
    for (asked, told) in
        [("@preset/coder@9", "no version `9`; version 2 is in use"), ("@preset/coder@x", "no version `x`")]
    {
        let refused = client.post(CHAT, &ask(asked)).await.expect_status(404);
        assert!(refused.text().contains(told), "{}", refused.text());
    }

    // What would be done is told with it, by a command beside the store too.
    let request = file(&gateway, "request.json", &ask("@preset/coder@1").to_string());
    let config = gateway.config_path().display().to_string();
    let told = gateway.run(&["route", &request, "--config", &config]).await;
    assert!(told.stdout.contains("with the preset `coder@1`"), "{}{}", told.stdout, told.stderr);

    presets(&gateway, &["use", "coder", "--version", "1"]).await;
    let answer = until_served(&client, "@preset/coder", "code").await;
    assert_eq!(recorded(&gateway, &answer).await, "coder@1");

    presets(&gateway, &["remove", "coder"]).await;
    let refused = until_refused(&client, "@preset/coder", "There is no preset `coder`").await;
    assert_eq!((refused.status, error_code(&refused).as_str()), (404, "model_not_found"));
    assert!(refused.text().contains("There is no preset `coder`"), "{}", refused.text());
    client.post(CHAT, &ask("@preset/coder@2")).await.expect_status(404);
    let shown = presets_json(&gateway, &["show", "coder", "--version", "1"]).await;
    assert_eq!((&shown["used"], &shown["preset"]["models"]), (&Value::Null, &json!(["up/code", "up/small"])));
    let listed = presets_json(&gateway, &["list"]).await;
    assert_eq!((&listed[0]["state"], &listed[0]["newest"]), (&json!("removed"), &json!(2)));
    // No number is used again.
    let set = presets_json(&gateway, &["set", "coder", "--model", "up/small"]).await;
    assert_eq!(set["used"], 3);
    until_served(&client, "@preset/coder", "small").await;
    until_served(&client, "@preset/coder@1", "code").await;
}

#[tokio::test]
async fn a_restart_keeps_presets_and_the_configuration_wins() {
    let (_upstream, gateway) = world().await;
    presets(&gateway, &["set", "coder", "--model", "up/code"]).await;
    let (_, told) = presets(&gateway, &["set", "fixed", "--model", "up/small"]).await;
    assert!(told.contains("the configuration has a preset `fixed`, which wins"), "{told}");
    until_served(&gateway.client(), "@preset/coder", "code").await;
    let gateway = gateway.kill().start().await;
    let client = gateway.client();
    let first = client.post(CHAT, &ask("@preset/coder")).await.expect_status(200);
    assert_eq!(whole_text(&first), "code", "known from the first request on");
    let fixed = client.post(CHAT, &ask("@preset/fixed")).await.expect_status(200);
    assert_eq!(whole_text(&fixed), "large");
    assert_eq!(recorded(&gateway, &fixed).await, "fixed@7");
    client.post(CHAT, &ask("@preset/fixed@7")).await.expect_status(200);
    client.post(CHAT, &ask("@preset/fixed@1")).await.expect_status(404);
    assert!(
        gateway.log().contains("the configuration has a preset of this name, which wins"),
        "{}",
        gateway.log()
    );
    let listed = presets_json(&gateway, &["list"]).await;
    let states: Vec<_> =
        listed.as_array().unwrap().iter().map(|row| row["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["served", "the configuration has a preset of this name, which wins"]);
    // Taken out of the file, the name stands for the store's.
    let without = std::fs::read_to_string(gateway.config_path()).unwrap().replace("fixed:", "other:");
    std::fs::write(gateway.config_path(), without).unwrap();
    until_served(&client, "@preset/fixed", "small").await;
}

#[tokio::test]
async fn a_preset_whose_models_are_gone_is_refused_and_takes_nothing_else_down() {
    let (_upstream, gateway) = world().await;
    presets(&gateway, &["set", "aliased", "--model", "usual"]).await;
    let (_, told) = presets(&gateway, &["set", "odd", "--model", "uusual"]).await;
    assert!(told.contains("no model is called so") && told.contains("write `usual`"), "{told}");
    let client = gateway.client();
    until_served(&client, "@preset/aliased", "small").await;
    let odd =
        until_refused(&client, "@preset/odd", "`odd@1` asks for models of which nothing serves any").await;
    assert_eq!((odd.status, error_code(&odd).as_str()), (404, "model_not_found"));
    let whole = std::fs::read_to_string(gateway.config_path()).unwrap();
    let renamed = whole.replace("usual:", "unusual:").replace("[usual,", "[unusual,");
    std::fs::write(gateway.config_path(), &renamed).unwrap();
    let gone = until_refused(&client, "@preset/aliased", "nothing serves any").await;
    assert_eq!(gone.status, 404);
    // With a model of the client's own it still is a preset.
    client.post(CHAT, &ask("up/large@preset/aliased")).await.expect_status(200);
    let gateway = gateway.kill().start().await;
    let client = gateway.client();
    client.post(CHAT, &ask("@preset/fixed")).await.expect_status(200);
    client.post(CHAT, &ask("@preset/aliased")).await.expect_status(404);
    assert!(gateway.log().contains("nothing serves what it asks for (usual)"), "{}", gateway.log());
    std::fs::write(gateway.config_path(), &whole).unwrap();
    until_served(&client, "@preset/aliased", "small").await;
}

#[tokio::test]
async fn keys_are_permitted_presets_of_the_store_by_name() {
    let (upstream, gateway) = world().await;
    presets(&gateway, &["set", "coder", "--model", "up/code"]).await;
    presets(&gateway, &["set", "coder", "--model", "up/large"]).await;
    presets(&gateway, &["set", "other", "--model", "up/code"]).await;
    let client = gateway.client();
    until_served(&client, "@preset/other", "code").await;
    let narrow = gateway.anonymous().key(NARROW);
    let asked = upstream.requests().len();
    let refused = narrow.post(CHAT, &ask("@preset/other")).await.expect_status(403);
    assert_eq!(error_code(&refused), "model_not_allowed");
    // The permission is for the preset, whatever its version, and not for its models.
    narrow.post(CHAT, &ask("up/large")).await.expect_status(403);
    assert_eq!(upstream.requests().len(), asked, "nobody was asked");
    until_served(&narrow, "@preset/coder", "large").await;
    until_served(&narrow, "@preset/coder@1", "code").await;
    narrow.post(MESSAGES, &ask("@preset/coder")).await.expect_status(200);
}

#[tokio::test]
async fn what_is_wrong_in_a_document_is_told_as_in_the_configuration() {
    let (_upstream, gateway) = world().await;
    let wrong = file(&gateway, "wrong.yaml", "modle: up/code\nparameters:\n  temperature: 3\n");
    let refused = gateway.run(&["presets", "set", "coder", "--file", &wrong]).await;
    assert_eq!(refused.code, 1);
    let told = &refused.stderr;
    assert!(told.contains("wrong.yaml:1:1: error: unknown field `modle` in preset; write `model`"), "{told}");
    assert!(told.contains("nothing was kept"), "{told}");
    for arguments in [
        &["set", "coder"][..],
        &["set", "a@1", "--model", "m"],
        &["set", "coder", "--model", "m", "--temperature", "9"],
        &["set", "coder", "--file", "/nowhere/at/all.yaml"],
        &["use", "coder", "--version", "1"],
        &["remove", "coder"],
        &["show", "coder"],
    ] {
        let all = [&["presets"], arguments].concat();
        assert_ne!(gateway.run(&all).await.code, 0, "{arguments:?}");
    }
    assert_eq!(presets_json(&gateway, &["list"]).await, json!([]));
    let long =
        file(&gateway, "long.yaml", &format!("parameters: {{ stop: [\"{}\"] }}\n", "x".repeat(300_000)));
    let refused = gateway.run(&["presets", "set", "coder", "--file", &long]).await;
    assert!(refused.stderr.contains("at most 262144 are kept"), "{}", refused.stderr);
}
