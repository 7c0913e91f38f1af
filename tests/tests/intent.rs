//! What a message is about, told to rules by patterns, a small model or embeddings.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use serde_json::{Value, json};
use yumen_testkit::{Answer, Client, Gateway, KEY, Reply, Step, Upstream, eventually};
use yumen_tests::{CHAT, MESSAGES, ask, whole_text};

/// A question in a body of its own.
fn about(text: &str) -> Value {
    let mut body = ask("up/usual");
    body["messages"] = json!([{ "role": "user", "content": text }]);
    body
}

/// How an exchange was routed, as its answer tells those who ask.
fn route(answer: &Answer) -> Value {
    serde_json::from_str::<Value>(answer.header("x-yumen-explain")).unwrap()["route"].clone()
}

async fn served(client: &Client, path: &str, body: &Value) -> String {
    whole_text(&client.post(path, body).await.expect_status(200))
}

/// A gateway whose rule reads the category of messages, told in this way, and an upstream that also tells it.
async fn sorting(intent: &str) -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let body = request.json();
        if let Some(input) = body["input"].as_array() {
            // Texts about rain point one way, texts about sums the other.
            let vector = |text: &Value| match text.as_str().unwrap() {
                text if text.contains("rain") => json!([0.9, 0.2]),
                _ => json!([0.1, 0.8]),
            };
            let rows = input.iter().enumerate();
            let rows: Vec<Value> =
                rows.map(|(at, text)| json!({ "object": "embedding", "index": at, "embedding": vector(text) })).collect();
            return Some(Reply::json(200, &json!({ "object": "list", "model": "vectors", "data": rows,
                "usage": { "prompt_tokens": 4, "total_tokens": 4 } })));
        }
        let model = body["model"].as_str()?.to_owned();
        let said = body["messages"].as_array()?.last()?["content"].as_str().unwrap_or_default().to_owned();
        let content = match model.as_str() {
            "sorter" if said.contains("broken") => {
                return Some(Reply::json(500, &json!({ "error": { "message": "broken", "type": "server_error" } })));
            }
            "sorter" if said.contains("rain") => " Weather.".to_owned(),
            "sorter" => "I cannot say".to_owned(),
            _ => model.clone(),
        };
        Some(Reply::json(200, &json!({ "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
            "usage": { "prompt_tokens": 100, "completion_tokens": 2, "total_tokens": 102 },
            "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": content } }] })))
    });
    let base = upstream.plain_base();
    let config = format!(
        r#"
gateway: {{ listen: "127.0.0.1:0", retry_rounds: 0 }}
admin: {{ listen: "127.0.0.1:0" }}
providers:
  up:
    type: openai-compatible
    base_url: "{base}/v1"
    discovery: off
    models:
      usual: {{}}
      clouds: {{}}
      sums: {{}}
      sorter: {{ price: {{ input: 10, output: 10 }} }}
      vectors: {{ operations: [embeddings] }}
intent:
  {intent}
  default: other
  categories:
    - {{ name: maths, patterns: ['\d+ ?\+ ?\d+'], examples: ["Add these numbers", "What is the sum?"] }}
    - {{ name: weather, description: Rain and sun., examples: ["Will it rain?"] }}
rules:
  - {{ name: never-asks, when: 'header["x-plain"] == "1"', then: {{ model: up/usual }} }}
  - {{ name: maths, when: category == "maths", then: {{ model: up/sums }} }}
  - {{ name: weather, when: category == "weather", then: {{ model: up/clouds }} }}
keys:
  - {{ name: tests, secret: "{KEY}" }}
"#
    );
    let gateway = Gateway::start(&config).await;
    (upstream, gateway)
}

/// How often a model was asked.
fn asked(upstream: &Upstream, model: &str) -> usize {
    upstream.requests().iter().filter(|request| request.model() == model).count()
}

#[tokio::test]
async fn a_small_model_tells_what_a_message_is_about() {
    let (upstream, gateway) = sorting("by: model\n  model: up/sorter\n  timeout_ms: 10000").await;
    let client = gateway.client().header("x-yumen-explain", "1");
    assert_eq!(served(&client, CHAT, &about("What is 1 + 2?")).await, "sums");
    let plain = client.clone().header("x-plain", "1");
    assert_eq!(served(&plain, CHAT, &about("Will there be rain?")).await, "usual");
    assert_eq!(asked(&upstream, "sorter"), 0, "patterns and other rules need no model");
    for _ in 0..2 {
        let answer = client.post(CHAT, &about("Will there be rain?")).await.expect_status(200);
        assert_eq!(whole_text(&answer), "clouds");
        assert_eq!(
            (&route(&answer)["category"], &route(&answer)["rule"]),
            (&json!("weather"), &json!("weather"))
        );
    }
    assert_eq!(asked(&upstream, "sorter"), 1, "the same message is not asked again");
    assert_eq!(served(&client, MESSAGES, &about("Hm?")).await, "usual");
    assert_eq!(served(&client, MESSAGES, &about("Hm?")).await, "usual");
    assert_eq!(asked(&upstream, "sorter"), 2);
    // Who cannot say is asked again the next time, and nobody's request fails by it.
    for expected in 3..=4 {
        let answer = client.post(CHAT, &about("broken")).await.expect_status(200);
        assert_eq!((whole_text(&answer), &route(&answer)["category"]), ("usual".into(), &json!("other")));
        assert_eq!(asked(&upstream, "sorter"), expected);
    }
    // What it cost stands in records of its own.
    let metrics = async || {
        let page = gateway.admin().get("/metrics").await.text();
        let of_intent =
            |line: &&str| line.contains("operation=\"intent\"") && line.starts_with("yumen_requests_total");
        let counts: Vec<&str> =
            page.lines().filter(of_intent).filter_map(|line| line.split(' ').nth(1)).collect();
        (counts.iter().filter_map(|count| count.parse::<u32>().ok()).sum::<u32>() == 4).then_some(page)
    };
    let page = eventually("the records of what was asked", metrics).await;
    let cost = "yumen_cost_nano_usd_total{provider=\"up\",model=\"sorter\"} ";
    let cost = page.lines().find_map(|line| line.strip_prefix(cost)).expect("a cost");
    assert_eq!(cost, (2 * 102 * 10_000).to_string());
}

#[tokio::test]
async fn the_nearest_example_tells_what_a_message_is_about() {
    let (upstream, gateway) = sorting("by: embedding\n  model: up/vectors\n  timeout_ms: 10000").await;
    let client = gateway.client();
    // The first request has the examples asked for and does not wait for them.
    assert_eq!(served(&client, CHAT, &about("Much rain today?")).await, "usual");
    let learnt = async || {
        let found = served(&client, CHAT, &about("Much rain today?")).await;
        (found == "clouds").then_some(())
    };
    eventually("the examples are there", learnt).await;
    assert_eq!(served(&client, CHAT, &about("Count them up")).await, "sums");
    let before = asked(&upstream, "vectors");
    assert_eq!(served(&client, CHAT, &about("Count them up")).await, "sums");
    assert_eq!(asked(&upstream, "vectors"), before, "the same message is not asked again");
}

#[tokio::test]
async fn a_model_that_takes_too_long_is_not_waited_for() {
    let (upstream, gateway) = sorting("by: model\n  model: up/sorter\n  timeout_ms: 10").await;
    upstream.script(|request| {
        let model = request.model();
        let answer = json!({ "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
            "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": model } }] });
        let reply = Reply::json(200, &answer);
        Some(if model == "sorter" { reply.insert(0, Step::Gate) } else { reply })
    });
    upstream.close_gate();
    let client = gateway.client().header("x-yumen-explain", "1");
    let answer = client.post(CHAT, &about("Will there be rain?")).await.expect_status(200);
    assert_eq!((whole_text(&answer), &route(&answer)["category"]), ("usual".into(), &json!("other")));
    upstream.open_gate();
}
