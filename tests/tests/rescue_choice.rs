//! Streams that break off after their first content: whether others are asked to go on with them, and who.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use yumen_testkit::{Gateway, Reply, Step, Upstream};
use yumen_tests::rescue::{begun, broken, check_sums, chunk, config, ended, nanos, rescuing, says};
use yumen_tests::{CHAT, Surface, TEXT, ask_stream, chat_text, record_of, stream_text};

#[tokio::test]
async fn what_cannot_be_gone_on_with_ends_with_an_error_as_ever() {
    let call = json!({ "tool_calls": [{ "index": 0, "id": "t1", "type": "function",
                                        "function": { "name": "look", "arguments": "{\"a\":" } }] });
    let thought = json!({ "reasoning_content": "Let me see" });
    for pieces in
        [vec![says("One "), chunk(&call)], vec![chunk(&thought)], vec![says("One "), chunk(&thought)]]
    {
        let upstream = Upstream::start().await;
        let length = pieces.len();
        upstream.script(move |request| {
            (request.model() == "fake-cut-mid-stream")
                .then(|| Reply::stream(pieces.clone()).insert(length, Step::Cut))
        });
        let gateway = rescuing(&upstream, &["fake-openai/fake-cut-mid-stream", "fake-plain/fake-chat"]).await;
        let answer = gateway.client().post(CHAT, &ask_stream("smart")).await.expect_status(200);
        assert_eq!(Surface::Chat.stream_errors(&answer.events()).len(), 1, "{}", answer.text());
        assert_eq!(upstream.requests().len(), 1);
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        assert_eq!(record["outcome"], "failed", "{record}");
    }
}

#[tokio::test]
async fn nobody_is_asked_who_cannot_go_on() {
    let upstream = Upstream::start().await;
    let gateway = rescuing(
        &upstream,
        &[
            "fake-gemini/fake-cut-mid-stream",
            "fake-openai/fake-chat",
            "fake-responses/fake-chat",
            "fake-plain/fake-chat",
        ],
    )
    .await;
    let answer = Surface::Chat.ask(&gateway.client(), "smart", true).await;
    assert_eq!(chat_text(&answer.events()), TEXT);
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    let tried: Vec<&Value> =
        record["provider_responses"].as_array().unwrap().iter().map(|one| &one["provider"]).collect();
    assert_eq!(tried, ["fake-gemini", "fake-plain"]);
}

#[tokio::test]
async fn who_refuses_a_beginning_or_fails_leaves_it_to_the_next() {
    let upstream = Upstream::start().await;
    let gateway = rescuing(
        &upstream,
        &[
            "fake-openai/fake-cut-mid-stream",
            "fake-plain/fake-400",
            "fake-anthropic/fake-500",
            "fake-gemini/fake-chat",
        ],
    )
    .await;
    let answer = Surface::Messages.ask(&gateway.client(), "smart", true).await;
    assert_eq!(Surface::Messages.stream_text(&answer.events()), TEXT);
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    let tries = record["provider_responses"].as_array().unwrap();
    let causes: Vec<&Value> = tries.iter().map(|one| &one["cause"]).collect();
    assert_eq!(causes[1..], [&json!("bad_request"), &json!("server_error"), &json!(null)], "{record}");
    check_sums(&record);
}

/// Models that think begin anew: nobody asks them.
#[tokio::test]
async fn who_thinks_is_not_asked() {
    let upstream = Upstream::start().await;
    let gateway = rescuing(
        &upstream,
        &["fake-openai/fake-cut-mid-stream", "fake-anthropic/fake-chat", "fake-ollama/fake-chat"],
    )
    .await;
    let mut body = ask_stream("smart");
    body["max_tokens"] = json!(4096);
    body["reasoning_effort"] = json!("low");
    let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
    assert_eq!(stream_text(CHAT, &answer.events()), TEXT);
    let asked = upstream.requests();
    assert!(asked.iter().all(|request| request.path != "/v1/messages"), "{:?}", asked.len());
}

#[tokio::test]
async fn a_second_one_that_breaks_too_is_gone_on_with_in_its_turn() {
    let upstream = Upstream::start().await;
    upstream.script(|request| match (request.model().as_str(), request.path.as_str()) {
        ("fake-cut-mid-stream", _) if request.json()["messages"].as_array().unwrap().len() == 1 => {
            Some(broken(&["One", " two"]))
        }
        ("fake-cut-mid-stream", _) => Some(broken(&[" three", " four"])),
        _ => Some(ended(&[" five."], 30, 2)),
    });
    let list = ["fake-openai/fake-cut-mid-stream", "fake-plain/fake-cut-mid-stream", "fake-prefix/fake-chat"];
    let gateway = rescuing(&upstream, &list).await;
    let answer = Surface::Chat.ask(&gateway.client(), "smart", true).await;
    assert_eq!(Surface::Chat.stream_text(&answer.events()), "One two three four five.");
    assert_eq!(begun(upstream.requests().last().unwrap()), "One two three four");
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    check_sums(&record);
    let tries = record["provider_responses"].as_array().unwrap();
    assert_eq!(tries.len(), 3, "{record}");
    assert!(tries[1]["cause"].is_string() && nanos(&tries[1]["cost_nanos"]) > 0, "{record}");
    assert_eq!((&tries[1]["rescue"], &tries[2]["rescue"]), (&json!(true), &json!(true)), "{record}");

    // When nobody is left, the client is told once, and all that was used is counted.
    let gateway = rescuing(&upstream, &list[..2]).await;
    let answer = Surface::Chat.ask(&gateway.client(), "smart", true).await;
    let events = answer.events();
    assert_eq!(chat_text(&events), "One two three four");
    assert_eq!(Surface::Chat.stream_errors(&events).len(), 1, "{}", answer.text());
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    assert_eq!((&record["outcome"], &record["error_code"]), (&json!("failed"), &json!("upstream_broken")));
    check_sums(&record);
}

#[tokio::test]
async fn when_all_others_fail_the_client_is_told_why_the_first_one_did() {
    let upstream = Upstream::start().await;
    let gateway =
        rescuing(&upstream, &["fake-gemini/fake-error-event", "fake-plain/fake-400", "fake-prefix/fake-500"])
            .await;
    for surface in [Surface::Chat, Surface::Messages] {
        let plain = surface.ask(&gateway.client(), "fake-gemini/fake-error-event", true).await;
        let answer = surface.ask(&gateway.client(), "smart", true).await;
        let errors = surface.stream_errors(&answer.events());
        assert_eq!(errors, surface.stream_errors(&plain.events()), "as without a rescue");
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        let without = record_of(&gateway.client(), plain.header("x-generation-id")).await;
        assert_eq!(record["outcome"], "failed", "{record}");
        for same in ["error_code", "tokens_prompt", "tokens_completion", "total_cost"] {
            assert_eq!(record[same], without[same], "{same}: {record}");
        }
    }
}

#[tokio::test]
async fn what_nobody_could_go_on_with_passes_through_as_it_is() {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let odd = chunk(&json!({ "content": "One", "odd_field": [1.50] }));
        (request.model() == "fake-chat").then(|| Reply::stream([odd, "data: [DONE]\n\n".to_owned()]))
    });
    for (list, is_whole) in [
        (["fake-prefix/fake-chat", "fake-plain/fake-400"], false),
        (["fake-prefix/fake-500", "fake-plain/fake-chat"], true),
    ] {
        let gateway = rescuing(&upstream, &list).await;
        let answer = Surface::Chat.ask(&gateway.client(), "smart", true).await.expect_status(200);
        assert_eq!(answer.text().contains("\"odd_field\":[1.5"), is_whole, "{list:?}: {}", answer.text());
    }
}

#[tokio::test]
async fn only_the_operator_turns_it_on() {
    let upstream = Upstream::start().await;
    let list: &[&str] = &["fake-openai/fake-cut-mid-stream", "fake-plain/fake-chat"];
    let off = config(&upstream, "", &[("smart", list)]);
    let by_gateway = format!("{off}routing: {{ rescue: true }}\n");
    let by_alias = config(&upstream, "rescue: true", &[("smart", list)]);
    let but_not_for_the_key =
        by_alias.replace("models: [\"*\"] }", "models: [\"*\"], routing: { rescue: false } }");
    for (config, is_rescued) in
        [(&off, false), (&by_gateway, true), (&by_alias, true), (&but_not_for_the_key, false)]
    {
        let gateway = Gateway::start(config).await;
        let mut body = ask_stream("smart");
        if !is_rescued {
            body["provider"] = json!({ "allow_fallbacks": true });
        }
        let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
        let errors = Surface::Chat.stream_errors(&answer.events()).len();
        assert_eq!(errors, usize::from(!is_rescued), "{}", answer.text());
    }
}

#[tokio::test]
async fn max_attempts_holds_for_all_tries_together() {
    let upstream = Upstream::start().await;
    let config = config(
        &upstream,
        "rescue: true",
        &[("smart", &["fake-openai/fake-cut-mid-stream", "fake-plain/fake-500", "fake-prefix/fake-chat"])],
    )
    .replace("gateway: {", "gateway: { max_attempts: 2,");
    let gateway = Gateway::start(&config).await;
    let answer = Surface::Chat.ask(&gateway.client(), "smart", true).await;
    assert_eq!(Surface::Chat.stream_errors(&answer.events()).len(), 1);
    assert_eq!(upstream.requests().len(), 2);
}

/// What a stream says before any content is no answer that broke off.
#[tokio::test]
async fn an_error_in_the_place_of_a_stream_is_told_apart_as_without_a_rescue() {
    let upstream = Upstream::start().await;
    let error = json!({ "error": { "message": "too fast", "type": "rate_limit_error", "code": 429 } });
    upstream.script(move |request| {
        let said = [format!("data: {error}\n\n")];
        (request.model() == "fake-cut-mid-stream").then(|| Reply::stream(said))
    });
    let list: &[&str] = &["fake-openai/fake-cut-mid-stream", "fake-plain/fake-chat"];
    for routing in ["rescue: false", "rescue: true"] {
        let gateway = Gateway::start(&config(&upstream, routing, &[("smart", list)])).await;
        let answer = Surface::Chat.ask(&gateway.client(), "smart", true).await.expect_status(200);
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        let cause = &record["provider_responses"][0]["cause"];
        assert_eq!(cause, "rate_limited", "{routing}: {record}");
    }
}

#[tokio::test]
async fn silence_is_a_break_too() {
    let upstream = Upstream::start().await;
    let config = config(
        &upstream,
        "rescue: true",
        &[("smart", &["fake-openai/fake-hold", "fake-anthropic/fake-chat"])],
    )
    .replace("type: openai-compatible\n", "type: openai-compatible\n    timeouts: { idle_ms: 300 }\n");
    let gateway = Gateway::start(&config).await;
    let answer = Surface::Chat.ask(&gateway.client(), "smart", true).await;
    assert_eq!(Surface::Chat.stream_text(&answer.events()), TEXT);
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    assert_eq!(record["provider_responses"][0]["cause"], "upstream_timeout", "{record}");
    upstream.until("the silent connection is left", |counts| counts.open == 0).await;
}

/// Who was tried, and why it was not the end.
fn tried(record: &Value) -> Vec<(String, Value)> {
    let tries = record["provider_responses"].as_array().unwrap().iter();
    tries.map(|one| (one["provider"].as_str().unwrap().to_owned(), one["cause"].clone())).collect()
}

#[tokio::test]
async fn what_settings_say_of_the_break_decides_whether_and_where_it_goes_on() {
    const CUT: &str = "fake-prefix/fake-cut-mid-stream";
    let same_provider: &[&str] = &[CUT, "fake-prefix/fake-chat", "fake-plain/fake-chat"];
    let same_model: &[&str] = &[CUT, "fake-plain/fake-chat", "fake-anthropic/fake-chat"];
    for (reaction, list, goes_on) in [
        ("answer_broken: next", same_provider, Some("fake-prefix")),
        ("answer_broken: retry", same_provider, Some("fake-prefix")),
        ("idle_timeout: stop", same_provider, Some("fake-prefix")),
        ("answer_broken: stop", same_provider, None),
        ("answer_broken: other_provider", same_provider, Some("fake-plain")),
        ("answer_broken: next_model", same_model, Some("fake-anthropic")),
        ("answer_broken: next_model", &same_model[..2], None),
    ] {
        let upstream = Upstream::start().await;
        let routing = format!("rescue: true, on_failure: {{ {reaction} }}");
        let mut config = config(&upstream, &routing, &[("smart", list)]);
        // The same model at the first of the providers, and at no other.
        for model in ["fake-chat", "fake-cut-mid-stream"] {
            let named = format!("{model}: {{ canonical: maker/one, price");
            config = config.replacen(&format!("{model}: {{ price"), &named, 4);
        }
        let gateway = Gateway::start(&config).await;
        let answer = Surface::Messages.ask(&gateway.client(), "smart", true).await.expect_status(200);
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        let errors = Surface::Messages.stream_errors(&answer.events()).len();
        assert_eq!(errors, usize::from(goes_on.is_none()), "{reaction} {list:?}: {record}");
        let after: Vec<String> = tried(&record).into_iter().skip(1).map(|(provider, _)| provider).collect();
        assert_eq!(after, goes_on.into_iter().collect::<Vec<_>>(), "{reaction} {list:?}: {record}");
    }
}

#[tokio::test]
async fn silence_that_settings_stop_at_is_told() {
    let upstream = Upstream::start().await;
    let list: &[&str] = &["fake-openai/fake-hold", "fake-anthropic/fake-chat"];
    let routing = "rescue: true, on_failure: { idle_timeout: stop }";
    let config = config(&upstream, routing, &[("smart", list)])
        .replace("type: openai-compatible\n", "type: openai-compatible\n    timeouts: { idle_ms: 300 }\n");
    let gateway = Gateway::start(&config).await;
    let answer = Surface::Chat.ask(&gateway.client(), "smart", true).await;
    assert_eq!(Surface::Chat.stream_errors(&answer.events()).len(), 1, "{}", answer.text());
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_beginning_that_is_refused_ends_it_where_settings_say_so() {
    let upstream = Upstream::start().await;
    let list: &[&str] = &["fake-openai/fake-cut-mid-stream", "fake-plain/fake-400", "fake-gemini/fake-chat"];
    let routing = "rescue: true, on_failure: { bad_request: stop }";
    let gateway = Gateway::start(&config(&upstream, routing, &[("smart", list)])).await;
    let answer = Surface::Chat.ask(&gateway.client(), "smart", true).await;
    assert_eq!(Surface::Chat.stream_errors(&answer.events()).len(), 1, "{}", answer.text());
    assert_eq!(upstream.requests().len(), 2);
}

const REFUSED: &str = "Your request was rejected by our safety system.";

fn refusal() -> Value {
    json!({ "error": { "message": REFUSED, "type": "invalid_request_error", "code": "content_policy_violation" } })
}

#[tokio::test]
async fn a_content_policy_in_the_middle_sends_it_to_another_provider() {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let said = [says("One "), format!("data: {}\n\n", refusal())];
        (request.model() == "fake-cut-mid-stream").then(|| Reply::stream(said))
    });
    let list = ["fake-prefix/fake-cut-mid-stream", "fake-prefix/fake-chat", "fake-plain/fake-chat"];
    let gateway = rescuing(&upstream, &list).await;
    let answer = Surface::Chat.ask(&gateway.client(), "smart", true).await;
    assert_eq!(Surface::Chat.stream_errors(&answer.events()), [""; 0], "{}", answer.text());
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    let providers: Vec<String> = tried(&record).into_iter().map(|(provider, _)| provider).collect();
    assert_eq!(providers, ["fake-prefix", "fake-plain"], "{record}");
}

#[tokio::test]
async fn a_rescue_keeps_to_what_earlier_failures_have_left() {
    let upstream = Upstream::start().await;
    upstream.script(|request| (request.model() == "fake-400").then(|| Reply::json(400, &refusal())));
    let list = [
        "fake-prefix/fake-400",
        "fake-openai/fake-cut-mid-stream",
        "fake-prefix/fake-chat",
        "fake-plain/fake-chat",
    ];
    let gateway = rescuing(&upstream, &list).await;
    let answer = Surface::Chat.ask(&gateway.client(), "smart", true).await;
    assert_eq!(Surface::Chat.stream_errors(&answer.events()), [""; 0], "{}", answer.text());
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    let told = tried(&record);
    assert_eq!(told[0], ("fake-prefix".to_owned(), json!("content_policy")), "{record}");
    let providers: Vec<&str> = told.iter().map(|(provider, _)| &**provider).collect();
    assert_eq!(providers, ["fake-prefix", "fake-openai", "fake-plain"], "{record}");
}

#[tokio::test]
async fn max_attempts_holds_with_tries_beside_others_too() {
    let upstream = Upstream::start().await;
    let beside = AtomicUsize::new(0);
    upstream.script(move |request| match request.model().as_str() {
        "fake-cut-mid-stream" => {
            Some(broken(&["One ", "two "]).insert(0, Step::Pause(Duration::from_millis(300))))
        }
        "fake-never-answers" if beside.fetch_add(1, Ordering::SeqCst) > 0 => {
            Some(Reply::json(500, &json!({ "error": { "message": "broken" } })))
        }
        _ => None,
    });
    let list: &[&str] = &[
        "fake-openai/fake-cut-mid-stream",
        "fake-plain/fake-never-answers",
        "fake-prefix/fake-500",
        "fake-gemini/fake-chat",
    ];
    let routing = "rescue: true, hedge: { after_ms: 30, max_percent: 1000 }";
    let config = config(&upstream, routing, &[("smart", list)])
        .replace("gateway: {", "gateway: { max_attempts: 3, retry_rounds: 0,");
    let gateway = Gateway::start(&config).await;
    let answer = Surface::Chat.ask(&gateway.client(), "smart", true).await;
    assert_eq!(Surface::Chat.stream_errors(&answer.events()).len(), 1, "{}", answer.text());
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    assert_eq!(tried(&record).len(), 3, "{record}");
    assert_eq!(upstream.counts().received, 3, "{record}");
}
