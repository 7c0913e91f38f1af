//! Answers of Cohere's second chat API.

use serde_json::{Value, json};

use super::content::{Content, Finish, Usage};

/// A whole answer.
pub(super) fn answer(content: &Content) -> Value {
    let thoughts = content
        .thinking
        .iter()
        .map(|(thoughts, _)| json!({ "type": "thinking", "thinking": thoughts.concat() }));
    let text = (!content.text.is_empty()).then(|| json!({ "type": "text", "text": content.text.concat() }));
    let mut message = json!({ "role": "assistant" });
    let calls: Vec<Value> =
        content.calls.iter().map(|call| self::call(call.id, &call.name, &call.object())).collect();
    let parts: Vec<Value> = thoughts.chain(text).collect();
    if !parts.is_empty() {
        message["content"] = json!(parts);
    }
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    json!({ "id": "co-1", "finish_reason": finish(content), "message": message, "usage": content.usage.map(usage) })
}

/// An answer as the events of its stream.
pub(super) fn events(content: &Content) -> Vec<String> {
    let begun = json!({ "role": "assistant", "content": [], "tool_plan": "", "tool_calls": [] });
    let mut events = vec![event("message-start", json!({ "id": "co-1", "delta": { "message": begun } }))];
    let mut index = 0;
    let mut part = |kind: &str, pieces: Vec<String>| {
        let mut start = json!({ "type": kind });
        start[kind] = json!("");
        events.push(message("content-start", index, json!({ "content": start })));
        for piece in pieces {
            let mut said = json!({});
            said[kind] = json!(piece);
            events.push(message("content-delta", index, json!({ "content": said })));
        }
        events.push(event("content-end", json!({ "index": index })));
        index += 1;
    };
    if let Some((thoughts, _)) = &content.thinking {
        part("thinking", thoughts.iter().map(|piece| (*piece).to_owned()).collect());
    }
    if !content.text.is_empty() {
        part("text", content.text.clone());
    }
    for (index, call) in content.calls.iter().enumerate() {
        let begun = self::call(call.id, &call.name, "");
        events.push(message("tool-call-start", index, json!({ "tool_calls": begun })));
        for piece in &call.arguments {
            let said = json!({ "tool_calls": { "function": { "arguments": piece } } });
            events.push(message("tool-call-delta", index, said));
        }
        events.push(event("tool-call-end", json!({ "index": index })));
    }
    let delta = json!({ "finish_reason": finish(content), "usage": content.usage.map(usage) });
    events.push(event("message-end", json!({ "delta": delta })));
    events
}

/// An error.
pub(super) fn error(status: u16) -> Value {
    json!({ "id": "co-1", "message": format!("fake upstream says {status}") })
}

/// What ends a stream that has failed.
pub(super) fn error_event() -> String {
    let delta = json!({ "finish_reason": "ERROR", "error": "fake upstream broke down" });
    event("message-end", json!({ "delta": delta }))
}

fn event(kind: &str, mut data: Value) -> String {
    data["type"] = json!(kind);
    format!("event: {kind}\ndata: {data}\n\n")
}

fn message(kind: &str, index: usize, message: Value) -> String {
    event(kind, json!({ "index": index, "delta": { "message": message } }))
}

fn call(id: &str, name: &str, arguments: &str) -> Value {
    json!({ "id": format!("call_{id}"), "type": "function", "function": { "name": name, "arguments": arguments } })
}

fn finish(content: &Content) -> &'static str {
    match content.finish {
        Finish::Stop => "COMPLETE",
        Finish::Length => "MAX_TOKENS",
        Finish::Tool => "TOOL_CALL",
        Finish::Refusal => "ERROR_TOXIC",
    }
}

fn usage(counts: Usage) -> Value {
    let tokens = json!({ "input_tokens": counts.input, "output_tokens": counts.output });
    json!({ "billed_units": tokens, "tokens": tokens, "cached_tokens": counts.cached })
}
