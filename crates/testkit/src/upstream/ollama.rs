//! Answers in Ollama's own dialect, as a server of today spells them.
//!
//! What this dialect has no way to say is left out: nothing proves thoughts, arguments are whole, and what was cached is
//! not told.

use serde_json::{Value, json};

use super::content::{Content, Finish};

const CREATED: &str = "2025-11-20T08:00:00.123456789Z";

/// A whole answer to `/api/chat`.
pub(super) fn chat(model: &str, content: &Content) -> Value {
    let mut message = json!({ "role": "assistant", "content": content.text.concat() });
    if let Some((thinking, _)) = &content.thinking {
        message["thinking"] = json!(thinking.concat());
    }
    let calls: Vec<Value> = calls(content).collect();
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    let mut answer = end(model, json!({ "message": message }), content);
    if content.logprobs {
        answer["logprobs"] = logprobs(&content.text.concat());
    }
    answer
}

/// The same as lines: pieces of thoughts and text, then all calls in one.
pub(super) fn chat_lines(model: &str, content: &Content) -> Vec<String> {
    let message = |more: Value| {
        let mut message = json!({ "role": "assistant", "content": "" });
        message.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        json!({ "message": message })
    };
    let mut lines = Vec::new();
    for piece in content.thinking.iter().flat_map(|(pieces, _)| pieces) {
        lines.push(line(model, message(json!({ "thinking": piece }))));
    }
    for piece in &content.text {
        let mut said = message(json!({ "content": piece }));
        if content.logprobs {
            said["logprobs"] = logprobs(piece);
        }
        lines.push(line(model, said));
    }
    let calls: Vec<Value> = calls(content).collect();
    if !calls.is_empty() {
        lines.push(line(model, message(json!({ "tool_calls": calls }))));
    }
    lines.push(format!("{}\n", end(model, message(json!({})), content)));
    lines
}

/// A whole answer to `/api/generate`.
pub(super) fn generate(model: &str, content: &Content) -> Value {
    let mut said = json!({ "response": content.text.concat(), "context": [1, 2, 3] });
    if let Some((thinking, _)) = &content.thinking {
        said["thinking"] = json!(thinking.concat());
    }
    end(model, said, content)
}

/// The same as lines.
pub(super) fn generate_lines(model: &str, content: &Content) -> Vec<String> {
    let thoughts = content.thinking.iter().flat_map(|(pieces, _)| pieces);
    let thoughts = thoughts.map(|piece| line(model, json!({ "response": "", "thinking": piece })));
    let text = content.text.iter().map(|piece| line(model, json!({ "response": piece })));
    let last = end(model, json!({ "response": "", "context": [1, 2, 3] }), content);
    thoughts.chain(text).chain([format!("{last}\n")]).collect()
}

/// The answer to `/api/embed`, or to the older `/api/embeddings`.
pub(super) fn embeddings(model: &str, request: &Value) -> Value {
    let length = request["dimensions"].as_u64().unwrap_or(8);
    let vector: Vec<f64> = (0..length).map(|place| (place as f64 - 3.0) / 4.0).collect();
    if request["prompt"].is_string() {
        return json!({ "embedding": vector });
    }
    let count = request["input"].as_array().map_or(1, Vec::len);
    json!({ "model": model, "embeddings": vec![vector; count], "total_duration": 14_143_917_u64,
            "load_duration": 1_019_500, "prompt_eval_count": 9 })
}

/// The list of models.
pub(super) fn models(names: &[&str]) -> Value {
    let model = |name: &&str| json!({ "name": name, "model": name, "modified_at": CREATED, "size": 1, "digest": "d" });
    json!({ "models": names.iter().map(model).collect::<Vec<_>>() })
}

/// An error as Ollama spells it.
pub(super) fn error(status: u16) -> Value {
    json!({ "error": format!("fake upstream says {status}") })
}

/// An error in the middle of a stream.
pub(super) fn error_line() -> String {
    "{\"error\":\"fake upstream broke down\"}\n".to_owned()
}

fn line(model: &str, mut said: Value) -> String {
    said["model"] = json!(model);
    said["created_at"] = json!(CREATED);
    said["done"] = json!(false);
    format!("{said}\n")
}

/// What tells that the answer is complete.
fn end(model: &str, mut said: Value, content: &Content) -> Value {
    said["model"] = json!(model);
    said["created_at"] = json!(CREATED);
    said["done"] = json!(true);
    said["done_reason"] = json!(if content.finish == Finish::Length { "length" } else { "stop" });
    said["total_duration"] = json!(4_883_583_458_u64);
    said["load_duration"] = json!(1_334_875);
    if let Some(counts) = content.usage {
        said["prompt_eval_count"] = json!(counts.input);
        said["prompt_eval_duration"] = json!(342_546_000);
        said["eval_count"] = json!(counts.output);
        said["eval_duration"] = json!(4_535_599_000_u64);
    }
    said
}

fn calls(content: &Content) -> impl Iterator<Item = Value> {
    content.calls.iter().enumerate().map(|(index, call)| {
        let arguments: Value = serde_json::from_str(&call.object()).unwrap_or_else(|_| json!({}));
        json!({ "function": { "index": index, "name": call.name, "arguments": arguments } })
    })
}

fn logprobs(token: &str) -> Value {
    json!([{ "token": token, "logprob": -0.25, "bytes": token.as_bytes(), "top_logprobs": [] }])
}
