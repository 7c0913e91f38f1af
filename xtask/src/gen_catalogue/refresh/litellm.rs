//! What the package `litellm` says: `model_prices_and_context_window_backup.json`.
//!
//! In: the unpacked wheel. Out: facts by `litellm:<provider>/<id>`, where the id has lost the provider that this
//! package writes in front of it.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::super::read;
use super::units;
use super::{Facts, amounts, fact, text, with_long};

/// Our price and its name here.
const NAMES: &[(&str, &str)] = &[
    ("input", "input_cost_per_token"),
    ("output", "output_cost_per_token"),
    ("cache_read", "cache_read_input_token_cost"),
    ("cache_write", "cache_creation_input_token_cost"),
    ("cache_write_1h", "cache_creation_input_token_cost_above_1hr"),
    ("reasoning", "output_cost_per_reasoning_token"),
];
/// Our prices that are stated for batches, too.
const BATCH: &[&str] = &["input", "output", "cache_read"];
/// The mode and the operation that it is to us. What makes no texts is read by [`units`].
const OPERATIONS: &[(&str, &str)] = &[
    ("chat", "chat"),
    ("completion", "completions"),
    ("embedding", "embeddings"),
    ("responses", "responses"),
    ("video_generation", "videos"),
    ("realtime", "realtime"),
];
/// What a flag says of a model, in the order in which it is written.
const FEATURES: &[(&str, &str)] = &[
    ("supports_function_calling", "tools"),
    ("supports_response_schema", "structured"),
    ("supports_reasoning", "reasoning"),
];
const MODALITIES: &[(&str, &str)] = &[
    ("supports_vision", "image"),
    ("supports_audio_input", "audio"),
    ("supports_pdf_input", "file"),
    ("supports_video_input", "video"),
];

pub(super) fn facts(folder: &Path) -> Result<Facts> {
    let file = folder.join("wheel/litellm/model_prices_and_context_window_backup.json");
    let entries: Map<String, Value> = serde_json::from_str(&read(&file)?).context("litellm")?;
    let entries = entries.iter().filter(|(key, _)| *key != "sample_spec");
    Ok(entries
        .map(|(key, entry)| {
            let provider = text(entry, "litellm_provider");
            (format!("litellm:{provider}/{}", id(provider, key)), fact_of(entry))
        })
        .collect())
}

/// The key without its provider in front; some are written with another hyphen.
fn id<'a>(provider: &str, key: &'a str) -> &'a str {
    let same = |prefix: &str| prefix.replace('_', "-") == provider.replace('_', "-");
    key.split_once('/').filter(|(prefix, _)| same(prefix)).map_or(key, |(_, id)| id)
}

pub(super) fn fact_of(entry: &Value) -> Value {
    let mode = text(entry, "mode");
    if let Some(fact) = units::fact_of(mode, entry) {
        return fact;
    }
    let operation = OPERATIONS.iter().find(|(name, _)| *name == mode).map_or("other", |(_, ours)| *ours);
    let operations = Some(json!([operation]));
    if !["chat", "completions", "embeddings"].contains(&operation) {
        return fact([("operations", operations)]);
    }
    let set = |flag: &str| entry.get(flag) == Some(&Value::Bool(true));
    let others = MODALITIES.iter().filter(|(flag, _)| set(flag)).map(|(_, modality)| *modality);
    let input: Vec<&str> = ["text"].into_iter().chain(others).collect();
    let thinking = match (set("thinking_always_on"), set("supports_adaptive_thinking")) {
        (true, _) => Some(json!("always")),
        (false, true) if !set("supports_legacy_thinking") => Some(json!("adaptive")),
        _ => None,
    };
    let features = FEATURES.iter().filter(|(flag, _)| set(flag)).map(|(_, feature)| *feature);
    let refuses = entry.get("supports_sampling_params") == Some(&Value::Bool(false));
    let features: Vec<&str> = features.chain(refuses.then_some("fixed_sampling")).collect();
    let speaks = operation == "chat" && set("supports_audio_output");
    let number = |field: &str| entry.get(field).filter(|number| number.is_u64()).cloned();
    fact([
        ("operations", operations),
        ("input", Some(json!(input))),
        ("output", speaks.then(|| json!(["text", "audio"]))),
        ("supports", Some(json!(features)).filter(|_| !features.is_empty())),
        ("context", number("max_input_tokens")),
        ("max_output", number("max_output_tokens")),
        ("thinking", thinking),
        ("deprecated", entry.get("deprecation_date").cloned()),
        ("price", price(entry)),
    ])
}

/// A price, and what batches cost where both of their prices are stated.
fn price(entry: &Value) -> Option<Value> {
    let mut price = list_price(entry)?;
    let batch = amounts(
        entry,
        |ours| if BATCH.contains(&ours) { format!("{}_batches", name(ours)) } else { String::new() },
        6,
    );
    if batch.contains_key("input") && batch.contains_key("output") {
        price.as_object_mut()?.insert("batch".to_owned(), Value::Object(batch));
    }
    Some(price)
}

/// Two steps by the prompt's length are a price and a long price; more cannot be said and are left out.
fn list_price(entry: &Value) -> Option<Value> {
    match entry.get("tiered_pricing").and_then(Value::as_array).map(Vec::as_slice) {
        Some([short, long]) => {
            let above = long.get("range").and_then(|range| range.get(0)).cloned();
            with_long(amounts(short, name, 6), above, amounts(long, name, 6))
        }
        Some(_) => None,
        None => {
            let above = entry.as_object().into_iter().flatten().find_map(|(key, _)| {
                let step = key.strip_prefix("input_cost_per_token_above_")?.strip_suffix("k_tokens")?;
                step.parse::<u64>().ok()
            });
            let long =
                above.map(|above| amounts(entry, |ours| format!("{}_above_{above}k_tokens", name(ours)), 6));
            with_long(
                amounts(entry, name, 6),
                above.map(|above| json!(above * 1000)),
                long.unwrap_or_default(),
            )
        }
    }
}

fn name(ours: &str) -> String {
    NAMES.iter().find(|(name, _)| *name == ours).map(|(_, theirs)| (*theirs).to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lose_their_provider_alone() {
        for (provider, key, expected) in [
            ("deepinfra", "deepinfra/openai/gpt-oss-120b", "openai/gpt-oss-120b"),
            ("amazon_nova", "amazon-nova/nova-lite-v1", "nova-lite-v1"),
            ("openai", "gpt-4o", "gpt-4o"),
            ("cohere_chat", "command-a-03-2025", "command-a-03-2025"),
        ] {
            assert_eq!(id(provider, key), expected);
        }
    }

    #[test]
    fn how_claude_thinks_is_told_by_three_flags() {
        let thinking = |flags: Value| {
            let mut entry = flags;
            entry["mode"] = json!("chat");
            fact_of(&entry).get("thinking").cloned()
        };
        assert_eq!(
            thinking(json!({ "supports_adaptive_thinking": true, "thinking_always_on": true })),
            Some(json!("always"))
        );
        assert_eq!(thinking(json!({ "supports_adaptive_thinking": true })), Some(json!("adaptive")));
        assert_eq!(
            thinking(json!({ "supports_adaptive_thinking": true, "supports_legacy_thinking": true })),
            None
        );
    }
}
