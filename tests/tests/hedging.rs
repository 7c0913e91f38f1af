//! A second deployment asked beside a slow one: who wins, who is given up, and that both are paid for once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use serde_json::{Value, json};
use yumen_testkit::{Gateway, KEY, Reply, Step, Upstream, eventually};
use yumen_tests::{CHAT, SURFACES, TEXT, ask, ask_stream, record_of};

/// Two servers of each dialect, `slow` and `fast`, whose models each test chooses.
fn config(upstream: &Upstream, hedge: &str, slow: &str, fast: &str) -> String {
    let (openai, plain) = (upstream.openai_base(), upstream.plain_base());
    let price = "price: { input: 1, output: 2 }";
    let mut config = String::from(
        "gateway: { listen: \"127.0.0.1:0\" }\nadmin: { listen: \"127.0.0.1:0\" }\nproviders:\n",
    );
    for (name, model, cost) in [("slow", slow, price), ("fast", fast, "price: { input: 3, output: 6 }")] {
        config += &format!(
            "  {name}-openai: {{ type: openai-compatible, base_url: \"{openai}\", discovery: off, models: {{ {model}: {{ {cost} }} }} }}\n  \
             {name}-anthropic: {{ type: anthropic, base_url: \"{plain}\", credentials: [ {{ secret: upstream-{name} }} ], models: {{ {model}: {{ {cost} }} }} }}\n"
        );
    }
    config += "models:\n";
    for dialect in ["openai", "anthropic"] {
        config += &format!(
            "  {dialect}: {{ deployments: [ {{ provider: slow-{dialect}, model: {slow} }}, {{ provider: fast-{dialect}, model: {fast} }} ], routing: {{ strategy: priority, hedge: {hedge} }} }}\n"
        );
    }
    config + &format!("keys:\n  - {{ name: tests, secret: \"{KEY}\" }}\n")
}

const AT_ONCE: &str = "{ after_ms: 30, max_percent: 1000 }";

/// The attempts of a record as (provider, cause).
fn attempts(record: &Value) -> Vec<(String, Value)> {
    let tries = record["provider_responses"].as_array().unwrap();
    tries.iter().map(|one| (one["provider"].as_str().unwrap().to_owned(), one["cause"].clone())).collect()
}

fn nanos(dollars: &Value) -> u64 {
    (dollars.as_f64().unwrap() * 1e9).round() as u64
}

#[tokio::test]
async fn the_first_content_wins_and_the_slow_one_is_given_up() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::start(&config(&upstream, AT_ONCE, "fake-never-answers", "fake-chat")).await;
    for surface in SURFACES {
        for (model, stream) in
            [("openai", false), ("openai", true), ("anthropic", false), ("anthropic", true)]
        {
            let what = format!("{surface:?} {model} {stream}");
            let aborted = upstream.counts().aborted;
            let answer = surface.ask(&gateway.client(), model, stream).await.expect_status(200);
            let text = if stream { surface.stream_text(&answer.events()) } else { surface.text(&answer) };
            assert_eq!(text, TEXT, "{what}");
            upstream
                .until("the slow one is left", |counts| counts.aborted > aborted && counts.open == 0)
                .await;
            let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
            let expected =
                [(format!("slow-{model}"), json!("hedged")), (format!("fast-{model}"), Value::Null)];
            assert_eq!(attempts(&record), expected, "{what}");
            assert_eq!(
                (&record["provider_name"], &record["outcome"]),
                (&json!(format!("fast-{model}")), &json!("completed")),
                "{what}"
            );
            let lost = &record["provider_responses"][0];
            let input = lost["tokens"]["input"].as_u64().unwrap();
            assert_eq!(lost["cost_nanos"].as_u64().unwrap(), input * 1000, "{what}: {lost}");
            let own = 3000 * record["tokens_prompt"].as_u64().unwrap()
                + 6000 * record["tokens_completion"].as_u64().unwrap();
            assert_eq!(nanos(&record["total_cost"]), own + input * 1000, "{what}: {record}");
        }
    }
}

#[tokio::test]
async fn the_first_one_may_still_win() {
    let upstream = Upstream::start().await;
    let gateway =
        Gateway::start(&config(&upstream, AT_ONCE, "fake-slow-first-byte", "fake-never-answers")).await;
    for stream in [false, true] {
        let body = if stream { ask_stream("openai") } else { ask("openai") };
        let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        let expected = [("fast-openai".to_owned(), json!("hedged")), ("slow-openai".to_owned(), Value::Null)];
        assert_eq!(attempts(&record), expected, "who answered stands last: {record}");
        let input = record["provider_responses"][0]["tokens"]["input"].as_u64().unwrap();
        let own = 1000 * record["tokens_prompt"].as_u64().unwrap()
            + 2000 * record["tokens_completion"].as_u64().unwrap();
        assert_eq!(nanos(&record["total_cost"]), own + input * 3000, "{record}");
    }
    upstream.until("the other one is left", |counts| counts.open == 0).await;
}

#[tokio::test]
async fn when_one_of_the_two_fails_the_other_one_answers() {
    let upstream = Upstream::start().await;
    // The first fails while the second works; then the second while the first does.
    for (slow, fast, causes) in [
        ("late-failure", "fake-slow-first-byte", [json!("server_error"), Value::Null]),
        ("fake-slow-first-byte", "fake-500", [json!("server_error"), Value::Null]),
    ] {
        upstream.script(|request| {
            let late = Reply::json(500, &json!({ "error": { "message": "broken" } }));
            (request.model() == "late-failure")
                .then(|| late.insert(0, Step::Pause(std::time::Duration::from_millis(200))))
        });
        let gateway = Gateway::start(&config(&upstream, AT_ONCE, slow, fast)).await;
        let answer = gateway.client().post(CHAT, &ask("openai")).await.expect_status(200);
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        let told: Vec<Value> = attempts(&record).into_iter().map(|(_, cause)| cause).collect();
        assert_eq!(told, causes, "{record}");
    }
}

#[tokio::test]
async fn both_failing_tell_the_client_once() {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let late = Reply::json(500, &json!({ "error": { "message": "broken" } }));
        (request.model() == "late-failure")
            .then(|| late.insert(0, Step::Pause(std::time::Duration::from_millis(200))))
    });
    let config = config(&upstream, AT_ONCE, "late-failure", "fake-500")
        .replace("gateway: {", "gateway: { retry_rounds: 0,");
    let gateway = Gateway::start(&config).await;
    let answer = gateway.client().post(CHAT, &ask("openai")).await.expect_status(500);
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    assert_eq!(attempts(&record).len(), 2, "neither is tried twice: {record}");
    assert_eq!(record["total_cost"], Value::Null, "{record}");
}

#[tokio::test]
async fn a_client_that_leaves_while_two_work_leaves_one_record_with_both_costs() {
    let upstream = Upstream::start().await;
    for stream in [false, true] {
        let gateway =
            Gateway::start(&config(&upstream, AT_ONCE, "fake-never-answers", "fake-never-answers")).await;
        let client = gateway.client();
        let seen = upstream.counts();
        let body = if stream { ask_stream("openai") } else { ask("openai") };
        let waiting = tokio::spawn(async move { client.post(CHAT, &body).await });
        upstream.until("both work", |counts| counts.received == seen.received + 2).await;
        waiting.abort();
        upstream
            .until("both are left", |counts| counts.aborted == seen.aborted + 2 && counts.open == 0)
            .await;
        let told = eventually("the record", async || {
            let log = gateway.log();
            let told = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let records: Vec<Value> = told.filter(|line| line["outcome"] == "client_gone").collect();
            (!records.is_empty()).then_some(records)
        })
        .await;
        assert_eq!(told.len(), 1);
        let record = record_of(&gateway.client(), told[0]["id"].as_str().unwrap()).await;
        let gone = |name: &str| (name.to_owned(), json!("client_gone"));
        assert_eq!(attempts(&record), [gone("fast-openai"), gone("slow-openai")], "{record}");
        let input = record["provider_responses"][0]["tokens"]["input"].as_u64().unwrap();
        assert!(input > 0);
        let own = 1000 * record["tokens_prompt"].as_u64().unwrap();
        assert_eq!(nanos(&record["total_cost"]), own + 3000 * input, "{record}");
    }
}

#[tokio::test]
async fn second_tries_are_bounded_by_what_they_cost() {
    let upstream = Upstream::start().await;
    let hedge = "{ after_ms: 30, max_percent: 10 }";
    let gateway = Gateway::start(&config(&upstream, hedge, "fake-slow-first-byte", "fake-chat")).await;
    for expected in [
        vec![("slow-openai".to_owned(), json!("hedged")), ("fast-openai".to_owned(), Value::Null)],
        // One is always allowed; at three times the price another one is after thirty exchanges.
        vec![("slow-openai".to_owned(), Value::Null)],
    ] {
        let answer = gateway.client().post(CHAT, &ask("openai")).await.expect_status(200);
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        assert_eq!(attempts(&record), expected, "{record}");
    }
}

#[tokio::test]
async fn slow_is_what_is_slower_than_it_has_been() {
    let upstream = Upstream::start().await;
    let hedge = "{ percentile: 90, max_percent: 100 }";
    let gateway = Gateway::start(&config(&upstream, hedge, "fake-gated", "fake-chat")).await;
    upstream.script(|_| None);
    let slow_answer = |slow: bool| {
        upstream.script(move |request| {
            let waits = slow && request.model() == "fake-gated";
            let said = json!({ "id": "x", "object": "chat.completion", "created": 1, "model": "m",
                "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": "quick" } }],
                "usage": { "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 } });
            match (waits, request.model() == "fake-gated") {
                (true, _) => Some(Reply::json(200, &said).insert(0, Step::Gate)),
                (_, true) => Some(Reply::json(200, &said)),
                _ => None,
            }
        });
    };
    upstream.close_gate();
    slow_answer(false);
    for _ in 0..20 {
        let answer = gateway.client().post(CHAT, &ask("openai")).await.expect_status(200);
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        assert_eq!(record["provider_name"], "slow-openai", "too little is known yet: {record}");
    }
    slow_answer(true);
    let answer = gateway.client().post(CHAT, &ask("openai")).await.expect_status(200);
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    let expected = [("slow-openai".to_owned(), json!("hedged")), ("fast-openai".to_owned(), Value::Null)];
    assert_eq!(attempts(&record), expected, "{record}");
    upstream.open_gate();
}

#[tokio::test]
async fn where_the_next_one_has_begun_to_fail_the_one_after_it_is_asked_beside() {
    let upstream = Upstream::start().await;
    let third = format!(
        "  third: {{ type: openai-compatible, base_url: \"{}\", discovery: off, models: {{ fake-chat: {{}} }} }}\nmodels:\n",
        upstream.openai_base()
    );
    let next = "provider: fast-openai, model: fake-500 }";
    let config = config(&upstream, "{ after_ms: 1500, max_percent: 1000 }", "fake-never-answers", "fake-500")
        .replace("models:\n  openai", &format!("{third}  openai"))
        .replace(next, &format!("{next}, {{ provider: third, model: fake-chat }}"))
        .replacen("gateway: {", "gateway: { retry_rounds: 0,", 1);
    let gateway = Gateway::start(&config).await;
    let client = gateway.client();
    let asked = tokio::spawn(async move { client.post(CHAT, &ask("openai")).await });
    upstream.until("the first one works", |counts| counts.received == 1).await;
    // Since the choice was made, nobody is to try the next one any more, and those who ask it again keep it so.
    while !asked.is_finished() {
        gateway.client().post(CHAT, &ask("fast-openai/fake-500")).await;
    }
    let answer = asked.await.unwrap().expect_status(200);
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    let expected = [("slow-openai".to_owned(), json!("hedged")), ("third".to_owned(), Value::Null)];
    assert_eq!(attempts(&record), expected, "{record}");
}
