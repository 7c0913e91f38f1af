//! Answers in Anthropic's dialect, as Anthropic's own service spells them.

use serde_json::{Value, json};

use super::content::{Content, Finish, Usage};

/// A whole message.
pub(super) fn message(model: &str, content: &Content) -> Value {
    let mut blocks = Vec::new();
    if let Some((thinking, signature)) = &content.thinking {
        blocks.push(json!({ "type": "thinking", "thinking": thinking.concat(), "signature": signature }));
    }
    if !content.text.is_empty() {
        blocks.push(json!({ "type": "text", "text": content.text.concat() }));
    }
    for call in &content.calls {
        let input: Value = serde_json::from_str(&call.object()).unwrap_or_else(|_| json!({}));
        blocks.push(json!({ "type": "tool_use", "id": id(call.id), "name": call.name, "input": input }));
    }
    json!({
        "id": "msg_fake", "type": "message", "role": "assistant", "model": model, "content": blocks,
        "stop_reason": stop_reason(content), "stop_sequence": null,
        "usage": usage(content.usage, |counts| counts.output)
    })
}

/// A message as the events of its stream.
pub(super) fn events(model: &str, content: &Content) -> Vec<String> {
    let mut events = vec![event(
        "message_start",
        &json!({ "message": { "id": "msg_fake", "type": "message", "role": "assistant", "model": model,
            "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage(content.usage, |_| 1) } }),
    )];
    let mut index = 0;
    let mut block = |start: Value, deltas: Vec<Value>| {
        let mut events =
            vec![event("content_block_start", &json!({ "index": index, "content_block": start }))];
        if index == 0 {
            events.push(event("ping", &json!({})));
        }
        let deltas = deltas
            .iter()
            .map(|delta| event("content_block_delta", &json!({ "index": index, "delta": delta })));
        events.extend(deltas);
        events.push(event("content_block_stop", &json!({ "index": index })));
        index += 1;
        events
    };
    if let Some((thinking, signature)) = &content.thinking {
        let pieces = thinking.iter().map(|piece| json!({ "type": "thinking_delta", "thinking": piece }));
        let signature = json!({ "type": "signature_delta", "signature": signature });
        let start = json!({ "type": "thinking", "thinking": "", "signature": "" });
        events.extend(block(start, pieces.chain([signature]).collect()));
    }
    if !content.text.is_empty() {
        let pieces = content.text.iter().map(|piece| json!({ "type": "text_delta", "text": piece }));
        events.extend(block(json!({ "type": "text", "text": "" }), pieces.collect()));
    }
    for call in &content.calls {
        let start = json!({ "type": "tool_use", "id": id(call.id), "name": call.name, "input": {} });
        // As the service does: an empty piece first, and nothing more for a call without arguments.
        let pieces = std::iter::once("").chain(call.arguments.iter().map(AsRef::as_ref));
        let deltas = pieces.map(|piece| json!({ "type": "input_json_delta", "partial_json": piece }));
        events.extend(block(start, deltas.collect()));
    }
    let stop = json!({ "stop_reason": stop_reason(content), "stop_sequence": null });
    let counts = usage(content.usage, |counts| counts.output);
    events.push(event("message_delta", &json!({ "delta": stop, "usage": counts })));
    events.push(event("message_stop", &json!({})));
    events
}

/// The list of models.
pub(super) fn models(names: &[&str]) -> Value {
    let data: Vec<Value> = names
        .iter()
        .map(|name| {
            json!({ "type": "model", "id": name, "display_name": name, "created_at": "2025-09-29T00:00:00Z" })
        })
        .collect();
    json!({ "data": data, "has_more": false, "first_id": names.first(), "last_id": names.last() })
}

/// An error as Anthropic spells it.
pub(super) fn error(status: u16) -> Value {
    let kind = match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    };
    json!({ "type": "error", "error": { "type": kind, "message": format!("fake upstream says {status}") },
            "request_id": "req_fake" })
}

/// The refusal of a conversation that is to be kept.
pub(super) fn no_threads() -> Value {
    let mut refusal = error(400);
    refusal["error"]["message"] = json!("threads are not supported here");
    refusal["error"]["details"] = json!({ "error_code": "thread_unsupported_request" });
    refusal
}

/// An error in the middle of a stream.
pub(super) fn error_event() -> String {
    event("error", &json!({ "error": { "type": "overloaded_error", "message": "fake upstream broke down" } }))
}

fn event(name: &str, fields: &Value) -> String {
    let mut data = json!({ "type": name });
    for (key, value) in fields.as_object().expect("an event's fields") {
        data[key] = value.clone();
    }
    format!("event: {name}\ndata: {data}\n\n")
}

fn id(call: &str) -> String {
    format!("toolu_{call}")
}

fn stop_reason(content: &Content) -> &'static str {
    match content.finish {
        Finish::Stop => "end_turn",
        Finish::Length => "max_tokens",
        Finish::Tool => "tool_use",
        Finish::Refusal => "refusal",
    }
}

/// `input_tokens` leaves out what was read from or written to the cache.
/// Null for an upstream that reports none.
fn usage(counts: Option<Usage>, output: impl Fn(Usage) -> u64) -> Value {
    let Some(counts) = counts else { return Value::Null };
    json!({
        "input_tokens": counts.input - counts.cached - counts.cache_write,
        "cache_creation_input_tokens": counts.cache_write, "cache_read_input_tokens": counts.cached,
        "output_tokens": output(counts), "service_tier": "standard"
    })
}
