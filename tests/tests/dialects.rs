//! OpenAI clients at Anthropic-style upstreams and the reverse: what each side sees.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use serde_json::{Value, json};
use yumen_testkit::{Event, Gateway, Upstream, standard_config};
use yumen_tests::{CHAT, MESSAGES, TEXT, ask, ask_stream, record_of, stream_text, whole_text};

const COMBINATIONS: [(&str, &str); 4] = [
    (CHAT, "fake-openai"),
    (CHAT, "fake-anthropic"),
    (MESSAGES, "fake-openai"),
    (MESSAGES, "fake-anthropic"),
];

async fn pair() -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream).await;
    (upstream, gateway)
}

#[tokio::test]
async fn text_in_all_four_combinations() {
    let (upstream, gateway) = pair().await;
    for (path, provider) in COMBINATIONS {
        let model = format!("{provider}/fake-chat");
        let whole = gateway.client().post(path, &ask(&model)).await.expect_status(200);
        assert_eq!(whole_text(&whole), TEXT, "{path} {provider}");
        let expected = if provider == "fake-openai" { CHAT } else { MESSAGES };
        assert_eq!(upstream.last().path, expected);
        assert_eq!(upstream.last().model(), "fake-chat");
        assert_eq!(upstream.last().json()["max_tokens"], 64);
        let stream = gateway.client().post(path, &ask_stream(&model)).await.expect_status(200);
        assert!(stream.header("content-type").starts_with("text/event-stream"));
        assert_eq!(stream_text(path, &stream.events()), TEXT, "{path} {provider}");
        for answer in [whole, stream] {
            let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
            assert_eq!(
                (&record["tokens_prompt"], &record["tokens_completion"]),
                (&json!(21), &json!(7)),
                "{record}"
            );
            assert_eq!(record["cost_nanos"], 21 * 1_500 + 7 * 6_000, "{record}");
        }
    }
}

#[tokio::test]
async fn credentials_go_as_each_upstream_wants_them() {
    let (upstream, gateway) = pair().await;
    for (path, provider) in COMBINATIONS {
        gateway.client().post(path, &ask(&format!("{provider}/fake-chat"))).await.expect_status(200);
        let request = upstream.last();
        if provider == "fake-openai" {
            assert_eq!(request.header("authorization"), "Bearer upstream-openai-secret");
            assert!(
                !request.headers.contains_key("x-api-key")
                    && !request.headers.contains_key("anthropic-version")
            );
        } else {
            assert_eq!(request.header("x-api-key"), "upstream-anthropic-secret");
            assert!(!request.headers.contains_key("authorization"));
            assert!(!request.header("anthropic-version").is_empty());
        }
    }
}

/// The structural rules of an Anthropic stream (pitfall 43).
fn check_order(events: &[Event]) {
    let mut open: Option<u64> = None;
    let mut next = 0;
    let named: Vec<&Event> =
        events.iter().filter(|event| !["", "ping"].contains(&event.name.as_str())).collect();
    assert_eq!(named.first().unwrap().name, "message_start");
    assert_eq!(named.last().unwrap().name, "message_stop");
    assert_eq!(named[named.len() - 2].name, "message_delta");
    for event in &named[1..named.len() - 2] {
        let (data, index) = (event.json(), event.json()["index"].as_u64());
        assert_eq!(data["type"], event.name.as_str());
        match event.name.as_str() {
            "content_block_start" => {
                assert_eq!((open, index), (None, Some(next)), "{events:?}");
                (open, next) = (index, next + 1);
            }
            "content_block_delta" => assert_eq!(open, index, "{events:?}"),
            "content_block_stop" => assert_eq!(open.take(), index, "{events:?}"),
            other => panic!("{other} within a message: {events:?}"),
        }
    }
    assert_eq!(open, None);
}

#[tokio::test]
async fn pitfall_43_anthropic_streams_keep_their_order() {
    let (_upstream, gateway) = pair().await;
    for provider in ["fake-openai", "fake-anthropic"] {
        for model in [
            "fake-chat",
            "fake-tools",
            "fake-parallel-tools",
            "fake-zero-arg",
            "fake-thinking",
            "fake-text-and-tools",
            "fake-refusal",
        ] {
            let answer = gateway.client().post(MESSAGES, &ask_stream(&format!("{provider}/{model}"))).await;
            check_order(&answer.expect_status(200).events());
        }
    }
}

/// The tool calls of an OpenAI stream put together, with the rules of their deltas checked.
fn calls(events: &[Event]) -> Vec<(String, String, String)> {
    let mut calls: Vec<(String, String, String)> = Vec::new();
    let mut roles = 0;
    for event in events.iter().filter(|event| !event.data.is_empty() && !event.is_done()) {
        let chunk = event.json();
        let Some(choice) = chunk["choices"].get(0) else { continue };
        assert!(choice["delta"].is_object(), "pitfall 37: {chunk}");
        assert!(choice.as_object().unwrap().contains_key("finish_reason"), "{chunk}");
        roles += usize::from(choice["delta"]["role"].is_string());
        for part in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let index = part["index"].as_u64().unwrap() as usize;
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            if index == calls.len() {
                calls.push((text(&part["id"]), text(&part["function"]["name"]), String::new()));
            }
            assert!(index < calls.len(), "pitfall 33: indexes rise from 0 one by one: {chunk}");
            calls[index].2.push_str(&text(&part["function"]["arguments"]));
        }
    }
    assert_eq!(roles, 1, "pitfall 32: the role is said once");
    calls
}

#[tokio::test]
async fn pitfall_31_32_33_37_streamed_tool_calls_are_well_formed() {
    let (_upstream, gateway) = pair().await;
    for provider in ["fake-openai", "fake-anthropic"] {
        for (model, expected) in [
            ("fake-tools", vec![("weather", "{\"city\":\"Dunhuang\"}")]),
            (
                "fake-parallel-tools",
                vec![("weather", "{\"city\":\"Dunhuang\"}"), ("weather", "{\"city\":\"Kashgar\"}")],
            ),
            ("fake-zero-arg", vec![("now", "{}")]),
            ("fake-text-and-tools", vec![("weather", "{\"city\":\"Dunhuang\"}")]),
        ] {
            let answer = gateway.client().post(CHAT, &ask_stream(&format!("{provider}/{model}"))).await;
            let events = answer.expect_status(200).events();
            let calls = calls(&events);
            let seen: Vec<(&str, &str)> =
                calls.iter().map(|call| (call.1.as_str(), call.2.as_str())).collect();
            assert_eq!(seen, expected, "{provider}/{model}");
            assert!(calls.iter().all(|call| !call.0.is_empty()));
            let finish = events.iter().rev().filter(|event| !event.is_done() && !event.data.is_empty());
            let finish = finish
                .filter_map(|event| event.json()["choices"][0]["finish_reason"].as_str().map(str::to_owned));
            assert_eq!(finish.collect::<Vec<_>>(), ["tool_calls"], "{provider}/{model}");
        }
    }
}

#[tokio::test]
async fn pitfall_36_cut_arguments_are_told_as_cut() {
    let (_upstream, gateway) = pair().await;
    for provider in ["fake-openai", "fake-anthropic"] {
        let body = ask_stream(&format!("{provider}/fake-cut-arguments"));
        let events = gateway.client().post(CHAT, &body).await.expect_status(200).events();
        assert_eq!(calls(&events)[0].2, "{\"city\":\"Dunh");
        assert!(events.iter().any(|event| event.data.contains("\"finish_reason\":\"length\"")), "{events:?}");
        let events = gateway.client().post(MESSAGES, &body).await.expect_status(200).events();
        assert!(
            events.iter().any(|event| event.data.contains("\"stop_reason\":\"max_tokens\"")),
            "{events:?}"
        );
    }
}

#[tokio::test]
async fn a_tool_conversation_crosses() {
    let (upstream, gateway) = pair().await;
    let tool = json!({ "type": "function", "function": { "name": "weather", "description": "d", "parameters": { "type": "object" } } });
    let call = |id: &str| json!({ "id": id, "type": "function", "function": { "name": "weather", "arguments": "{\"city\":\"Dunhuang\"}" } });
    let body = json!({ "model": "fake-anthropic/fake-tools", "tools": [tool], "messages": [
        { "role": "system", "content": "Be brief." }, { "role": "user", "content": "Weather?" },
        { "role": "assistant", "content": null, "tool_calls": [call("a"), call("b")] },
        { "role": "tool", "tool_call_id": "a", "content": "21" }, { "role": "tool", "tool_call_id": "b", "content": "22" }
    ] });
    gateway.client().post(CHAT, &body).await.expect_status(200);
    let sent = upstream.last().json();
    assert_eq!(
        sent["tools"][0],
        json!({ "name": "weather", "description": "d", "input_schema": { "type": "object" } })
    );
    assert!(sent["max_tokens"].as_u64().unwrap() > 0, "Anthropic insists on a limit");
    let roles: Vec<&str> = sent["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["user", "assistant", "user"], "both results stand in one turn");
    assert_eq!(sent["messages"][1]["content"][0]["input"], json!({ "city": "Dunhuang" }));
    assert_eq!(sent["messages"][2]["content"][1]["tool_use_id"], "b");
}

#[tokio::test]
async fn pitfall_39_40_thinking_crosses_and_keeps_its_signature() {
    let (upstream, gateway) = pair().await;
    for provider in ["fake-openai", "fake-anthropic"] {
        let model = format!("{provider}/fake-thinking");
        let whole = gateway.client().post(CHAT, &ask(&model)).await.expect_status(200).json();
        assert_eq!(whole["choices"][0]["message"]["reasoning_content"], "The gate is in the west.");
        let message = gateway.client().post(MESSAGES, &ask(&model)).await.expect_status(200).json();
        assert_eq!(message["content"][0]["type"], "thinking");
        assert_eq!(message["content"][0]["thinking"], "The gate is in the west.");
    }
    let signed = json!({ "type": "thinking", "thinking": "a", "signature": "c2ln" });
    let unsigned = json!({ "type": "thinking", "thinking": "b", "signature": "" });
    let redacted = json!({ "type": "redacted_thinking", "data": "ZGF0YQ==" });
    for (provider, same) in [("fake-anthropic", true), ("fake-openai", false)] {
        let mut body = ask(&format!("{provider}/fake-chat"));
        body["messages"] = json!([{ "role": "user", "content": "Hi" },
            { "role": "assistant", "content": [signed, unsigned, redacted, { "type": "text", "text": "Yes" }] },
            { "role": "user", "content": "And?" }]);
        gateway.anthropic_client().post(MESSAGES, &body).await.expect_status(200);
        let sent = upstream.last().json()["messages"][1]["content"].clone();
        if same {
            assert_eq!(sent, body["messages"][1]["content"], "the bytes pass through");
        } else {
            assert!(!sent.to_string().contains("c2ln"), "{sent}");
        }
    }
}

#[tokio::test]
async fn pitfall_26_27_cached_tokens_are_counted_once() {
    let (_upstream, gateway) = pair().await;
    for (path, provider) in COMBINATIONS {
        for stream in [false, true] {
            let mut body = ask(&format!("{provider}/fake-cached"));
            body["stream"] = json!(stream);
            let answer = gateway.client().post(path, &body).await.expect_status(200);
            let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
            let what = format!("{path} {provider} {stream}: {record}");
            assert_eq!(record["tokens_prompt"], 1021, "{what}");
            assert_eq!(record["native_tokens_cached"], 800, "{what}");
        }
    }
}

#[tokio::test]
async fn upstream_errors_keep_status_and_message_in_the_clients_dialect() {
    let (_upstream, gateway) = pair().await;
    for (path, provider) in COMBINATIONS {
        for (status, kind) in [
            (400, "invalid_request_error"),
            (403, "permission_error"),
            (404, "not_found_error"),
            (429, "rate_limit_error"),
            (500, "api_error"),
        ] {
            let answer = gateway.client().post(path, &ask(&format!("{provider}/fake-{status}"))).await;
            let body = answer.clone().expect_status(status).json();
            let what = format!("{path} {provider} {status}: {body}");
            assert!(
                body["error"]["message"].as_str().unwrap().contains(&format!("fake upstream says {status}")),
                "{what}"
            );
            if path == MESSAGES {
                assert_eq!(
                    (&body["type"], &body["error"]["type"]),
                    (&json!("error"), &json!(kind)),
                    "{what}"
                );
            }
            assert_eq!(answer.header("retry-after") == "7", status == 429, "{what}");
        }
    }
}

#[tokio::test]
async fn what_cannot_cross_is_recorded() {
    let (_upstream, gateway) = pair().await;
    let mut body = ask("fake-anthropic/fake-chat");
    body["seed"] = json!(7);
    let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    assert!(record["lossy"].as_array().unwrap().contains(&json!("seed")), "{record}");
}

#[tokio::test]
async fn reasoning_is_asked_for_in_the_way_that_the_model_takes() {
    let upstream = Upstream::start().await;
    let kind = "type: anthropic-compatible\n";
    let quick = "fake-chat: { thinking: adaptive, max_output: 10000, ";
    let (before, after) =
        standard_config(&upstream).split_once(kind).map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let config = format!("{before}{kind}{}", after.replacen("fake-chat: { ", quick, 1));
    let gateway = Gateway::start(&config).await;
    for (model, thinking, effort) in [
        ("fake-chat", json!({ "type": "adaptive", "display": "summarized" }), json!("high")),
        ("fake-thinking", json!({ "type": "enabled", "budget_tokens": 3276 }), Value::Null),
    ] {
        let mut body = ask(&format!("fake-anthropic/{model}"));
        body["max_tokens"] = json!(4096);
        body["reasoning_effort"] = json!("high");
        gateway.client().post(CHAT, &body).await.expect_status(200);
        let sent = upstream.last().json();
        assert_eq!((&sent["thinking"], &sent["output_config"]["effort"]), (&thinking, &effort), "{model}");
    }
}
