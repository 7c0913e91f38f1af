//! Clients of every surface before upstreams of every dialect: what each side sees.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use yumen_testkit::{Event, Gateway, Upstream, standard_config};
use yumen_tests::{
    CHAT, MESSAGES, PROVIDERS, SURFACES, Surface, TEXT, ask, ask_stream, combinations, pair, payloads,
    record_of,
};

#[tokio::test]
async fn text_in_every_combination() {
    let (upstream, gateway) = pair().await;
    for (surface, provider) in combinations() {
        let model = format!("{provider}/fake-chat");
        let whole = surface.ask(&gateway.client(), &model, false).await.expect_status(200);
        assert_eq!(surface.text(&whole), TEXT, "{surface:?} {provider}");
        let own = SURFACES.into_iter().find(|surface| surface.provider() == provider);
        let path = |stream| match own {
            Some(own) => own.path("fake-chat", stream),
            None => {
                format!("/model/anthropic.fake-chat/{}", if stream { "converse-stream" } else { "converse" })
            }
        };
        let sent = upstream.last();
        assert_eq!((sent.path.as_str(), sent.model().as_str()), (&*path(false), "fake-chat"));
        let limit = match own {
            Some(Surface::Chat | Surface::Messages) => sent.json()["max_tokens"].clone(),
            Some(Surface::Responses) => sent.json()["max_output_tokens"].clone(),
            Some(Surface::Gemini) => sent.json()["generationConfig"]["maxOutputTokens"].clone(),
            Some(Surface::Ollama) => sent.json()["options"]["num_predict"].clone(),
            None => sent.json()["inferenceConfig"]["maxTokens"].clone(),
        };
        assert_eq!(limit, 64, "{surface:?} {provider}");
        let stream = surface.ask(&gateway.client(), &model, true).await.expect_status(200);
        assert!(stream.header("content-type").starts_with(surface.stream_type()));
        assert_eq!(upstream.last().path, path(true));
        assert_eq!(surface.stream_text(&stream.events()), TEXT, "{surface:?} {provider}");
    }
}

/// What the upstream has counted, in the scenarios in which dialects count differently.
#[tokio::test]
async fn usage_and_cost_are_what_the_upstream_said_in_every_combination() {
    let (_upstream, gateway) = pair().await;
    // Input and output as they are paid for, cached and reasoning as parts of them.
    for (model, [input, output, cached, reasoning]) in [
        ("fake-chat", [21, 7, 0, 0]),
        ("fake-thinking", [21, 19, 0, 12]),
        ("fake-cached", [1_021, 7, 800, 0]),
        ("fake-length", [21, 7, 0, 0]),
    ] {
        for (surface, provider) in combinations() {
            for stream in [false, true] {
                let answer = surface.ask(&gateway.client(), &format!("{provider}/{model}"), stream).await;
                let answer = answer.expect_status(200);
                let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
                let what = format!("{surface:?} {provider}/{model} {stream}: {record}");
                let told =
                    ["tokens_prompt", "tokens_completion", "native_tokens_cached", "native_tokens_reasoning"]
                        .map(|name| record[name].as_u64().unwrap_or_default());
                // Anthropic and Amazon count thoughts with the rest.
                let apart = !["fake-anthropic", "fake-bedrock"].contains(&provider);
                let reasoning = if apart { reasoning } else { 0 };
                // Ollama tells no parts at all.
                let (cached, reasoning) =
                    if provider == "fake-ollama" { (0, 0) } else { (cached, reasoning) };
                assert_eq!(told, [input, output, cached, reasoning], "{what}");
                assert_eq!(record["tokens_source"], "reported", "{what}");
                if cached == 0 && model != "fake-cached" {
                    assert_eq!(record["cost_nanos"], input * 1_500 + output * 6_000, "{what}");
                }
            }
        }
    }
}

#[tokio::test]
async fn usage_is_told_to_every_client_in_its_own_way() {
    let (_upstream, gateway) = pair().await;
    for (surface, provider) in combinations() {
        let model = format!("{provider}/fake-cached");
        let whole = surface.ask(&gateway.client(), &model, false).await.expect_status(200).json();
        let mut body = surface.body(&model, true);
        if surface == Surface::Chat {
            body["stream_options"] = json!({ "include_usage": true });
        }
        let stream = gateway.client().post(&surface.path(&model, true), &body).await.expect_status(200);
        let streamed = payloads(&stream.events());
        let cached = match (surface, provider) {
            (Surface::Ollama, _) => None,
            // Google leaves out what is nothing.
            (Surface::Gemini, "fake-ollama") => None,
            (_, "fake-ollama") => Some(0),
            _ => Some(800),
        };
        let expected = [Some(1_021), Some(7), cached];
        assert_eq!(surface.usage([&whole].into_iter()), expected, "{surface:?} {provider}: {whole}");
        assert_eq!(surface.usage(streamed.iter()), expected, "{surface:?} {provider}: {streamed:?}");
    }
}

#[tokio::test]
async fn credentials_go_as_each_upstream_wants_them() {
    let (upstream, gateway) = pair().await;
    for (surface, provider) in combinations() {
        surface.ask(&gateway.client(), &format!("{provider}/fake-chat"), false).await.expect_status(200);
        let request = upstream.last();
        let secret = format!("upstream-{}-secret", provider.trim_start_matches("fake-"));
        let bearer = format!("Bearer {secret}");
        let expected = match provider {
            "fake-anthropic" => ["", &secret, ""],
            "fake-gemini" => ["", "", &secret],
            _ => [&*bearer, "", ""],
        };
        let sent = ["authorization", "x-api-key", "x-goog-api-key"].map(|name| request.header(name));
        if provider == "fake-bedrock" {
            // What a signature must be, `authentication` checks.
            assert!(sent[0].starts_with("AWS4-HMAC-SHA256 Credential=AKIDFAKE/"), "{sent:?}");
            assert_eq!(sent[1..], ["", ""]);
            continue;
        }
        assert_eq!(sent, expected, "{surface:?} {provider}");
        assert_eq!(request.header("anthropic-version").is_empty(), provider != "fake-anthropic");
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
    for provider in PROVIDERS {
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
    for provider in PROVIDERS {
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
    // Google's arguments are always whole, and so are Ollama's.
    let whole = ["fake-gemini", "fake-ollama"];
    for (surface, provider) in combinations().filter(|(_, provider)| !whole.contains(provider)) {
        let answer = surface.ask(&gateway.client(), &format!("{provider}/fake-cut-arguments"), true).await;
        let events = answer.expect_status(200).events();
        let (cut, word) = match surface {
            Surface::Chat => (calls(&events)[0].2.clone(), "\"finish_reason\":\"length\""),
            Surface::Messages => {
                (json_deltas(&events, "/delta/partial_json"), "\"stop_reason\":\"max_tokens\"")
            }
            Surface::Responses => {
                let deltas: Vec<Event> =
                    events.iter().filter(|event| event.name.ends_with("arguments.delta")).cloned().collect();
                (json_deltas(&deltas, "/delta"), "\"reason\":\"max_output_tokens\"")
            }
            Surface::Gemini => (
                json_deltas(&events, "/candidates/0/content/parts/0/functionCall/args/raw_arguments"),
                "\"MAX_TOKENS\"",
            ),
            Surface::Ollama => (
                json_deltas(&events, "/message/tool_calls/0/function/arguments/raw_arguments"),
                "\"done_reason\":\"length\"",
            ),
        };
        assert_eq!(cut, "{\"city\":\"Dunh", "{surface:?} {provider}: {events:?}");
        assert!(events.iter().any(|event| event.data.contains(word)), "{surface:?} {provider}: {events:?}");
    }
}

/// The texts at one place of the events, joined.
fn json_deltas(events: &[Event], pointer: &str) -> String {
    let data = events.iter().filter(|event| !event.data.is_empty());
    data.filter_map(|event| event.json().pointer(pointer)?.as_str().map(str::to_owned)).collect()
}

/// The structural rules of a Responses stream: numbered without gaps, items opened before they grow (calls beside
/// each other, perhaps), and told once more when they are done.
fn check_growth(events: &[Event]) {
    let named: Vec<(&str, Value)> = events
        .iter()
        .filter(|event| !event.data.is_empty())
        .map(|event| (event.name.as_str(), event.json()))
        .collect();
    let mut open: BTreeMap<u64, (Value, String)> = BTreeMap::new();
    for (place, (name, data)) in named.iter().enumerate() {
        assert_eq!((&data["type"], &data["sequence_number"]), (&json!(name), &json!(place)), "{events:?}");
        let index = data["output_index"].as_u64();
        match *name {
            "response.output_item.added" => {
                open.insert(index.unwrap(), (data["item"]["id"].clone(), String::new()));
            }
            "response.output_item.done" => {
                let (id, text) = open.remove(&index.unwrap()).unwrap();
                let item = &data["item"];
                assert_eq!(id, item["id"], "{data}");
                let whole = match item["type"].as_str().unwrap() {
                    "message" => {
                        item["content"][0]["text"].as_str().or(item["content"][0]["refusal"].as_str())
                    }
                    "reasoning" => item["summary"][0]["text"].as_str(),
                    _ => item["arguments"].as_str(),
                };
                assert_eq!(whole.unwrap_or_default(), text, "{data}");
            }
            name if name.ends_with(".delta") => {
                let (id, text) = open.get_mut(&index.unwrap()).unwrap();
                assert_eq!(*id, data["item_id"], "{data}");
                text.push_str(data["delta"].as_str().unwrap());
            }
            _ => {}
        }
    }
    assert!(open.is_empty());
    assert_eq!((named[0].0, named.last().unwrap().0), ("response.created", "response.completed"));
}

#[tokio::test]
async fn responses_streams_grow_by_the_rules() {
    let (_upstream, gateway) = pair().await;
    for provider in PROVIDERS {
        for model in ["fake-chat", "fake-tools", "fake-parallel-tools", "fake-zero-arg", "fake-thinking"] {
            let answer =
                Surface::Responses.ask(&gateway.client(), &format!("{provider}/{model}"), true).await;
            check_growth(&answer.expect_status(200).events());
        }
    }
}

#[tokio::test]
async fn tool_calls_are_whole_for_googles_clients() {
    let (_upstream, gateway) = pair().await;
    let dunhuang = json!({ "name": "weather", "args": { "city": "Dunhuang" } });
    let kashgar = json!({ "name": "weather", "args": { "city": "Kashgar" } });
    for provider in PROVIDERS {
        for (model, expected) in [
            ("fake-parallel-tools", vec![&dunhuang, &kashgar]),
            ("fake-text-and-tools", vec![&dunhuang]),
            ("fake-zero-arg", vec![&json!({ "name": "now", "args": {} })]),
        ] {
            for stream in [false, true] {
                let answer =
                    Surface::Gemini.ask(&gateway.client(), &format!("{provider}/{model}"), stream).await;
                let answer = answer.expect_status(200);
                let told = if stream { payloads(&answer.events()) } else { vec![answer.json()] };
                let parts = told
                    .iter()
                    .flat_map(|chunk| chunk["candidates"][0]["content"]["parts"].as_array().unwrap());
                let calls: Vec<Value> = parts
                    .filter_map(|part| part.get("functionCall"))
                    .map(|call| json!({ "name": call["name"], "args": call["args"] }))
                    .collect();
                assert_eq!(calls.iter().collect::<Vec<_>>(), expected, "{provider}/{model} {stream}");
                assert_eq!(told.last().unwrap()["candidates"][0]["finishReason"], "STOP");
            }
        }
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
    for provider in PROVIDERS {
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
async fn upstream_errors_keep_status_and_message_in_the_clients_dialect() {
    let (_upstream, gateway) = pair().await;
    for (surface, provider) in combinations() {
        for (status, anthropic, google) in [
            (400, "invalid_request_error", "INVALID_ARGUMENT"),
            (403, "permission_error", "PERMISSION_DENIED"),
            (404, "not_found_error", "NOT_FOUND"),
            (429, "rate_limit_error", "RESOURCE_EXHAUSTED"),
            (500, "api_error", "INTERNAL"),
        ] {
            let answer = surface.ask(&gateway.client(), &format!("{provider}/fake-{status}"), false).await;
            let body = answer.clone().expect_status(status).json();
            let what = format!("{surface:?} {provider} {status}: {body}");
            let message = surface.error_message(&body);
            assert!(message.contains(&format!("fake upstream says {status}")), "{what}");
            match surface {
                Surface::Messages => assert_eq!(
                    (&body["type"], &body["error"]["type"]),
                    (&json!("error"), &json!(anthropic)),
                    "{what}"
                ),
                Surface::Gemini => assert_eq!(
                    (&body["error"]["code"], &body["error"]["status"]),
                    (&json!(status), &json!(google)),
                    "{what}"
                ),
                Surface::Ollama => assert_eq!(body.as_object().unwrap().len(), 1, "{what}"),
                _ => assert!(body["error"]["type"].is_string(), "{what}"),
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

/// A question that leaves the rest of the conversation to a provider's memory would be another question elsewhere.
#[tokio::test]
async fn what_only_a_provider_remembers_is_refused_by_all_others() {
    let (upstream, gateway) = pair().await;
    let continued = json!({ "type": "continue", "previous_message_id": "msg_1" });
    for (surface, name, value) in [
        (Surface::Responses, "previous_response_id", json!("resp_1")),
        (Surface::Responses, "conversation", json!("conv_1")),
        (Surface::Messages, "thread", continued),
        (Surface::Messages, "thread", json!({ "type": "create" })),
        (Surface::Gemini, "cachedContent", json!("cachedContents/abc")),
    ] {
        for provider in PROVIDERS.into_iter().filter(|provider| *provider != surface.provider()) {
            let before = upstream.counts().received;
            let model = format!("{provider}/fake-chat");
            let mut body = surface.body(&model, false);
            body[name] = value.clone();
            let refused = gateway.client().post(&surface.path(&model, false), &body).await.expect_status(400);
            assert!(refused.text().contains("send the whole conversation"), "{provider}: {}", refused.text());
            assert_eq!(upstream.counts().received, before, "{provider}: nothing was asked");
            // With this word Anthropic's libraries go on by themselves, whole.
            let code = &refused.json()["error"]["details"]["error_code"];
            let expected = if name == "thread" { json!("thread_unsupported_request") } else { Value::Null };
            assert_eq!(*code, expected, "{provider}");
        }
    }
}
