//! Proofs of reasoning that the gateway keeps for clients which cannot carry them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use serde_json::{Value, json};
use yumen_testkit::{Gateway, Reply, Upstream};
use yumen_tests::CHAT;

/// An answer with proved reasoning and a call, in the dialect of the provider that is asked.
fn proved_call(path: &str, stream: bool) -> Reply {
    if path.starts_with("/v1beta") {
        let call = json!({ "functionCall": { "id": "call_7", "name": "weather", "args": {} },
            "thoughtSignature": "cHJvb2Ytb2YtdGhlLWNhbGw=" });
        let answer = json!({ "candidates": [{ "content": { "role": "model", "parts": [call] }, "finishReason": "STOP" }],
            "usageMetadata": { "promptTokenCount": 1, "candidatesTokenCount": 1 } });
        return if stream {
            Reply::stream([format!("data: {answer}\n\n")])
        } else {
            Reply::json(200, &answer)
        };
    }
    let thinking = json!({ "type": "thinking", "thinking": "Hm.", "signature": "proof-of-the-thought" });
    let call = json!({ "type": "tool_use", "id": "call_7", "name": "weather", "input": {} });
    let mut message = json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [thinking, call],
        "stop_reason": "tool_use", "usage": { "input_tokens": 1, "output_tokens": 1 } });
    if !stream {
        return Reply::json(200, &message);
    }
    (message["content"], message["stop_reason"]) = (json!([]), Value::Null);
    let events = [
        json!({ "type": "message_start", "message": message }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "thinking", "thinking": "", "signature": "" } }),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "thinking_delta", "thinking": "Hm." } }),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "signature_delta", "signature": "proof-of-the-thought" } }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "content_block_start", "index": 1, "content_block": call }),
        json!({ "type": "content_block_stop", "index": 1 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "tool_use" }, "usage": { "output_tokens": 1 } }),
        json!({ "type": "message_stop" }),
    ];
    Reply::stream(
        events.map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap())),
    )
}

#[tokio::test]
async fn a_client_that_cannot_carry_proofs_has_them_kept_by_call() {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let stream = request.path.contains("stream") || request.json()["stream"] == true;
        Some(proved_call(&request.path, stream))
    });
    for (provider, proof) in
        [("fake-anthropic", "proof-of-the-thought"), ("fake-gemini", "cHJvb2Ytb2YtdGhlLWNhbGw=")]
    {
        for stream in [false, true] {
            // Each has a gateway of its own: what the one has kept is nothing to the other.
            let gateway = Gateway::before(&upstream).await;
            let question = json!({ "role": "user", "content": "?" });
            let weather = json!({ "name": "weather", "parameters": { "type": "object" } });
            let mut body = json!({ "model": format!("{provider}/fake-chat"), "messages": [question],
                "tools": [{ "type": "function", "function": weather }], "stream": stream, "reasoning_effort": "low" });
            gateway.client().post(CHAT, &body).await.expect_status(200);
            // The plain standard: nothing but the call comes back.
            let function = json!({ "name": "weather", "arguments": "{}" });
            body["messages"] = json!([
                question,
                { "role": "assistant", "content": null, "tool_calls": [{ "id": "call_7", "type": "function", "function": function }] },
                { "role": "tool", "tool_call_id": "call_7", "content": "21 degrees" },
            ]);
            gateway.client().post(CHAT, &body).await.expect_status(200);
            let sent = upstream.last().json().to_string();
            assert!(sent.contains(proof), "{provider}, stream {stream}: {sent}");
        }
    }
}
