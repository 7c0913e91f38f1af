//! Writes the extract of the registry packages anew, a step that a person takes and looks at.
//!
//! In: the packages whose versions the list pins, fetched by their ordinary clients. Out:
//! `providers/.sources/prices.json` with only what the list needs. Prices stay exact decimals; what a source
//! does not say, or says as zero, is left out.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::{EXTRACT, LIST, PRICES, read, read_list, sources};
use crate::shell;

/// The names of our prices in pi-ai and in litellm, in the order of [`PRICES`].
const NAMES: &[(&str, &str)] = &[
    ("input", "input_cost_per_token"),
    ("output", "output_cost_per_token"),
    ("cacheRead", "cache_read_input_token_cost"),
    ("cacheWrite", "cache_creation_input_token_cost"),
    ("cacheWrite1h", "cache_creation_input_token_cost_above_1hr"),
    ("reasoning", "output_cost_per_reasoning_token"),
];

/// Downloads the packages that the list names, by their ordinary clients, and writes the extract anew.
#[allow(dead_code, reason = "a step of its own, not part of every build")]
pub fn refresh(root: &Path) -> Result<()> {
    let list = read_list(root)?;
    let folder = std::env::temp_dir().join(format!("yumen-prices-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let downloaded = download(&folder, &list.packages);
    let facts = downloaded.and_then(|()| {
        let mut facts = litellm_facts(&folder)?;
        facts.append(&mut pi_facts(&folder)?);
        Ok(facts)
    });
    fs::remove_dir_all(&folder)?;
    let mut facts = facts?;
    let wanted: Vec<String> = list.providers.values().flatten().flat_map(sources).collect();
    for key in &wanted {
        if !facts.contains_key(key) {
            println!("    no package knows {key}");
        }
    }
    facts.retain(|key, _| wanted.contains(key));
    let today = shell::capture(Command::new("date").args(["-u", "+%F"]))?;
    let day = String::from_utf8(today.stdout)?.trim().to_owned();
    fs::write(root.join(EXTRACT), extract_json(&day, &list.packages, &facts)?)?;
    println!("    {} facts; now run `cargo xtask gen` and look at the difference", facts.len());
    Ok(())
}

fn download(folder: &Path, packages: &BTreeMap<String, String>) -> Result<()> {
    let version = |name: &str| packages.get(name).with_context(|| format!("{LIST}: packages: no `{name}`"));
    let python = |arguments: &[&str]| shell::run(Command::new("python3").args(arguments).current_dir(folder));
    python(&["-m", "pip", "download", "--quiet", "--no-deps", &format!("litellm=={}", version("litellm")?)])?;
    let package = format!("@earendil-works/pi-ai@{}", version("pi-ai")?);
    shell::run(Command::new("npm").args(["pack", "--silent", &package]).current_dir(folder))?;
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".whl") {
            python(&["-m", "zipfile", "-e", &name, "wheel"])?;
        } else if name.ends_with(".tgz") {
            shell::run(Command::new("tar").args(["-xzf", &name]).current_dir(folder))?;
        }
    }
    Ok(())
}

/// Facts by `litellm:<key>`.
fn litellm_facts(folder: &Path) -> Result<BTreeMap<String, Value>> {
    let file = folder.join("wheel/litellm/model_prices_and_context_window_backup.json");
    let entries: Map<String, Value> = serde_json::from_str(&read(&file)?).context("litellm")?;
    Ok(entries.iter().map(|(key, entry)| (format!("litellm:{key}"), litellm_fact(entry))).collect())
}

fn litellm_fact(entry: &Value) -> Value {
    let mut input = vec!["text"];
    for (flag, modality) in [
        ("supports_vision", "image"),
        ("supports_audio_input", "audio"),
        ("supports_pdf_input", "file"),
        ("supports_video_input", "video"),
    ] {
        if entry.get(flag) == Some(&Value::Bool(true)) {
            input.push(modality);
        }
    }
    let operations = match entry.get("mode").and_then(Value::as_str) {
        Some("embedding") => json!(["embeddings"]),
        Some("completion") => json!(["completions"]),
        _ => json!(["chat"]),
    };
    // Two steps by the prompt's length are a price and a long price; more cannot be said and are left out.
    let steps = entry.get("tiered_pricing").and_then(Value::as_array).map(Vec::as_slice);
    let price = match steps {
        Some([short, long]) => {
            let above = long.get("range").and_then(|range| range.get(0)).cloned();
            with_long(amounts(short, litellm_name, 6), above, amounts(long, litellm_name, 6))
        }
        Some(_) => None,
        None => {
            let above = entry.as_object().into_iter().flatten().find_map(|(key, _)| {
                let step = key.strip_prefix("input_cost_per_token_above_")?.strip_suffix("k_tokens")?;
                step.parse::<u64>().ok()
            });
            let long = above.map(|above| {
                amounts(entry, |index| format!("{}_above_{above}k_tokens", litellm_name(index)), 6)
            });
            let above = above.map(|above| json!(above * 1000));
            with_long(amounts(entry, litellm_name, 6), above, long.unwrap_or_default())
        }
    };
    fact([
        ("operations", Some(operations)),
        ("input", Some(json!(input))),
        ("context", entry.get("max_input_tokens").cloned()),
        ("max_output", entry.get("max_output_tokens").cloned()),
        ("deprecated", entry.get("deprecation_date").cloned()),
        ("price", price),
    ])
}

/// Facts by `pi:<provider>/<id>`.
fn pi_facts(folder: &Path) -> Result<BTreeMap<String, Value>> {
    let mut facts = BTreeMap::new();
    for file in fs::read_dir(folder.join("package/dist/providers/data")).context("pi-ai")? {
        let path = file?.path();
        let provider = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let groups: Value = serde_json::from_str(&read(&path)?).with_context(|| provider.clone())?;
        let groups = groups.as_object().into_iter().flatten().filter_map(|(_, group)| group.as_object());
        for entry in groups.flat_map(Map::values).filter(|entry| entry.get("type") == Some(&json!("chat"))) {
            let id = entry.get("id").and_then(Value::as_str).unwrap_or_default();
            facts.insert(format!("pi:{provider}/{id}"), pi_fact(entry));
        }
    }
    Ok(facts)
}

fn pi_fact(entry: &Value) -> Value {
    let cost = entry.get("cost").unwrap_or(&Value::Null);
    let long = cost.get("tiers").and_then(|tiers| tiers.get(0)).unwrap_or(&Value::Null);
    let above = long.get("inputTokensAbove").cloned();
    let price = with_long(amounts(cost, pi_name, 0), above, amounts(long, pi_name, 0));
    let name = entry.get("name").and_then(Value::as_str).unwrap_or_default();
    let name = name.rsplit(": ").next().unwrap_or_default().trim_end_matches(" (latest)");
    fact([
        ("name", Some(json!(name))),
        ("input", entry.get("input").cloned()),
        ("context", entry.get("contextWindow").cloned()),
        ("max_output", entry.get("maxTokens").cloned()),
        ("price", price),
    ])
}

fn litellm_name(index: usize) -> String {
    NAMES.get(index).map(|(_, name)| (*name).to_owned()).unwrap_or_default()
}

fn pi_name(index: usize) -> String {
    NAMES.get(index).map(|(name, _)| (*name).to_owned()).unwrap_or_default()
}

/// The prices of one step that are stated and not zero, as exact decimals moved up by `shift` places.
fn amounts(entry: &Value, name: impl Fn(usize) -> String, shift: i32) -> Map<String, Value> {
    let mut amounts = Map::new();
    for (index, ours) in PRICES.iter().enumerate() {
        if let Some(amount) = entry.get(name(index)).and_then(Value::as_f64).filter(|amount| *amount > 0.0) {
            amounts.insert((*ours).to_owned(), json!(decimal(amount, shift)));
        }
    }
    amounts
}

/// A price, if there is one; a step without a plain price of its own is no step.
fn with_long(
    mut price: Map<String, Value>,
    above: Option<Value>,
    mut long: Map<String, Value>,
) -> Option<Value> {
    price.get("input")?;
    if let Some(above) = above.as_ref().and_then(Value::as_f64)
        && long.contains_key("input")
    {
        long.remove("reasoning");
        long.insert("above".to_owned(), json!(above as u64));
        price.insert("long".to_owned(), Value::Object(long));
    }
    Some(Value::Object(price))
}

fn fact<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let stated = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(stated.filter(|(_, value)| !value.is_null()).collect())
}

/// The shortest decimal that reads back as `number`, moved up by `shift` places, with at most nine decimals.
fn decimal(number: f64, shift: i32) -> String {
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits = mantissa.replace('.', "");
    let point = exponent.parse::<i32>().unwrap_or_default() + 1 + shift;
    let zeros = usize::try_from(-point).unwrap_or_default();
    let padded = format!("{}{digits}", "0".repeat(zeros));
    let whole = usize::try_from(point).unwrap_or_default();
    let padded = format!("{padded:0<whole$}");
    let (whole, fraction) = padded.split_at_checked(whole).unwrap_or((&padded, ""));
    let fraction: String = fraction.chars().take(9).collect();
    let whole = if whole.is_empty() { "0" } else { whole };
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

/// One line per fact, so that a difference can be read.
fn extract_json(
    day: &str,
    packages: &BTreeMap<String, String>,
    facts: &BTreeMap<String, Value>,
) -> Result<String> {
    let mut out = format!(
        "{{\n  \"retrieved\": {},\n  \"packages\": {},\n  \"facts\": {{\n",
        json!(day),
        serde_json::to_string(packages)?
    );
    let lines: Vec<String> = facts.iter().map(|(key, fact)| format!("    {}: {fact}", json!(key))).collect();
    out.push_str(&lines.join(",\n"));
    out.push_str("\n  }\n}\n");
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_moved_without_rounding() {
        for (number, shift, expected) in [
            (1.5e-7, 6, "0.15"),
            (7.5e-8, 6, "0.075"),
            (1e-6, 6, "1"),
            (1.5e-5, 6, "15"),
            (1.68e-4, 6, "168"),
            (0.15, 0, "0.15"),
            (10.0, 0, "10"),
            (0.083_333, 0, "0.083333"),
            (0.083_333_333_333_333, 0, "0.083333333"),
        ] {
            assert_eq!(decimal(number, shift), expected, "{number} by {shift}");
        }
    }

    #[test]
    fn both_sources_tell_of_long_prompts_in_the_same_words() {
        let litellm = litellm_fact(&json!({
            "mode": "chat", "max_input_tokens": 500_000, "supports_vision": true,
            "input_cost_per_token": 2e-6, "output_cost_per_token": 6e-6, "cache_creation_input_token_cost": 0.0,
            "input_cost_per_token_above_200k_tokens": 4e-6, "output_cost_per_token_above_200k_tokens": 1.2e-5,
            "input_cost_per_token_above_200k_tokens_batches": 2e-6,
        }));
        let pi = pi_fact(&json!({
            "type": "chat", "name": "xAI: Grok (latest)", "contextWindow": 500_000,
            "cost": { "input": 2, "output": 6, "cacheRead": 0,
                "tiers": [{ "inputTokensAbove": 200_000, "input": 4, "output": 12 }] },
        }));
        let price = json!({ "input": "2", "output": "6",
            "long": { "input": "4", "output": "12", "above": 200_000 } });
        assert_eq!(litellm["price"], price);
        assert_eq!(pi["price"], price);
        assert_eq!(pi["name"], "Grok");
        assert_eq!(litellm["input"], json!(["text", "image"]));
    }

    #[test]
    fn a_price_of_zero_or_of_many_steps_is_no_price() {
        assert_eq!(litellm_fact(&json!({ "input_cost_per_token": 0.0 })).get("price"), None);
        let step = json!({ "input_cost_per_token": 1e-6, "range": [0, 1] });
        let steps = |count| json!({ "tiered_pricing": vec![step.clone(); count] });
        assert!(litellm_fact(&steps(2)).get("price").is_some());
        assert_eq!(litellm_fact(&steps(3)).get("price"), None);
    }
}
