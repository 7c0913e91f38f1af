//! The fakes are judges of the gateway, so they are judged first.

use http::Method;
use serde_json::{Value, json};

use super::{Reply, SCENARIOS, Step, Upstream};
use crate::client::{Answer, Client};

fn chat(model: &str, stream: bool) -> Value {
    json!({ "model": model, "stream": stream, "max_tokens": 64, "messages": [{ "role": "user", "content": "Hi" }] })
}

fn openai_text(answer: &Answer) -> String {
    let events = answer.events();
    assert!(events.iter().rfind(|event| !event.data.is_empty()).unwrap().is_done());
    let data = events.iter().filter(|event| !event.data.is_empty() && !event.is_done());
    data.filter_map(|event| event.json()["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn every_spelling_of_a_stream_says_the_same() {
    let upstream = Upstream::start().await;
    let client = Client::new(upstream.address());
    for model in [
        "fake-chat",
        "fake-crlf",
        "fake-cr",
        "fake-no-space",
        "fake-comments",
        "fake-byte-by-byte",
        "fake-bundled",
        "fake-heartbeat",
    ] {
        let answer = client.post("/v1/chat/completions", &chat(model, true)).await.expect_status(200);
        assert_eq!(openai_text(&answer), "Hello from the fake gate 玉门.", "{model}");
    }
    assert_eq!(upstream.until("all answers done", |counts| counts.open == 0).await.aborted, 0);
}

/// Where a dialect is asked, with a body that it understands.
fn question(dialect: &str, model: &str, stream: bool) -> (String, Value) {
    let contents = json!([{ "role": "user", "parts": [{ "text": "Hi" }] }]);
    match dialect {
        "gemini" if stream => {
            (format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"), json!({ "contents": contents }))
        }
        "gemini" => (format!("/v1beta/models/{model}:generateContent"), json!({ "contents": contents })),
        "responses" => ("/v1/responses".into(), json!({ "model": model, "stream": stream, "input": "Hi" })),
        "ollama" => ("/api/chat".into(), chat(model, stream)),
        path => (format!("/v1/{path}"), chat(model, stream)),
    }
}

#[tokio::test]
async fn every_dialect_answers_every_scenario_that_ends() {
    let upstream = Upstream::start().await;
    let client = Client::new(upstream.address());
    let endless = ["fake-never-answers", "fake-hold", "fake-gated", "fake-gated-first-byte", "fake-slow"];
    for model in SCENARIOS {
        if endless.iter().any(|name| model.starts_with(name)) {
            continue;
        }
        for dialect in ["chat/completions", "messages", "responses", "gemini", "ollama"] {
            for stream in [false, true] {
                let (path, body) = question(dialect, model, stream);
                let answer = client.try_send(Method::POST, &path, body.to_string()).await;
                let cut = ["fake-cut-first", "fake-cut-mid-stream"].contains(model);
                assert_eq!(answer.is_none(), cut, "{dialect} {model}");
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_counted() {
    let upstream = Upstream::start().await;
    let client = Client::new(upstream.address());
    let mut held = client.open("/v1/messages", &chat("fake-hold", true)).await;
    assert_eq!(held.next_event().await.unwrap().name, "message_start");
    assert_eq!(upstream.counts().open, 1);
    drop(held);
    upstream
        .until("the abort", |counts| counts.aborted == 1 && counts.open == 0 && counts.connections == 0)
        .await;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.post("/v1/messages", &chat("fake-never-answers", true)).await }
    });
    upstream.until("the second request", |counts| counts.open == 1).await;
    waiting.abort();
    upstream.until("the second abort", |counts| counts.aborted == 2).await;
}

#[tokio::test]
async fn scripts_gates_and_the_recorder() {
    let upstream = Upstream::start().await;
    let client = Client::new(upstream.address()).header("x-mark", "1");
    upstream.script(|request| {
        let scripted = request.model() == "mine";
        scripted.then(|| {
            Reply::stream(["data: 1\n\n", "data: 2\n\n"]).insert(1, Step::Gate).header("x-own", "yes")
        })
    });
    let mut answer = client.open("/v1/chat/completions", &chat("mine", true)).await;
    assert_eq!(answer.headers["x-own"], "yes");
    assert_eq!(answer.next_event().await.unwrap().data, "1");
    upstream.open_gate();
    assert_eq!(answer.next_event().await.unwrap().data, "2");
    assert_eq!(answer.next_event().await, None);
    client
        .post("/v1/embeddings", &json!({ "model": "fake-embed", "input": ["a", "b"] }))
        .await
        .expect_status(200);
    assert_eq!(upstream.last().header("x-mark"), "1");
    assert_eq!(upstream.requests().len(), 2);
    assert_eq!(upstream.requests()[0].model(), "mine");
}

#[tokio::test]
async fn errors_are_spelt_in_their_dialect() {
    let upstream = Upstream::start().await;
    let client = Client::new(upstream.address());
    let answer = client.post("/v1/chat/completions", &chat("fake-429", true)).await.expect_status(429);
    assert_eq!(
        (answer.header("retry-after"), &answer.json()["error"]["code"]),
        ("7", &json!("rate_limit_exceeded"))
    );
    let answer = client.post("/v1/messages", &chat("fake-529", false)).await.expect_status(529);
    assert_eq!(answer.json()["error"]["type"], "overloaded_error");
    let (path, body) = question("gemini", "fake-429", true);
    let answer = client.post(&path, &body).await.expect_status(429);
    assert_eq!(
        (answer.header("retry-after"), &answer.json()["error"]["status"]),
        ("", &json!("RESOURCE_EXHAUSTED"))
    );
}

#[tokio::test]
async fn an_errand_is_done_in_every_dialect() {
    let upstream = Upstream::start().await;
    let client = Client::new(upstream.address());
    let ask = async |path: &str, turns: &str, list: Value| {
        let path = if turns == "contents" { "/v1beta/models/fake-errand:generateContent" } else { path };
        client.post(path, &json!({ "model": "fake-errand", turns: list })).await.expect_status(200).text()
    };
    let order = "Use the tool cat with {\"file\": \"gate\"}. Thank you.";
    let told = "The tool said: dawn";
    let user = json!({ "role": "user", "content": order });
    let path = "/v1/chat/completions";
    assert!(ask(path, "messages", json!([user])).await.contains(r#"{\"file\":\"gate\"}"#));
    let result = json!({ "role": "tool", "tool_call_id": "call_1", "content": "dawn" });
    assert!(ask(path, "messages", json!([user, result])).await.contains(told));
    let path = "/v1/messages";
    assert!(ask(path, "messages", json!([user])).await.contains(r#""input":{"file":"gate"}"#));
    let result = json!({ "type": "tool_result", "tool_use_id": "toolu_1", "content": [{ "text": "dawn" }] });
    let result = json!({ "role": "user", "content": [result] });
    assert!(ask(path, "messages", json!([user, result])).await.contains(told));
    let path = "/v1/responses";
    assert!(ask(path, "input", json!([user])).await.contains(r#"{\"file\":\"gate\"}"#));
    let result = json!({ "type": "function_call_output", "call_id": "call_1", "output": "dawn" });
    assert!(ask(path, "input", json!([user, result])).await.contains(told));
    let user = json!({ "role": "user", "parts": [{ "text": order }] });
    assert!(ask(path, "contents", json!([user])).await.contains(r#""args":{"file":"gate"}"#));
    let result = json!({ "functionResponse": { "name": "cat", "response": { "output": "dawn" } } });
    let result = json!({ "role": "user", "parts": [result] });
    assert!(ask(path, "contents", json!([user, result])).await.contains(told));
    let user = json!({ "role": "user", "content": [{ "text": order }] });
    let result = json!({ "toolResult": { "toolUseId": "tooluse_1", "content": [{ "text": "dawn" }] } });
    let result = json!({ "role": "user", "content": [result] });
    assert!(
        ask("/model/fake-errand/converse", "messages", json!([user]))
            .await
            .contains(r#""input":{"file":"gate"}"#)
    );
    assert!(ask("/model/fake-errand/converse", "messages", json!([user, result])).await.contains(told));
    let user = json!({ "role": "user", "content": "Say \"Good morning.\" now" });
    assert!(ask("/v1/chat/completions", "messages", json!([user])).await.contains("\"Good morning.\""));
}
