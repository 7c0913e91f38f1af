//! Cohere's own API as an upstream, over sockets, for clients of every surface.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use serde_json::{Value, json};
use yumen_testkit::{Gateway, Received, Reply, Step, Upstream, standard_config};
use yumen_tests::{SURFACES, Surface, TEXT, record_of};

const PLAN: &str = "I look it up.";

fn event(kind: &str, mut data: Value) -> String {
    data["type"] = json!(kind);
    format!("event: {kind}\ndata: {data}\n\n")
}

fn usage() -> Value {
    json!({ "billed_units": { "input_tokens": 21, "output_tokens": 7 },
            "tokens": { "input_tokens": 300, "output_tokens": 9 }, "cached_tokens": 4 })
}

fn message(message: Value) -> Value {
    json!({ "index": 0, "delta": { "message": message } })
}

fn begin() -> String {
    event(
        "message-start",
        json!({ "id": "co-1", "delta": { "message": { "role": "assistant", "content": [] } } }),
    )
}

fn end(reason: &str) -> String {
    event("message-end", json!({ "delta": { "finish_reason": reason, "usage": usage() } }))
}

fn text_events() -> Vec<String> {
    let content = |piece: &str| message(json!({ "content": { "text": piece } }));
    let mut events =
        vec![begin(), event("content-start", message(json!({ "content": { "type": "text", "text": "" } })))];
    events.extend(
        ["Hello from ", "the fake ", "gate 玉门."].map(|piece| event("content-delta", content(piece))),
    );
    events.extend([event("content-end", json!({ "index": 0 })), end("COMPLETE")]);
    events
}

fn call_events() -> Vec<String> {
    let call =
        json!({ "id": "weather_x1", "type": "function", "function": { "name": "weather", "arguments": "" } });
    let piece = |arguments: &str| {
        event("tool-call-delta", message(json!({ "tool_calls": { "function": { "arguments": arguments } } })))
    };
    vec![
        begin(),
        event("tool-plan-delta", json!({ "delta": { "message": { "tool_plan": PLAN } } })),
        event("tool-call-start", message(json!({ "tool_calls": call }))),
        piece("{\"city\":"),
        piece(" \"Dunhuang\"}"),
        event("tool-call-end", json!({ "index": 0 })),
        end("TOOL_CALL"),
    ]
}

/// Cohere's server: it calls when it is offered a tool and has no result yet.
fn cohere(request: &Received) -> Option<Reply> {
    let body = request.json();
    if request.path == "/v2/embed" {
        let count = body["texts"].as_array().map_or(0, Vec::len);
        return Some(Reply::json(
            200,
            &json!({ "id": "co-1", "embeddings": { "float": vec![[0.5, -1.0]; count] },
            "texts": body["texts"], "meta": { "billed_units": { "input_tokens": 5 } } }),
        ));
    }
    if request.path != "/v2/chat" {
        return None;
    }
    let results = body["messages"].as_array().unwrap().iter().any(|message| message["role"] == "tool");
    let calls = body["tools"].is_array() && !results;
    Some(match (request.model().as_str(), body["stream"] == true) {
        ("limited", _) => {
            Reply::json(429, &json!({ "id": "1", "message": "trial key limit" })).header("retry-after", "7")
        }
        ("cut", true) => Reply::stream(text_events()).insert(3, Step::Cut),
        ("sick", true) => {
            let failed = json!({ "delta": { "finish_reason": "ERROR", "error": "it broke down" } });
            Reply::stream(text_events().into_iter().take(3).chain([event("message-end", failed)]))
        }
        (_, true) => Reply::stream(if calls { call_events() } else { text_events() }),
        (_, false) => {
            let call = json!({ "id": "weather_x1", "type": "function",
                "function": { "name": "weather", "arguments": "{\"city\": \"Dunhuang\"}" } });
            let (message, reason) = if calls {
                (json!({ "role": "assistant", "tool_plan": PLAN, "tool_calls": [call] }), "TOOL_CALL")
            } else {
                (json!({ "role": "assistant", "content": [{ "type": "text", "text": TEXT }] }), "COMPLETE")
            };
            Reply::json(
                200,
                &json!({ "id": "co-1", "finish_reason": reason, "message": message, "usage": usage() }),
            )
        }
    })
}

async fn pair() -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    upstream.script(cohere);
    let provider = format!(
        "providers:\n  cohere:\n    base_url: \"{}\"\n    credentials: [ {{ secret: upstream-cohere-secret }} ]\n    models: {{ fine: {{ price: {{ input: \"1.5\", output: \"6\" }} }}, limited: {{}}, cut: {{}}, sick: {{}} }}\n",
        upstream.plain_base()
    );
    let gateway = Gateway::start(&standard_config(&upstream).replacen("providers:\n", &provider, 1)).await;
    (upstream, gateway)
}

#[tokio::test]
async fn every_client_is_answered_whole_and_streamed() {
    let (upstream, gateway) = pair().await;
    for surface in SURFACES {
        for stream in [false, true] {
            let answer = surface.ask(&gateway.client(), "cohere/fine", stream).await.expect_status(200);
            let text = if stream { surface.stream_text(&answer.events()) } else { surface.text(&answer) };
            assert_eq!(text, TEXT, "{surface:?} {stream}");
            let sent = upstream.last();
            assert_eq!(
                (sent.path.as_str(), sent.header("authorization")),
                ("/v2/chat", "Bearer upstream-cohere-secret")
            );
            assert_eq!(sent.json()["max_tokens"], 64, "{surface:?}");
            let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
            let counts = ["tokens_prompt", "tokens_completion", "native_tokens_cached", "cost_nanos"];
            assert_eq!(
                counts.map(|name| record[name].as_u64()),
                [Some(21), Some(7), Some(4), Some(21 * 1_500 + 7 * 6_000)],
                "{surface:?} {stream}: what is billed, not what was read: {record}"
            );
            assert_eq!(
                (&record["upstream_id"], &record["finish_reason"]),
                (&json!("co-1"), &json!("COMPLETE"))
            );
        }
    }
}

#[tokio::test]
async fn tools_are_called_and_their_results_come_back() {
    let (upstream, gateway) = pair().await;
    for surface in SURFACES {
        for stream in [false, true] {
            let model = "cohere/fine";
            let body = surface.with_tools(model, stream);
            let answer = gateway.client().post(&surface.path(model, stream), &body).await.expect_status(200);
            let said = if stream { surface.whole(&answer.events()) } else { answer.json() };
            let calls = surface.calls(&said);
            let [call] = calls.as_slice() else { panic!("{surface:?} {stream}: {said}") };
            assert_eq!((call.1.as_str(), &call.2), ("weather", &json!({ "city": "Dunhuang" })));
            assert_eq!(surface.thoughts(&said), PLAN, "{surface:?} {stream}");
            let again = surface.again(&body, &said, &[(call.clone(), "21 degrees")]);
            gateway.client().post(&surface.path(model, stream), &again).await.expect_status(200);
            let sent = upstream.last().json();
            let turns = sent["messages"].as_array().unwrap();
            let [.., turn, result] = turns.as_slice() else { panic!("{sent}") };
            let id = &turn["tool_calls"][0]["id"];
            assert!(id.is_string() && *id == result["tool_call_id"], "{surface:?} {stream}: {sent}");
            assert_eq!(result["content"], "21 degrees");
        }
    }
}

#[tokio::test]
async fn errors_are_said_in_the_clients_shape() {
    let (_upstream, gateway) = pair().await;
    for surface in SURFACES {
        let limited = surface.ask(&gateway.client(), "cohere/limited", false).await.expect_status(429);
        assert_eq!(surface.error_message(&limited.json()), "trial key limit");
        assert_eq!(limited.header("retry-after"), "7");
        for (model, message) in [("cohere/cut", ""), ("cohere/sick", "it broke down")] {
            let answer = surface.ask(&gateway.client(), model, true).await.expect_status(200);
            let told = surface.stream_errors(&answer.events());
            assert!(told.len() == 1 && told[0].contains(message), "{surface:?} {model}: {told:?}");
        }
    }
}

#[tokio::test]
async fn embeddings_are_served() {
    let (upstream, gateway) = pair().await;
    let body = json!({ "model": "cohere/embed", "input": ["a", "b"], "input_type": "search_query" });
    let answer = gateway.client().post("/v1/embeddings", &body).await.expect_status(200);
    assert_eq!(answer.json()["data"][1]["embedding"], json!([0.5, -1.0]));
    assert_eq!(answer.json()["usage"]["prompt_tokens"], 5);
    assert_eq!(upstream.last().json()["input_type"], "search_query");
    let ollama = json!({ "model": "cohere/embed", "input": "a" });
    let answer = gateway.client().post("/api/embed", &ollama).await.expect_status(200).json();
    assert_eq!(answer["embeddings"], json!([[0.5, -1.0]]));
}

/// There is no surface of Cohere's own.
#[tokio::test]
async fn its_own_paths_are_not_served() {
    let (_upstream, gateway) = pair().await;
    gateway.client().post("/v2/chat", &Surface::Chat.body("cohere/fine", false)).await.expect_status(404);
}
