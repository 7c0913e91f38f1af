//! Answers in OpenAI's dialect, as OpenAI's own service spells them.

use base64::Engine;
use serde_json::{Value, json};

use super::content::{Content, Finish, Usage};

pub(super) const DONE: &str = "data: [DONE]\n\n";
const CREATED: u64 = 1_760_000_000;

/// A whole chat completion.
pub(super) fn chat(model: &str, content: &Content) -> Value {
    let text = content.text.concat();
    let refused = content.finish == Finish::Refusal;
    let mut message = json!({
        "role": "assistant",
        "content": if refused || text.is_empty() { Value::Null } else { json!(text) },
        "refusal": if refused { json!(text) } else { Value::Null },
        "annotations": []
    });
    if let Some((thinking, _)) = &content.thinking {
        message["reasoning_content"] = json!(thinking.concat());
    }
    if !content.calls.is_empty() {
        let calls = content.calls.iter().map(|call| {
            json!({ "id": format!("call_{}", call.id), "type": "function",
                    "function": { "name": call.name, "arguments": call.object() } })
        });
        message["tool_calls"] = calls.collect();
    }
    let logprobs = if content.logprobs { logprobs(&text) } else { Value::Null };
    let mut answer = json!({
        "id": "chatcmpl-fake", "object": "chat.completion", "created": CREATED, "model": model,
        "choices": [{ "index": 0, "message": message, "logprobs": logprobs, "finish_reason": finish(content) }],
        "service_tier": "default", "system_fingerprint": "fp_fake"
    });
    if let Some(counts) = content.usage {
        answer["usage"] = usage(counts);
    }
    answer
}

/// A chat completion as the events of its stream. Usage is only told when it was asked for, as OpenAI does.
pub(super) fn chat_events(model: &str, content: &Content, include_usage: bool) -> Vec<String> {
    let chunk = |choices: Value| {
        let mut chunk = json!({ "id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": CREATED,
            "model": model, "service_tier": "default", "system_fingerprint": "fp_fake", "choices": choices });
        if include_usage {
            chunk["usage"] = Value::Null;
        }
        chunk
    };
    let delta = |delta: Value, logprobs: Value, finish: Value| {
        let choice = json!({ "index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish });
        format!("data: {}\n\n", chunk(json!([choice])))
    };
    let plain = |value: Value| delta(value, Value::Null, Value::Null);
    let mut events = vec![plain(json!({ "role": "assistant", "content": "", "refusal": null }))];
    for piece in content.thinking.iter().flat_map(|(pieces, _)| pieces) {
        events.push(plain(json!({ "reasoning_content": piece })));
    }
    let field = if content.finish == Finish::Refusal { "refusal" } else { "content" };
    for piece in &content.text {
        let logprobs = if content.logprobs { logprobs(piece) } else { Value::Null };
        events.push(delta(json!({ field: piece }), logprobs, Value::Null));
    }
    for (index, call) in content.calls.iter().enumerate() {
        let function = json!({ "name": call.name, "arguments": "" });
        let begin = json!({ "index": index, "id": format!("call_{}", call.id), "type": "function", "function": function });
        events.push(plain(json!({ "tool_calls": [begin] })));
        let pieces = if call.arguments.is_empty() { vec!["{}".into()] } else { call.arguments.clone() };
        for piece in pieces {
            let part = json!({ "index": index, "function": { "arguments": piece } });
            events.push(plain(json!({ "tool_calls": [part] })));
        }
    }
    events.push(delta(json!({}), Value::Null, json!(finish(content))));
    if let (true, Some(counts)) = (include_usage, content.usage) {
        let mut last = chunk(json!([]));
        last["usage"] = usage(counts);
        events.push(format!("data: {last}\n\n"));
    }
    events.push(DONE.to_owned());
    events
}

/// A legacy text completion.
pub(super) fn completion(model: &str, content: &Content) -> Value {
    let mut answer = text_completion(model, &content.text.concat(), json!(finish(content)));
    if let Some(counts) = content.usage {
        answer["usage"] = usage(counts);
    }
    answer
}

/// A legacy text completion as the events of its stream.
pub(super) fn completion_events(model: &str, content: &Content, include_usage: bool) -> Vec<String> {
    let mut events: Vec<String> = content
        .text
        .iter()
        .map(|piece| format!("data: {}\n\n", text_completion(model, piece, Value::Null)))
        .collect();
    events.push(format!("data: {}\n\n", text_completion(model, "", json!(finish(content)))));
    if let (true, Some(counts)) = (include_usage, content.usage) {
        let mut last = text_completion(model, "", Value::Null);
        last["choices"] = json!([]);
        last["usage"] = usage(counts);
        events.push(format!("data: {last}\n\n"));
    }
    events.push(DONE.to_owned());
    events
}

/// Embeddings as numbers or as base64, as asked.
pub(super) fn embeddings(model: &str, request: &Value) -> Value {
    let inputs = match &request["input"] {
        Value::Array(items) if items.iter().all(Value::is_number) => 1,
        Value::Array(items) => items.len(),
        _ => 1,
    };
    let length = request["dimensions"].as_u64().unwrap_or(8) as usize;
    let vector: Vec<f32> = (0..length).map(|place| (place as f32 - 3.0) / 4.0).collect();
    let embedding = if request["encoding_format"] == "base64" {
        let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
        json!(base64::engine::general_purpose::STANDARD.encode(bytes))
    } else {
        json!(vector)
    };
    let data =
        (0..inputs).map(|index| json!({ "object": "embedding", "index": index, "embedding": embedding }));
    json!({ "object": "list", "data": data.collect::<Vec<_>>(), "model": model,
            "usage": { "prompt_tokens": 9, "total_tokens": 9 } })
}

/// The list of models.
pub(super) fn models(names: &[&str]) -> Value {
    let data = names
        .iter()
        .map(|name| json!({ "id": name, "object": "model", "created": CREATED, "owned_by": "fake" }));
    json!({ "object": "list", "data": data.collect::<Vec<_>>() })
}

/// An error as OpenAI spells it.
pub(super) fn error(status: u16) -> Value {
    let (kind, code) = match status {
        400 => ("invalid_request_error", json!("invalid_value")),
        401 => ("invalid_request_error", json!("invalid_api_key")),
        403 => ("invalid_request_error", json!("unsupported_country_region_territory")),
        404 => ("invalid_request_error", json!("model_not_found")),
        429 => ("requests", json!("rate_limit_exceeded")),
        _ => ("server_error", Value::Null),
    };
    let param = if status == 400 { json!("temperature") } else { Value::Null };
    json!({ "error": { "message": format!("fake upstream says {status}"), "type": kind, "param": param, "code": code } })
}

/// An error in the middle of a stream.
pub(super) fn error_event() -> String {
    let error = json!({ "error": { "message": "fake upstream broke down", "type": "server_error", "param": null,
                                   "code": null } });
    format!("data: {error}\n\n")
}

fn text_completion(model: &str, text: &str, finish: Value) -> Value {
    json!({ "id": "cmpl-fake", "object": "text_completion", "created": CREATED, "model": model,
            "choices": [{ "text": text, "index": 0, "logprobs": null, "finish_reason": finish }] })
}

fn finish(content: &Content) -> &'static str {
    match content.finish {
        Finish::Stop | Finish::Refusal => "stop",
        Finish::Length => "length",
        Finish::Tool => "tool_calls",
    }
}

fn usage(counts: Usage) -> Value {
    json!({
        "prompt_tokens": counts.input, "completion_tokens": counts.output, "total_tokens": counts.input + counts.output,
        "prompt_tokens_details": { "cached_tokens": counts.cached, "audio_tokens": 0 },
        "completion_tokens_details": { "reasoning_tokens": counts.reasoning, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0 }
    })
}

fn logprobs(token: &str) -> Value {
    json!({ "content": [{ "token": token, "logprob": -0.25, "bytes": token.as_bytes(), "top_logprobs": [] }],
            "refusal": null })
}
