//! What the package `@earendil-works/pi-ai` says: one JSON file per provider.
//!
//! In: the unpacked package. Out: facts by `pi:<provider>/<id>`. A provider that serves some models only in another
//! wire format than OpenAI's says so per model, and those are left out where it matters.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::super::read;
use super::{Facts, amounts, fact, plain_name, text, with_long};

/// Our price and its name here.
const NAMES: &[(&str, &str)] = &[
    ("input", "input"),
    ("output", "output"),
    ("cache_read", "cacheRead"),
    ("cache_write", "cacheWrite"),
    ("cache_write_1h", "cacheWrite1h"),
    ("reasoning", "reasoning"),
];
/// Providers whose models are each served in the wire format that is named, and in no other.
const ONE_FORMAT_EACH: &[&str] = &["opencode", "opencode-go"];

pub(super) fn facts(folder: &Path) -> Result<Facts> {
    let mut facts = Facts::new();
    for file in fs::read_dir(folder.join("package/dist/providers/data")).context("pi-ai")? {
        let path = file?.path();
        let provider = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let groups: Value = serde_json::from_str(&read(&path)?).with_context(|| provider.clone())?;
        let groups = groups.as_object().into_iter().flatten().filter_map(|(_, group)| group.as_object());
        for entry in groups.flat_map(Map::values) {
            let key = format!("pi:{provider}/{}", text(entry, "id"));
            let apart =
                ONE_FORMAT_EACH.contains(&provider.as_str()) && text(entry, "api") != "openai-completions";
            let fact = if apart { json!({ "operations": ["other"] }) } else { fact_of(entry) };
            // The same id may be a chat model and a classifier; the chat model is the one that is meant.
            if text(entry, "type") == "chat" || !facts.contains_key(&key) {
                facts.insert(key, fact);
            }
        }
    }
    Ok(facts)
}

pub(super) fn fact_of(entry: &Value) -> Value {
    match text(entry, "type") {
        "chat" => {}
        _ => return json!({ "operations": ["other"] }),
    }
    // The package lists only models that call tools.
    let thinks = entry.get("reasoning") == Some(&Value::Bool(true));
    let supports: Vec<&str> = ["tools"].into_iter().chain(thinks.then_some("reasoning")).collect();
    let cost = entry.get("cost").unwrap_or(&Value::Null);
    let long = cost.get("tiers").and_then(|tiers| tiers.get(0)).unwrap_or(&Value::Null);
    let above = long.get("inputTokensAbove").cloned();
    fact([
        ("name", Some(json!(plain_name(text(entry, "name"))))),
        ("input", entry.get("input").cloned()),
        ("supports", Some(json!(supports))),
        ("context", entry.get("contextWindow").cloned()),
        ("max_output", entry.get("maxTokens").cloned()),
        ("price", with_long(amounts(cost, name, 0), above, amounts(long, name, 0))),
    ])
}

fn name(ours: &str) -> String {
    NAMES.iter().find(|(name, _)| *name == ours).map(|(_, theirs)| (*theirs).to_owned()).unwrap_or_default()
}
