//! Answers of apps and agents that others have built: Dify's and Coze's. They say texts, and are asked for streams.

use serde_json::{Value, json};

use super::content::{Content, Usage};

/// A whole answer of Dify's.
pub(super) fn dify(content: &Content) -> Value {
    json!({ "event": "message", "task_id": "t-1", "id": "m-1", "message_id": "m-1", "conversation_id": "c-1",
            "mode": "chat", "answer": content.text.concat(), "created_at": 1_705_407_629,
            "metadata": { "usage": content.usage.map(dify_usage) } })
}

/// The same as the events of a stream.
pub(super) fn dify_events(content: &Content) -> Vec<String> {
    let event = |name: &str, more: Value| {
        let mut data = json!({ "event": name, "task_id": "t-1", "message_id": "m-1", "conversation_id": "c-1",
            "created_at": 1_705_407_629 });
        data.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        format!("data: {data}\n\n")
    };
    let mut events = vec!["event: ping\n\n".to_owned()];
    events.extend(content.text.iter().map(|piece| event("message", json!({ "answer": piece }))));
    let metadata = json!({ "usage": content.usage.map(dify_usage), "retriever_resources": [] });
    events.push(event("message_end", json!({ "id": "m-1", "metadata": metadata })));
    events
}

/// An error of Dify's.
pub(super) fn dify_error(status: u16) -> Value {
    let code = if status == 400 { "invalid_param" } else { "error" };
    json!({ "code": code, "message": format!("fake upstream says {status}"), "status": status })
}

/// The same in the middle of a stream.
pub(super) fn dify_error_event() -> String {
    let error = json!({ "event": "error", "task_id": "t-1", "message_id": "m-1", "status": 500,
        "code": "internal_server_error", "message": "fake upstream broke down" });
    format!("data: {error}\n\n")
}

fn dify_usage(counts: Usage) -> Value {
    json!({ "prompt_tokens": counts.input, "prompt_unit_price": "0.001", "completion_tokens": counts.output,
            "total_tokens": counts.input + counts.output, "total_price": "0.0013030", "currency": "USD" })
}

const CHAT: &str = "7382159487131697202";

/// An answer of Coze's as the events of its stream.
pub(super) fn coze_events(content: &Content) -> Vec<String> {
    let chat = |status: &str, usage: Value| {
        json!({ "id": CHAT, "conversation_id": "738", "bot_id": "737", "status": status,
                "last_error": { "code": 0, "msg": "" }, "usage": usage })
    };
    let message = |kind: &str, text: &str| {
        json!({ "id": "m-1", "conversation_id": "738", "bot_id": "737", "role": "assistant", "type": kind,
                "content": text, "content_type": "text", "chat_id": CHAT })
    };
    let nothing = json!({ "token_count": 0, "output_count": 0, "input_count": 0 });
    let mut events = vec![
        event("conversation.chat.created", &chat("created", nothing.clone())),
        event("conversation.chat.in_progress", &chat("in_progress", nothing)),
    ];
    let pieces = content.text.iter();
    events.extend(pieces.map(|piece| event("conversation.message.delta", &message("answer", piece))));
    let whole = message("answer", &content.text.concat());
    events.push(event("conversation.message.completed", &whole));
    let verbose = message("verbose", "{\"msg_type\":\"generate_answer_finish\"}");
    events.push(event("conversation.message.completed", &verbose));
    let usage = content.usage.map(|counts| {
        json!({ "token_count": counts.input + counts.output, "output_count": counts.output,
                "input_count": counts.input })
    });
    events.push(event("conversation.chat.completed", &chat("completed", json!(usage))));
    events.push("event:done\ndata:\"[DONE]\"\n\n".to_owned());
    events
}

/// An error of Coze's. It comes under HTTP 200, but for proofs that are refused.
pub(super) fn coze_error(status: u16) -> Value {
    let code = match status {
        400 => 4_000,
        401 => 4_100,
        403 => 4_101,
        404 => 4_200,
        429 => 4_013,
        _ => 5_000,
    };
    json!({ "code": code, "msg": format!("fake upstream says {status}"), "detail": { "logid": "2024" } })
}

/// The same in the middle of a stream.
pub(super) fn coze_error_event() -> String {
    event("error", &json!({ "code": 5_000, "msg": "fake upstream broke down" }))
}

fn event(name: &str, data: &Value) -> String {
    format!("event:{name}\ndata:{data}\n\n")
}
