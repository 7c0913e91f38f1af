//! Probabilities of tokens: here in two lists side by side, in the IR as OpenAI's chat says them.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::dialects::write;
use crate::ir::Json;

/// Reads a `logprobsResult`; what cannot be read tells nothing.
pub(super) fn read_logprobs(raw: &RawValue) -> Option<Json> {
    let result: Value = serde_json::from_str(raw.get()).ok()?;
    let tops = result.get("topCandidates").and_then(Value::as_array);
    let chosen = result.get("chosenCandidates")?.as_array()?;
    let content: Vec<Value> = chosen
        .iter()
        .enumerate()
        .filter_map(|(place, token)| {
            let mut entry = read_token(token)?;
            let top = tops.and_then(|tops| tops.get(place)?.get("candidates")?.as_array());
            let top: Vec<Value> = top.into_iter().flatten().filter_map(read_token).collect();
            entry.as_object_mut()?.insert("top_logprobs".to_owned(), Value::Array(top));
            Some(entry)
        })
        .collect();
    (!content.is_empty())
        .then(|| Json::parse(&json!({ "content": content, "refusal": null }).to_string()))
        .flatten()
}

fn read_token(token: &Value) -> Option<Value> {
    let text = token.get("token")?.as_str()?;
    let logprob = token.get("logProbability").and_then(Value::as_f64).unwrap_or(0.0);
    Some(json!({ "token": text, "logprob": logprob, "bytes": text.as_bytes() }))
}

/// Writes a `logprobsResult`, when the probabilities are those of a chat.
pub(super) fn write_logprobs(logprobs: &Json, out: &mut write::Object<'_>) {
    let Ok(value) = serde_json::from_str::<Value>(logprobs.get()) else { return };
    let Some(content) = value.get("content").and_then(Value::as_array) else { return };
    out.object("logprobsResult", |result| {
        result.list("topCandidates", |list| {
            for token in content {
                list.object(|top| {
                    top.list("candidates", |list| {
                        let tops = token.get("top_logprobs").and_then(Value::as_array);
                        tops.into_iter().flatten().for_each(|token| write_token(token, list));
                    });
                });
            }
        });
        result.list("chosenCandidates", |list| content.iter().for_each(|token| write_token(token, list)));
    });
}

fn write_token(token: &Value, list: &mut write::List<'_>) {
    list.object(|object| {
        object.text("token", token.get("token").and_then(Value::as_str).unwrap_or_default());
        object.number("logProbability", token.get("logprob").and_then(Value::as_f64).unwrap_or(0.0));
    });
}
