//! Second tries, answers that were put aside and failures together: who is asked, and that all is paid for and told once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test"
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use yumen_testkit::{Gateway, KEY, Received, Reply, Step, Upstream};
use yumen_tests::{CHAT, Surface, ask, record_of};

fn key_of(request: &Received) -> String {
    request.header("authorization").trim_start_matches("Bearer ").to_owned()
}

fn said(text: &str) -> Reply {
    Reply::json(
        200,
        &json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": text } }],
            "usage": { "prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110 } }),
    )
}

fn late(reply: Reply, ms: u64) -> Reply {
    reply.insert(0, Step::Pause(Duration::from_millis(ms)))
}

async fn gateway(upstream: &Upstream, second: &str, more: &str, settings: &str) -> Gateway {
    let base = upstream.plain_base();
    let price = "price: { input: 1, output: 1 }";
    Gateway::start(&format!(
        "gateway: {{ listen: \"127.0.0.1:0\"{settings} }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n  \
         one: {{ type: openai-compatible, base_url: \"{base}/one/v1\", discovery: off, models: {{ m: {{ {price} }} }} }}\n  \
         two: {{ type: openai-compatible, base_url: \"{base}/two/v1\", discovery: off, models: {{ m: {{ {price} }} }}, credentials: [ {second} ] }}\n\
         models:\n  smart: {{ deployments: [ {{ provider: one, model: m }}, {{ provider: two, model: m }} ], routing: {{ strategy: priority, {more} }} }}\n\
         keys:\n  - {{ name: tests, secret: \"{KEY}\" }}\n"
    ))
    .await
}

const HEDGE: &str = "hedge: { after_ms: 50, max_percent: 1000 }";

fn causes(record: &Value) -> Vec<(String, Value)> {
    let tries = record["provider_responses"].as_array().unwrap().iter();
    tries.map(|one| (one["provider"].as_str().unwrap().to_owned(), one["cause"].clone())).collect()
}

#[tokio::test]
async fn the_other_credentials_of_a_second_one_are_asked_when_the_first_one_fails() {
    let upstream = Upstream::start().await;
    upstream.script(|request| match (request.path.starts_with("/one"), key_of(request).as_str()) {
        (true, _) => Some(late(Reply::json(500, &json!({ "error": { "message": "broken" } })), 600)),
        (false, "b1") => Some(Reply::json(429, &json!({ "error": { "message": "limited" } }))),
        _ => Some(said("two")),
    });
    let gateway = gateway(&upstream, "{ secret: b1 }, { secret: b2 }", HEDGE, ", retry_rounds: 0").await;
    let answer = gateway.client().post(CHAT, &ask("smart")).await;
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    assert_eq!(answer.status, 200, "{record}");
}

#[tokio::test]
async fn a_second_one_that_was_given_up_is_asked_where_the_first_answer_does_not_fit() {
    let upstream = Upstream::start().await;
    let asked = AtomicUsize::new(0);
    upstream.script(move |request| match request.path.starts_with("/one") {
        true => Some(late(said("[]"), 600)),
        false if asked.fetch_add(1, Ordering::SeqCst) == 0 => Some(late(said("{}"), 5000)),
        false => Some(said(r#"{"a":1}"#)),
    });
    let more = format!("{HEDGE}, on_failure: {{ schema_unmet: next }}");
    let gateway = gateway(&upstream, "{ secret: b1 }", &more, "").await;
    let schema = json!({ "type": "object", "properties": { "a": { "type": "integer" } }, "required": ["a"], "additionalProperties": false });
    let body = Surface::Chat.with_schema("smart", &schema);
    let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    assert_eq!(Surface::Chat.text(&answer), r#"{"a":1}"#, "{:?}", causes(&record));
}

#[tokio::test]
async fn a_second_one_that_failed_for_a_moment_is_tried_anew() {
    let upstream = Upstream::start().await;
    let asked = AtomicUsize::new(0);
    upstream.script(move |request| match request.path.starts_with("/one") {
        true => Some(late(Reply::json(503, &json!({ "error": { "message": "away" } })), 600)),
        false if asked.fetch_add(1, Ordering::SeqCst) == 0 => {
            Some(Reply::json(503, &json!({ "error": { "message": "away" } })))
        }
        false => Some(said("two")),
    });
    let gateway = gateway(&upstream, "{ secret: b1 }", HEDGE, "").await;
    let answer = gateway.client().post(CHAT, &ask("smart")).await;
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    assert_eq!(answer.status, 200, "{:?}", causes(&record));
}

#[tokio::test]
async fn a_client_that_is_told_the_cost_is_told_all_of_it() {
    let upstream = Upstream::start().await;
    upstream.script(|request| match request.path.starts_with("/one") {
        true => Some(late(said("one"), 5000)),
        false => Some(said("two")),
    });
    let gateway = gateway(&upstream, "{ secret: b1 }", HEDGE, "").await;
    let answer = gateway.client().post("/api/v1/chat/completions", &ask("smart")).await.expect_status(200);
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    assert_eq!(answer.json()["usage"]["cost"], record["total_cost"], "{:?}", causes(&record));
}

#[tokio::test]
async fn waiting_for_the_second_one_is_no_work_of_ours() {
    let upstream = Upstream::start().await;
    upstream.script(|request| match request.path.starts_with("/one") {
        true => Some(late(Reply::json(500, &json!({ "error": { "message": "broken" } })), 300)),
        false => Some(late(said("two"), 3000)),
    });
    let gateway = gateway(&upstream, "{ secret: b1 }", HEDGE, "").await;
    let answer = gateway.client().post(CHAT, &ask("smart")).await.expect_status(200);
    let overhead: u64 = answer.header("x-yumen-overhead-us").parse().unwrap();
    assert!(overhead < 1_500_000, "{overhead}");
}

#[tokio::test]
async fn the_cost_that_is_told_of_an_answer_that_was_put_aside_is_all_of_it() {
    let upstream = Upstream::start().await;
    upstream.script(|_| Some(said("[]")));
    let gateway = gateway(&upstream, "{ secret: b1 }", "on_failure: { schema_unmet: next }", "").await;
    let schema = json!({ "type": "object", "properties": { "a": { "type": "integer" } }, "required": ["a"], "additionalProperties": false });
    let body = Surface::Chat.with_schema("smart", &schema);
    let answer = gateway.client().post("/api/v1/chat/completions", &body).await.expect_status(200);
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    assert_eq!(answer.json()["usage"]["cost"], record["total_cost"], "{:?}", causes(&record));
}

#[tokio::test]
async fn a_job_is_begun_once() {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let job = json!({ "id": "video_1", "object": "video", "status": "queued", "model": "m", "seconds": "4", "created_at": 1 });
        Some(late(Reply::json(200, &job), if request.path.starts_with("/one") { 600 } else { 900 }))
    });
    let gateway = gateway(&upstream, "{ secret: b1 }", HEDGE, "").await;
    let body = json!({ "model": "smart", "prompt": "a gate", "seconds": "4" });
    gateway.client().post("/v1/videos", &body).await.expect_status(200);
    assert_eq!(upstream.counts().received, 1, "the other one begins it, too, and is paid");
}

#[tokio::test]
async fn an_answer_that_was_put_aside_is_counted_with_its_own_credential() {
    let upstream = Upstream::start().await;
    upstream.script(|request| match request.path.starts_with("/one") {
        true => Some(said("[]")),
        false => Some(Reply::json(500, &json!({ "error": { "message": "broken" } }))),
    });
    let gateway = gateway(
        &upstream,
        "{ secret: b1, tokens_per_minute: 10000 }",
        "on_failure: { schema_unmet: next }",
        ", retry_rounds: 0",
    )
    .await;
    let schema = json!({ "type": "object", "properties": { "a": { "type": "integer" } }, "required": ["a"], "additionalProperties": false });
    let body = Surface::Chat.with_schema("smart", &schema);
    let estimate = body.to_string().len() as u64 / 4;
    assert!(estimate < 105, "{estimate}");
    gateway.client().post(CHAT, &body).await.expect_status(200);
    let status = gateway.admin().get("/status").await.expect_status(200).json();
    let reports = status["health"].as_array().unwrap();
    let two = reports.iter().find(|one| one["provider"] == "two" && one["credential"] != "").unwrap();
    assert_eq!(two["allowances"][0]["tokens"]["left"], json!(10_000 - estimate), "{two}");
}

#[tokio::test]
async fn a_client_that_leaves_after_an_answer_was_put_aside_pays_for_both() {
    let upstream = Upstream::start().await;
    upstream.script(|request| match request.path.starts_with("/one") {
        true => Some(said("[]")),
        false => Some(late(said("x"), 60_000)),
    });
    let gateway = gateway(&upstream, "{ secret: b1 }", "on_failure: { schema_unmet: next }", "").await;
    let schema = json!({ "type": "object", "properties": { "a": { "type": "integer" } }, "required": ["a"], "additionalProperties": false });
    let body = Surface::Chat.with_schema("smart", &schema);
    let client = gateway.client();
    let waiting = tokio::spawn(async move { client.post(CHAT, &body).await });
    upstream.until("both were asked", |counts| counts.received == 2).await;
    waiting.abort();
    let id = yumen_testkit::eventually("the record", async || {
        let log = gateway.log();
        let line = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find(|line| line["outcome"] == "client_gone")?;
        line["id"].as_str().map(str::to_owned)
    })
    .await;
    let record = record_of(&gateway.client(), &id).await;
    let all = record["tokens_prompt"].as_u64().unwrap() + record["tokens_completion"].as_u64().unwrap();
    assert_eq!(record["cost_nanos"].as_u64(), Some(all * 1000), "{record}");
    assert!(all > 110);
}

#[tokio::test]
async fn a_second_one_that_was_refused_for_good_is_not_asked_again_when_the_first_one_fails_too() {
    let upstream = Upstream::start().await;
    upstream.script(|request| match request.path.starts_with("/one") {
        true => Some(late(Reply::json(500, &json!({ "error": { "message": "broken" } })), 600)),
        false => Some(Reply::json(400, &json!({ "error": { "message": "wrong" } }))),
    });
    let gateway = gateway(&upstream, "{ secret: b1 }", HEDGE, "").await;
    let answer = gateway.client().post(CHAT, &ask("smart")).await.expect_status(400);
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    let told = [("two".to_owned(), json!("bad_request")), ("one".to_owned(), json!("server_error"))];
    assert_eq!(causes(&record), told, "{record}");
    assert_eq!(upstream.counts().received, 2, "{record}");
}
