//! Answers of DashScope's own interface. In its second form contents are lists.

use serde_json::{Value, json};

use super::content::{Content, Finish, Usage};

const REQUEST: &str = "902fee3b-f7f0-9a8c-96a1-6b4ea25af114";

/// A whole answer.
pub(super) fn answer(content: &Content, lists: bool) -> Value {
    let mut message = json!({ "role": "assistant", "content": text(content.text.concat(), lists) });
    if let Some((thoughts, _)) = &content.thinking {
        message["reasoning_content"] = json!(thoughts.concat());
    }
    let calls = content.calls.iter().enumerate();
    let calls: Vec<Value> = calls.map(|(index, one)| call(index, one.id, &one.name, &one.object())).collect();
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    said(&message, finish(content), content.usage)
}

/// An answer as the events of its stream.
pub(super) fn events(content: &Content, lists: bool) -> Vec<String> {
    let mut messages = Vec::new();
    for piece in content.thinking.iter().flat_map(|(thoughts, _)| thoughts) {
        messages.push(json!({ "content": text(String::new(), lists), "reasoning_content": piece }));
    }
    for piece in &content.text {
        messages.push(json!({ "content": text(piece.clone(), lists), "reasoning_content": "" }));
    }
    for (index, one) in content.calls.iter().enumerate() {
        let begun = call(index, one.id, &one.name, "");
        messages.push(json!({ "content": text(String::new(), lists), "tool_calls": [begun] }));
        for piece in &one.arguments {
            let more = call(index, "", "", piece);
            messages.push(json!({ "content": text(String::new(), lists), "tool_calls": [more] }));
        }
    }
    let mut events: Vec<String> =
        messages.iter().map(|message| event("result", 200, &said(message, "null", content.usage))).collect();
    let end = json!({ "role": "assistant", "content": text(String::new(), lists) });
    events.push(event("result", 200, &said(&end, finish(content), content.usage)));
    events
}

/// An error.
pub(super) fn error(status: u16) -> Value {
    let code = match status {
        400 => "InvalidParameter",
        401 => "InvalidApiKey",
        403 => "AccessDenied",
        404 => "ModelNotFound",
        429 => "Throttling.RateQuota",
        503 => "ServiceUnavailable",
        _ => "InternalError",
    };
    json!({ "code": code, "message": format!("fake upstream says {status}"), "request_id": REQUEST })
}

/// An error in the middle of a stream.
pub(super) fn error_event() -> String {
    let error =
        json!({ "code": "InternalError.Algo", "message": "fake upstream broke down", "request_id": REQUEST });
    event("error", 500, &error)
}

fn event(name: &str, status: u16, data: &Value) -> String {
    format!("id: 1\nevent: {name}\n:HTTP_STATUS/{status}\ndata: {data}\n\n")
}

fn said(message: &Value, finish: &str, counts: Option<Usage>) -> Value {
    json!({ "output": { "choices": [{ "message": message, "finish_reason": finish }] },
            "usage": counts.map(usage), "request_id": REQUEST })
}

fn text(text: String, lists: bool) -> Value {
    match (lists, text.is_empty()) {
        (true, true) => json!([]),
        (true, false) => json!([{ "text": text }]),
        (false, _) => json!(text),
    }
}

fn call(index: usize, id: &str, name: &str, arguments: &str) -> Value {
    let id = if id.is_empty() { String::new() } else { format!("call_{id}") };
    json!({ "index": index, "id": id, "type": "function", "function": { "name": name, "arguments": arguments } })
}

fn finish(content: &Content) -> &'static str {
    match content.finish {
        Finish::Stop | Finish::Refusal => "stop",
        Finish::Length => "length",
        Finish::Tool => "tool_calls",
    }
}

fn usage(counts: Usage) -> Value {
    json!({ "input_tokens": counts.input, "output_tokens": counts.output,
            "total_tokens": counts.input + counts.output,
            "prompt_tokens_details": { "cached_tokens": counts.cached },
            "output_tokens_details": { "reasoning_tokens": counts.reasoning } })
}
