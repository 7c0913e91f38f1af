//! Answers of Amazon Bedrock's Converse.
//!
//! Events are written as server-sent ones, like those of all others, and become binary messages at the end; an exception
//! has `exception` in place of `event`.

use bytes::Bytes;
use serde_json::{Value, json};

use super::content::{Content, Finish, Usage};

/// The maker in front of every scenario's name: by it a gateway knows in whose words to ask.
pub(super) const MAKER: &str = "anthropic.";

/// A whole answer.
pub(super) fn answer(content: &Content) -> Value {
    let mut blocks = Vec::new();
    if let Some((thinking, signature)) = &content.thinking {
        let text = json!({ "text": thinking.concat(), "signature": signature });
        blocks.push(json!({ "reasoningContent": { "reasoningText": text } }));
    }
    if !content.text.is_empty() {
        blocks.push(json!({ "text": content.text.concat() }));
    }
    for call in &content.calls {
        let input: Value = serde_json::from_str(&call.object()).unwrap_or_else(|_| json!({}));
        let id = format!("tooluse_{}", call.id);
        blocks.push(json!({ "toolUse": { "toolUseId": id, "name": call.name, "input": input } }));
    }
    let message = json!({ "role": "assistant", "content": blocks });
    json!({ "output": { "message": message }, "stopReason": finish(content), "metrics": { "latencyMs": 412 },
            "usage": content.usage.map(usage) })
}

/// An answer as the events of its stream. Only calls begin with an event of their own.
pub(super) fn events(content: &Content) -> Vec<String> {
    let mut events = vec![event("messageStart", &json!({ "role": "assistant", "p": "abcdefghij" }))];
    let mut index = 0;
    let mut block = |start: Option<Value>, deltas: Vec<Value>| {
        if let Some(start) = start {
            events.push(event("contentBlockStart", &json!({ "contentBlockIndex": index, "start": start })));
        }
        for delta in deltas {
            let delta = json!({ "contentBlockIndex": index, "delta": delta, "p": "abc" });
            events.push(event("contentBlockDelta", &delta));
        }
        events.push(event("contentBlockStop", &json!({ "contentBlockIndex": index, "p": "a" })));
        index += 1;
    };
    if let Some((thinking, signature)) = &content.thinking {
        let pieces = thinking.iter().map(|piece| json!({ "reasoningContent": { "text": piece } }));
        let signature = json!({ "reasoningContent": { "signature": signature } });
        block(None, pieces.chain([signature]).collect());
    }
    if !content.text.is_empty() {
        block(None, content.text.iter().map(|piece| json!({ "text": piece })).collect());
    }
    for call in &content.calls {
        let id = format!("tooluse_{}", call.id);
        let pieces = call.arguments.iter().map(|piece| json!({ "toolUse": { "input": piece } }));
        block(Some(json!({ "toolUse": { "toolUseId": id, "name": call.name } })), pieces.collect());
    }
    events.push(event("messageStop", &json!({ "stopReason": finish(content) })));
    let metadata = json!({ "metrics": { "latencyMs": 412 }, "usage": content.usage.map(usage) });
    events.push(event("metadata", &metadata));
    events
}

/// An error: what it is called stands in a header.
pub(super) fn error(status: u16) -> Value {
    json!({ "message": format!("fake upstream says {status}") })
}

/// The name of an error.
pub(super) fn error_name(status: u16) -> &'static str {
    match status {
        400 => "ValidationException",
        401 | 403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        429 => "ThrottlingException",
        503 => "ServiceUnavailableException",
        _ => "InternalServerException",
    }
}

/// An exception in the middle of a stream.
pub(super) fn error_event() -> String {
    let message = json!({ "message": "fake upstream broke down" });
    format!("exception: serviceUnavailableException\ndata: {message}\n\n")
}

fn event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

fn finish(content: &Content) -> &'static str {
    match content.finish {
        Finish::Stop => "end_turn",
        Finish::Length => "max_tokens",
        Finish::Tool => "tool_use",
        Finish::Refusal => "content_filtered",
    }
}

/// The input leaves out what was read from the cache and written to it.
fn usage(counts: Usage) -> Value {
    let input = counts.input - counts.cached - counts.cache_write;
    json!({ "inputTokens": input, "outputTokens": counts.output, "totalTokens": counts.input + counts.output,
            "cacheReadInputTokens": counts.cached, "cacheWriteInputTokens": counts.cache_write })
}

/// An event as the binary message that it travels as; nothing for a comment.
pub(super) fn message(event: &str) -> Option<Bytes> {
    let event = event.replace('\r', "\n");
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let (kind, name) = ["event", "exception"].into_iter().find_map(|kind| Some((kind, field(kind)?)))?;
    let data = field("data")?.trim_start();
    let mut head = Vec::new();
    for (name, value) in [
        (format!(":{kind}-type"), name.trim_start()),
        (":content-type".to_owned(), "application/json"),
        (":message-type".to_owned(), kind),
    ] {
        head.push(name.len() as u8);
        head.extend_from_slice(name.as_bytes());
        head.push(7);
        head.extend_from_slice(&(value.len() as u16).to_be_bytes());
        head.extend_from_slice(value.as_bytes());
    }
    let mut out = ((16 + head.len() + data.len()) as u32).to_be_bytes().to_vec();
    out.extend_from_slice(&(head.len() as u32).to_be_bytes());
    out.extend_from_slice(&checksum(&out));
    out.extend_from_slice(&head);
    out.extend_from_slice(data.as_bytes());
    out.extend_from_slice(&checksum(&out));
    Some(out.into())
}

/// CRC-32 by its definition: nothing here shares code with what is tested.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & 0u32.wrapping_sub(crc & 1)))
    });
    (!crc).to_be_bytes()
}
