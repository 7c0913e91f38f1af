//! Servers are asked which models they have while the gateway runs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::sync::{Arc, Mutex};

use http::Method;
use serde_json::{Value, json};
use yumen_testkit::{Gateway, KEY, Reply, Upstream, eventually};
use yumen_tests::{CHAT, TEXT, ask, ask_stream, stream_text, whole_text};

/// A configuration with these providers.
fn config(providers: &str) -> String {
    format!(
        "gateway: {{ listen: \"127.0.0.1:0\" }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n{providers}\
         keys:\n  - {{ name: test, secret: \"{KEY}\", models: [\"*\"] }}\n"
    )
}

/// A provider that is asked every second.
fn provider(name: &str, kind: &str, upstream: &Upstream, more: &str) -> String {
    let base = upstream.openai_base();
    format!("  {name}: {{ type: {kind}, base_url: \"{base}\", discovery_ms: 1000{more} }}\n")
}

/// What a scripted server lists; `None` while it is down.
type Shelf = Arc<Mutex<Option<Vec<Value>>>>;

/// Lets an upstream list what stands on the shelf, as vLLM does.
fn shelve(upstream: &Upstream, models: Vec<Value>) -> Shelf {
    let shelf: Shelf = Arc::new(Mutex::new(Some(models)));
    let listed = Arc::clone(&shelf);
    upstream.script(move |request| {
        let asked = request.method == Method::GET && request.path == "/v1/models";
        asked.then(|| match &*listed.lock().unwrap() {
            Some(models) => Reply::json(200, &json!({ "object": "list", "data": models })),
            None => Reply::json(503, &json!({ "error": "loading" })),
        })
    });
    shelf
}

fn model(id: &str, context: u64) -> Value {
    json!({ "id": id, "object": "model", "owned_by": "vllm", "max_model_len": context })
}

/// The entry of OpenRouter's list for a model.
async fn listed(gateway: &Gateway, name: &str) -> Option<Value> {
    let answer = gateway.client().get("/api/v1/models").await.expect_status(200);
    answer.json()["data"].as_array()?.iter().find(|model| model["id"] == name).cloned()
}

async fn until_listed(gateway: &Gateway, name: &str) -> Value {
    eventually(&format!("the model {name}"), async || listed(gateway, name).await).await
}

/// How often the upstream was asked for its list so far.
fn rounds(upstream: &Upstream) -> usize {
    upstream.requests().iter().filter(|request| request.method == Method::GET).count()
}

async fn after_another_round(upstream: &Upstream) {
    let before = rounds(upstream);
    // The second one begins after what the first has told was taken.
    eventually("another round", async || (rounds(upstream) >= before + 2).then_some(())).await;
}

#[tokio::test]
async fn a_model_appears_when_the_server_learns_it() {
    let upstream = Upstream::start().await;
    let shelf = shelve(&upstream, vec![model("fake-chat", 40_960)]);
    let gateway = Gateway::start(&config(&provider(
        "mine",
        "vllm",
        &upstream,
        ", credentials: [ { secret: s3cret } ]",
    )))
    .await;
    let entry = until_listed(&gateway, "mine/fake-chat").await;
    assert_eq!(entry["context_length"], 40_960);
    assert_eq!(upstream.requests()[0].header("authorization"), "Bearer s3cret");
    assert_eq!(upstream.requests()[0].header("content-type"), "");
    let answer = gateway.client().post(CHAT, &ask("fake-chat")).await.expect_status(200);
    assert_eq!(whole_text(&answer), TEXT);

    gateway.client().post(CHAT, &ask("fake-cached")).await.expect_status(404);
    *shelf.lock().unwrap() = Some(vec![model("fake-chat", 8_192), model("fake-cached", 1_024)]);
    let entry = until_listed(&gateway, "mine/fake-cached").await;
    assert_eq!(entry["context_length"], 1_024);
    assert_eq!(listed(&gateway, "mine/fake-chat").await.unwrap()["context_length"], 8_192);
    gateway.client().post(CHAT, &ask("fake-cached")).await.expect_status(200);
    let plain = gateway.client().get("/v1/models").await.json();
    let ids: Vec<_> = plain["data"].as_array().unwrap().iter().map(|model| model["id"].clone()).collect();
    assert_eq!(ids, ["mine/fake-cached", "mine/fake-chat"]);
    let unknown = gateway.client().post(CHAT, &ask("fake-cachet")).await;
    assert!(unknown.text().contains("fake-cached"), "{}", unknown.text());

    // What the server has no more is gone as well.
    *shelf.lock().unwrap() = Some(vec![model("fake-cached", 1_024)]);
    eventually("one model less", async || listed(&gateway, "mine/fake-chat").await.is_none().then_some(()))
        .await;
}

#[tokio::test]
async fn a_native_name_is_free_while_one_server_has_it() {
    let (one, two) = (Upstream::start().await, Upstream::start().await);
    shelve(&one, vec![model("fake-chat", 1_000)]);
    let shelf = shelve(&two, vec![]);
    let providers = provider("one", "vllm", &one, "") + &provider("two", "openai-compatible", &two, "");
    let gateway = Gateway::start(&config(&providers)).await;
    until_listed(&gateway, "one/fake-chat").await;
    gateway.client().post(CHAT, &ask("fake-chat")).await.expect_status(200);
    *shelf.lock().unwrap() = Some(vec![model("fake-chat", 2_000)]);
    until_listed(&gateway, "two/fake-chat").await;
    gateway.client().post(CHAT, &ask("fake-chat")).await.expect_status(404);
    gateway.client().post(CHAT, &ask("two/fake-chat")).await.expect_status(200);
}

#[tokio::test]
async fn what_is_configured_wins() {
    let upstream = Upstream::start().await;
    shelve(&upstream, vec![model("fake-chat", 40_960), model("fake-cached", 1_024)]);
    let own = ", models: { fake-chat: { context: 5000, price: { input: 2, output: 4 } }, fake-json: {} }";
    let aliases = "models:\n  smart: { deployments: [ { provider: mine, model: fake-cached } ] }\n";
    let gateway = Gateway::start(&(config(&provider("mine", "vllm", &upstream, own)) + aliases)).await;
    until_listed(&gateway, "mine/fake-cached").await;
    let entry = listed(&gateway, "mine/fake-chat").await.unwrap();
    assert_eq!((&entry["context_length"], &entry["pricing"]["prompt"]), (&json!(5_000), &json!("0.000002")));
    assert!(listed(&gateway, "mine/fake-json").await.is_some(), "what is configured need not be told");
    assert_eq!(listed(&gateway, "smart").await.unwrap()["context_length"], 1_024);
    gateway.client().post(CHAT, &ask("smart")).await.expect_status(200);
}

#[tokio::test]
async fn a_server_that_is_down_keeps_its_models() {
    let upstream = Upstream::start().await;
    let shelf = shelve(&upstream, vec![model("fake-chat", 40_960)]);
    let gateway = Gateway::start(&config(&provider("mine", "sglang", &upstream, ""))).await;
    until_listed(&gateway, "mine/fake-chat").await;
    *shelf.lock().unwrap() = None;
    after_another_round(&upstream).await;
    assert_eq!(listed(&gateway, "mine/fake-chat").await.unwrap()["context_length"], 40_960);
    assert!(!gateway.log().contains("503"), "nobody wants to read of each round: {}", gateway.log());
    *shelf.lock().unwrap() = Some(vec![model("fake-cached", 1_024)]);
    until_listed(&gateway, "mine/fake-cached").await;
}

#[tokio::test]
async fn nobody_is_asked_who_is_not_to_be() {
    let (off, named, asked) = (Upstream::start().await, Upstream::start().await, Upstream::start().await);
    let providers = provider("off", "vllm", &off, ", discovery: off")
        + &provider("named", "openai-compatible", &named, ", models: { fake-chat: {} }")
        + &provider("asked", "openai-compatible", &asked, ", models: { fake-chat: {} }, discovery: openai");
    let gateway = Gateway::start(&config(&providers)).await;
    until_listed(&gateway, "asked/fake-cached").await;
    after_another_round(&asked).await;
    assert_eq!((off.counts().received, named.counts().received), (0, 0));
    assert!(listed(&gateway, "named/fake-cached").await.is_none());
}

#[tokio::test]
async fn a_reload_keeps_them_and_open_streams() {
    let upstream = Upstream::start().await;
    let shelf = shelve(&upstream, vec![model("fake-gated", 40_960)]);
    let mine = provider("mine", "vllm", &upstream, "");
    let gateway = Gateway::start(&config(&mine)).await;
    until_listed(&gateway, "mine/fake-gated").await;
    let mut stream = gateway.client().open(CHAT, &ask_stream("fake-gated")).await;
    let mut events = vec![stream.next_event().await.unwrap()];
    // From now on the server is down: what is there after the reload was kept.
    *shelf.lock().unwrap() = None;
    let alias = "models:\n  smart: { deployments: [ { provider: mine, model: fake-gated } ] }\n";
    std::fs::write(gateway.config_path(), config(&mine) + alias).unwrap();
    assert_eq!(until_listed(&gateway, "smart").await["context_length"], 40_960);
    assert!(listed(&gateway, "mine/fake-gated").await.is_some());
    upstream.open_gate();
    while let Some(event) = stream.next_event().await {
        events.push(event);
    }
    assert_eq!(stream_text(CHAT, &events), TEXT);
    // Of another server they are not.
    let other = Upstream::start().await;
    shelve(&other, vec![model("fake-json", 7)]);
    std::fs::write(gateway.config_path(), config(&provider("mine", "vllm", &other, ""))).unwrap();
    until_listed(&gateway, "mine/fake-json").await;
    assert!(listed(&gateway, "mine/fake-gated").await.is_none());
}

#[tokio::test]
async fn llama_cpp_and_ollama_tell_more() {
    let (llama, ollama) = (Upstream::start().await, Upstream::start().await);
    llama.script(|request| match request.path.as_str() {
        "/v1/models" => Some(Reply::json(200, &json!({ "data": [{ "id": "fake-chat", "meta": { "n_ctx_train": 9 } }] }))),
        "/props" => Some(Reply::json(
            200,
            &json!({ "default_generation_settings": { "n_ctx": 4096 }, "modalities": { "vision": true, "audio": false } }),
        )),
        _ => None,
    });
    ollama.script(|request| match request.path.as_str() {
        "/api/tags" => Some(Reply::json(
            200,
            &json!({ "models": [
            { "name": "fake-tools:latest", "model": "fake-tools:latest", "digest": "d1" },
            { "name": "broken", "model": "broken", "digest": "d2" },
        ] }),
        )),
        "/api/show" if request.model() == "fake-tools:latest" => Some(Reply::json(
            200,
            &json!({
                "model_info": { "general.architecture": "qwen3", "qwen3.context_length": 32768 },
                "capabilities": ["completion", "tools", "thinking"],
            }),
        )),
        "/api/show" => Some(Reply::json(500, &json!({ "error": "broken" }))),
        _ => None,
    });
    let providers = provider("llama", "llama-cpp", &llama, "") + &provider("home", "ollama", &ollama, "");
    let gateway = Gateway::start(&config(&providers)).await;
    let entry = until_listed(&gateway, "llama/fake-chat").await;
    assert_eq!(entry["context_length"], 4_096);
    assert_eq!(entry["architecture"]["input_modalities"], json!(["text", "image"]));
    let entry = until_listed(&gateway, "home/fake-tools:latest").await;
    assert_eq!(entry["context_length"], 32_768);
    let parameters = entry["supported_parameters"].to_string();
    assert!(parameters.contains("\"tools\"") && parameters.contains("\"reasoning\""), "{parameters}");
    assert!(listed(&gateway, "home/broken").await.is_some(), "what is not shown has its name");
    // The tag that is meant when none is said.
    gateway.client().post(CHAT, &ask("fake-tools")).await.expect_status(200);
    // What has been shown is not asked for again while its digest stays.
    let asked_for = |path: &str, model: &str| {
        let requests = ollama.requests();
        requests.iter().filter(|request| request.path == path && request.model() == model).count()
    };
    eventually("three rounds", async || (asked_for("/api/tags", "") >= 3).then_some(())).await;
    assert_eq!(asked_for("/api/show", "fake-tools:latest"), 1);
    assert!(asked_for("/api/show", "broken") >= 2);
}

#[tokio::test]
async fn the_command_that_lists_models_asks_servers_too() {
    let upstream = Upstream::start().await;
    let shelf = shelve(&upstream, vec![model("qwen3-8b", 32768)]);
    let gateway = Gateway::start(&config(&provider("my-vllm", "vllm", &upstream, ""))).await;
    let path = gateway.config_path().display().to_string();
    let list = async |more: &[&str]| {
        let arguments: Vec<&str> =
            ["models", "--config", &path, "--json"].into_iter().chain(more.iter().copied()).collect();
        gateway.run(&arguments).await
    };
    let asked = list(&[]).await;
    let models: Value = serde_json::from_str(&asked.stdout).unwrap();
    assert_eq!((&models[0]["native_id"], &models[0]["context"]), (&json!("qwen3-8b"), &json!(32768)));
    let configured = list(&["--no-discovery"]).await;
    assert_eq!(configured.stdout.trim(), "[]", "{}", configured.stderr);
    *shelf.lock().unwrap() = None;
    let down = list(&[]).await;
    assert_eq!((down.code, down.stdout.trim()), (0, "[]"));
    assert!(down.stderr.contains("my-vllm: its server does not say its models"), "{}", down.stderr);
}
