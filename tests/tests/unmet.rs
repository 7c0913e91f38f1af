//! Answers that do not fit the schema that was asked for: a better one is asked for where settings say so, and all are paid.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use yumen_testkit::{Gateway, KEY, Reply, Upstream};
use yumen_tests::{Surface, record_of};

const FIT: &str = r#"{"city":"Dunhuang","degrees":21}"#;
const UNFIT: &str = r#"{"city":"Dunhuang","degrees":"warm"}"#;

/// An upstream that says these texts one after the other, the last one for ever.
async fn saying(texts: &'static [&'static str]) -> Upstream {
    let upstream = Upstream::start().await;
    let asked = AtomicUsize::new(0);
    upstream.script(move |_| {
        let number = asked.fetch_add(1, Ordering::SeqCst);
        let text = texts[number.min(texts.len() - 1)];
        Some(Reply::json(
            200,
            &json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m",
                "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": text } }],
                "usage": { "prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110 } }),
        ))
    });
    upstream
}

async fn gateway(upstream: &Upstream, reaction: &str) -> Gateway {
    let base = upstream.openai_base();
    let price = "price: { input: 1, output: 1 }";
    Gateway::start(&format!(
        "gateway: {{ listen: \"127.0.0.1:0\" }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n  \
         one: {{ type: openai-compatible, base_url: \"{base}\", discovery: off, models: {{ m: {{ {price} }} }} }}\n  \
         two: {{ type: openai-compatible, base_url: \"{base}\", discovery: off, models: {{ n: {{ {price} }} }} }}\n\
         models:\n  smart: {{ deployments: [ {{ provider: one, model: m }} ], fallbacks: [ two/n ], \
         routing: {{ on_failure: {{ {reaction} }} }} }}\n  \
         alone: {{ deployments: [ {{ provider: one, model: m }} ], routing: {{ on_failure: {{ {reaction} }} }} }}\n\
         keys:\n  - {{ name: tests, secret: \"{KEY}\" }}\n"
    ))
    .await
}

fn schema() -> Value {
    json!({ "type": "object", "properties": { "city": { "type": "string" }, "degrees": { "type": "integer" } },
            "required": ["city", "degrees"], "additionalProperties": false })
}

/// Asks for JSON; gives the text and the record.
async fn ask(gateway: &Gateway, surface: Surface, model: &str) -> (String, Value) {
    let body = surface.with_schema(model, &schema());
    let answer = gateway.client().post(&surface.path(model, false), &body).await.expect_status(200);
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    (surface.text(&answer), record)
}

fn causes(record: &Value) -> Vec<(&str, &Value)> {
    let tries = record["provider_responses"].as_array().unwrap().iter();
    tries.map(|one| (one["provider"].as_str().unwrap(), &one["cause"])).collect()
}

#[tokio::test]
async fn without_a_setting_it_is_sent_on() {
    let upstream = saying(&[UNFIT]).await;
    let gateway = gateway(&upstream, "").await;
    let (text, record) = ask(&gateway, Surface::Chat, "smart").await;
    assert_eq!((text.as_str(), upstream.counts().received), (UNFIT, 1));
    assert_eq!(record["heal"]["schema_valid"], json!(false), "{record}");
}

#[tokio::test]
async fn another_deployment_is_asked_and_both_are_paid() {
    for surface in [Surface::Chat, Surface::Messages, Surface::Responses] {
        let upstream = saying(&[UNFIT, FIT]).await;
        let gateway = gateway(&upstream, "schema_unmet: next").await;
        let (text, record) = ask(&gateway, surface, "smart").await;
        assert_eq!(text, FIT, "{surface:?}");
        assert_eq!(causes(&record), [("one", &json!("schema_unmet")), ("two", &Value::Null)], "{record}");
        assert_eq!(
            (&record["cost_nanos"], &record["tokens_prompt"]),
            (&json!(220_000), &json!(200)),
            "{record}"
        );
        assert_eq!(record["provider_responses"][0]["cost_nanos"], json!(110_000), "{record}");
    }
}

#[tokio::test]
async fn the_same_one_is_asked_again_where_there_is_no_other() {
    let upstream = saying(&[UNFIT, "no JSON at all", FIT]).await;
    let gateway = gateway(&upstream, "schema_unmet: retry").await;
    let (text, record) = ask(&gateway, Surface::Chat, "alone").await;
    // One round of tries anew: the second answer is no better, so that the first one stands.
    assert_eq!((text.as_str(), upstream.counts().received), (UNFIT, 2), "{record}");
    let (text, _) = ask(&gateway, Surface::Chat, "alone").await;
    assert_eq!(text, FIT);
}

#[tokio::test]
async fn when_none_fits_the_first_one_is_the_answer_and_all_are_paid_once() {
    let upstream = saying(&[UNFIT, "[]"]).await;
    let gateway = gateway(&upstream, "schema_unmet: next").await;
    let (text, record) = ask(&gateway, Surface::Chat, "smart").await;
    assert_eq!(text, UNFIT);
    assert_eq!(causes(&record), [("two", &json!("schema_unmet")), ("one", &Value::Null)], "{record}");
    assert_eq!(
        (&record["provider_name"], &record["outcome"]),
        (&json!("one"), &json!("completed")),
        "{record}"
    );
    assert_eq!((&record["cost_nanos"], &record["tokens_prompt"]), (&json!(220_000), &json!(200)), "{record}");
}
