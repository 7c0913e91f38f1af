//! Answers in Google's dialect, as AI Studio spells them.
//!
//! What this dialect has no way to say is left out: calls have no ids and whole arguments, what was written to a cache
//! is not told.

use serde_json::{Value, json};

use super::content::{Content, Finish, Usage};

/// A whole answer.
pub(super) fn answer(model: &str, content: &Content) -> Value {
    let mut parts = Vec::new();
    if let Some((thinking, _)) = &content.thinking {
        parts.push(json!({ "text": thinking.concat(), "thought": true }));
    }
    if !content.text.is_empty() {
        parts.push(json!({ "text": content.text.concat() }));
    }
    parts.extend(calls(content));
    sign(content, parts.iter_mut().find(|part| part["thought"] != true));
    let mut candidate = json!({ "content": { "parts": parts, "role": "model" }, "finishReason": finish(content),
                                "index": 0 });
    if content.logprobs {
        candidate["avgLogprobs"] = json!(-0.25);
        candidate["logprobsResult"] = logprobs(&content.text.concat());
    }
    frame(model, candidate, content.usage.map(|counts| usage(counts, true)))
}

/// An answer as the events of its stream: whole parts, the last with the reason, and the prompt's figures in each.
pub(super) fn events(model: &str, content: &Content) -> Vec<String> {
    let mut parts = Vec::new();
    for piece in content.thinking.iter().flat_map(|(pieces, _)| pieces) {
        parts.push(json!({ "text": piece, "thought": true }));
    }
    parts.extend(content.text.iter().map(|piece| json!({ "text": piece })));
    parts.extend(calls(content));
    match content.calls.is_empty() {
        // The signature of an answer in words comes last, on a text without any.
        true if content.thinking.is_some() => {
            parts.push(json!({ "text": "" }));
            sign(content, parts.last_mut());
        }
        _ => sign(content, parts.iter_mut().find(|part| part["functionCall"].is_object())),
    }
    let last = parts.len().saturating_sub(1);
    let event = |(place, part): (usize, Value)| {
        let is_last = place == last;
        let logprobs = (content.logprobs).then(|| logprobs(part["text"].as_str().unwrap_or_default()));
        let mut candidate = json!({ "content": { "parts": [part], "role": "model" }, "index": 0 });
        if is_last {
            candidate["finishReason"] = json!(finish(content));
        }
        if let Some(logprobs) = logprobs {
            candidate["logprobsResult"] = logprobs;
        }
        let usage = content.usage.map(|counts| usage(counts, is_last));
        format!("data: {}\r\n\r\n", frame(model, candidate, usage))
    };
    parts.into_iter().enumerate().map(event).collect()
}

/// The answer to `embedContent` or `batchEmbedContents`.
pub(super) fn embeddings(request: &Value) -> Value {
    let one = |request: &Value| {
        let length = request["outputDimensionality"].as_u64().unwrap_or(8);
        let values: Vec<f64> = (0..length).map(|place| (place as f64 - 3.0) / 4.0).collect();
        json!({ "values": values })
    };
    match request["requests"].as_array() {
        Some(requests) => json!({ "embeddings": requests.iter().map(one).collect::<Vec<_>>() }),
        None => json!({ "embedding": one(request) }),
    }
}

/// The list of models.
pub(super) fn models(names: &[&str]) -> Value {
    let model = |name: &&str| {
        json!({ "name": format!("models/{name}"), "version": "001", "displayName": name, "inputTokenLimit": 1_048_576,
                "outputTokenLimit": 65_536, "supportedGenerationMethods": ["generateContent", "countTokens"] })
    };
    json!({ "models": names.iter().map(model).collect::<Vec<_>>() })
}

/// An error as Google spells it.
pub(super) fn error(status: u16) -> Value {
    let word = match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 | 529 => "UNAVAILABLE",
        _ => "INTERNAL",
    };
    let mut error =
        json!({ "code": status, "message": format!("fake upstream says {status}"), "status": word });
    match status {
        400 => {
            let violation =
                json!({ "field": "generation_config.temperature", "description": "out of range" });
            error["details"] = json!([{ "@type": "type.googleapis.com/google.rpc.BadRequest",
                                        "fieldViolations": [violation] }]);
        }
        // When to come back stands here and in no header.
        429 => {
            error["details"] =
                json!([{ "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "6.5s" }]);
        }
        _ => {}
    }
    json!({ "error": error })
}

/// An error in the middle of a stream.
pub(super) fn error_event() -> String {
    let error =
        json!({ "error": { "code": 503, "message": "fake upstream broke down", "status": "UNAVAILABLE" } });
    format!("data: {error}\r\n\r\n")
}

fn frame(model: &str, candidate: Value, usage: Option<Value>) -> Value {
    let mut frame = json!({ "candidates": [candidate], "modelVersion": model, "responseId": "resp-fake" });
    if let Some(usage) = usage {
        frame["usageMetadata"] = usage;
    }
    frame
}

fn calls(content: &Content) -> impl Iterator<Item = Value> {
    content.calls.iter().map(|call| {
        let args: Value = serde_json::from_str(&call.object()).unwrap_or_else(|_| json!({}));
        json!({ "functionCall": { "name": call.name, "args": args } })
    })
}

/// Puts the signature of the thoughts on a part.
fn sign(content: &Content, part: Option<&mut Value>) {
    if let (Some((_, signature)), Some(part)) = (&content.thinking, part) {
        part["thoughtSignature"] = json!(signature);
    }
}

fn finish(content: &Content) -> &'static str {
    match content.finish {
        Finish::Stop | Finish::Tool => "STOP",
        Finish::Length => "MAX_TOKENS",
        Finish::Refusal => "SAFETY",
    }
}

/// Thoughts are counted beside the answer; until its end only the prompt is counted.
fn usage(counts: Usage, whole: bool) -> Value {
    let modality = json!([{ "modality": "TEXT", "tokenCount": counts.input }]);
    let mut usage = json!({ "promptTokenCount": counts.input, "totalTokenCount": counts.input,
                            "promptTokensDetails": modality });
    if counts.cached > 0 {
        usage["cachedContentTokenCount"] = json!(counts.cached);
    }
    if whole {
        usage["candidatesTokenCount"] = json!(counts.output - counts.reasoning);
        usage["totalTokenCount"] = json!(counts.input + counts.output);
        if counts.reasoning > 0 {
            usage["thoughtsTokenCount"] = json!(counts.reasoning);
        }
    }
    usage
}

fn logprobs(token: &str) -> Value {
    let one = json!({ "token": token, "tokenId": 7, "logProbability": -0.25 });
    json!({ "topCandidates": [{ "candidates": [one] }], "chosenCandidates": [one] })
}
