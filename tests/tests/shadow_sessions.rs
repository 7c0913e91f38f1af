//! Copies of requests to a candidate that is the alias itself: sessions of clients stay where they are.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where its ground gives way"
)]

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use yumen_testkit::{Gateway, KEY, Reply, Upstream, eventually};
use yumen_tests::rescue::ended;
use yumen_tests::{CHAT, ask_stream, record_of};

async fn gateway(upstream: &Upstream) -> Gateway {
    let base = upstream.plain_base();
    let server = |name: &str| {
        format!(
            "  {name}: {{ type: openai-compatible, base_url: \"{base}/{name}/v1\", discovery: off, models: {{ m: {{}} }} }}\n"
        )
    };
    Gateway::start(&format!(
        "gateway: {{ listen: \"127.0.0.1:0\", retry_rounds: 0 }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\nlog: {{ format: json }}\nproviders:\n{}{}\
         models:\n  smart: {{ deployments: [ {{ provider: one, model: m }}, {{ provider: two, model: m }} ], routing: {{ sticky: session }}, \
         shadow: {{ model: smart, percent: 100, max_per_minute: 100, max_concurrent: 10 }} }}\n\
         keys:\n  - {{ name: tests, secret: \"{KEY}\" }}\n",
        server("one"),
        server("two"),
    ))
    .await
}

#[tokio::test]
async fn a_copy_to_the_alias_itself_moves_no_session_of_a_client() {
    let upstream = Upstream::start().await;
    // Clients ask for streams, copies are asked whole: those fail where the first client was served.
    let served = Arc::new(Mutex::new(None));
    let first = Arc::clone(&served);
    upstream.script(move |request| {
        let server = request.path.split('/').nth(1).unwrap().to_owned();
        if request.json()["stream"] == true {
            first.lock().unwrap().get_or_insert(server);
            return Some(ended(&["Hello"], 10, 2));
        }
        let fails = first.lock().unwrap().as_deref() == Some(&*server);
        let answer = json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": "Hello" } }],
            "usage": { "prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12 } });
        Some(match fails {
            true => Reply::json(500, &json!({ "error": { "message": "not now" } })),
            false => Reply::json(200, &answer),
        })
    });
    let gateway = gateway(&upstream).await;
    let client = gateway.client().header("x-session-id", "journey");
    for number in 1..=2 {
        let answer = client.post(CHAT, &ask_stream("smart")).await.expect_status(200);
        let id = answer.header("x-generation-id").to_owned();
        assert!(answer.text().contains("[DONE]"));
        let record = record_of(&gateway.client(), &id).await;
        assert_eq!(record["provider_name"].as_str(), served.lock().unwrap().as_deref(), "{number}: {record}");
        let copied = async || {
            let log = gateway.log();
            let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            lines.find(|line| line["shadow_of"] == id.as_str())
        };
        eventually("the copy", copied).await;
    }
}
