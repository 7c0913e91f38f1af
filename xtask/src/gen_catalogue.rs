//! The model catalogue: `providers/*/models.toml` and `docs/reference/providers.md`.
//!
//! In: the hand-written `providers/.sources/models.toml` (which models, under which names) and the extract
//! `providers/.sources/prices.json` (what registry packages say of them). Out: the files, always the same bytes
//! for the same sources, or the list of those that are stale. [`run`] never uses a network: only [`refresh`]
//! downloads packages, to write the extract anew. A price that no source states is left out, never guessed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use crate::shell;

const LIST: &str = "providers/.sources/models.toml";
const EXTRACT: &str = "providers/.sources/prices.json";
const PAGE: &str = "docs/reference/providers.md";

/// What the sources may say of a model, in the order in which it is written.
const FACTS: &[&str] = &["name", "context", "max_output", "operations", "input", "deprecated", "price"];
const MODALITIES: &[&str] = &["text", "image", "audio", "file", "video"];
/// Prices in the order in which they are written, with their names in the two sources.
const PRICES: &[(&str, &str, &str)] = &[
    ("input", "input", "input_cost_per_token"),
    ("output", "output", "output_cost_per_token"),
    ("cache_read", "cacheRead", "cache_read_input_token_cost"),
    ("cache_write", "cacheWrite", "cache_creation_input_token_cost"),
    ("cache_write_1h", "cacheWrite1h", "cache_creation_input_token_cost_above_1hr"),
    ("reasoning", "reasoning", "output_cost_per_reasoning_token"),
];

/// A provider's models with everything that is known of them, in the order of the list.
type Models = Vec<Map<String, Value>>;

/// Writes the generated files, or with `check` only tells which are stale.
pub fn run(root: &Path, check: bool) -> Result<()> {
    let list = read_list(root)?;
    let extract: Value = serde_json::from_str(&read(&root.join(EXTRACT))?).context(EXTRACT)?;
    let mut faults = Vec::new();
    let mut unpriced = Vec::new();
    let mut products: BTreeMap<PathBuf, String> = BTreeMap::new();
    let mut catalogue: BTreeMap<String, Models> = BTreeMap::new();
    for (provider, entries) in &list.providers {
        let models = entries.iter().map(|entry| complete(entry, &extract)).collect::<Result<Models>>()?;
        for model in &models {
            let id = format!("{provider}: {}", text(model, "id"));
            faults.extend(faults_of(model).into_iter().map(|fault| format!("{id}: {fault}")));
            if model.get("price").is_none() {
                unpriced.push(id);
            }
        }
        let file = PathBuf::from("providers").join(provider).join("models.toml");
        products.insert(file, models_toml(&models, &extract));
        catalogue.insert(provider.clone(), models);
    }
    if !faults.is_empty() {
        bail!("{LIST} and {EXTRACT} give what cannot be right:\n  {}", faults.join("\n  "));
    }
    products.insert(PathBuf::from(PAGE), page(root, &catalogue)?);
    if !check && !unpriced.is_empty() {
        println!("    {} models have no known price: {}", unpriced.len(), unpriced.join(", "));
    }
    settle(root, &products, check)
}

/// Downloads the packages that the list names, by their ordinary clients, and writes the extract anew.
#[allow(dead_code, reason = "a step of its own that is not part of every build")]
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

/// The hand-written list: the packages' versions, and per provider its models.
struct List {
    packages: BTreeMap<String, String>,
    providers: BTreeMap<String, Models>,
}

fn read_list(root: &Path) -> Result<List> {
    let table: Map<String, Value> = toml::from_str(&read(&root.join(LIST))?).context(LIST)?;
    let mut list = List { packages: BTreeMap::new(), providers: BTreeMap::new() };
    for (name, section) in table {
        if name == "packages" {
            list.packages = serde_json::from_value(section).context("packages")?;
            continue;
        }
        let shared = section.get("sources").cloned().unwrap_or_else(|| json!([]));
        let models = section.get("models").cloned().unwrap_or_else(|| json!([]));
        let mut models: Models = serde_json::from_value(models).with_context(|| format!("{LIST}: {name}"))?;
        for model in &mut models {
            let known = |key: &str| FACTS.contains(&key) || ["id", "canonical", "aliases", "sources"].contains(&key);
            if let Some(unknown) = model.keys().find(|key| !known(key)) {
                bail!("{LIST}: {name}: unknown field `{unknown}`");
            }
            model.entry("sources").or_insert_with(|| shared.clone());
        }
        list.providers.insert(name, models);
    }
    Ok(list)
}

/// The keys under which the extract may know a model.
fn sources(model: &Map<String, Value>) -> Vec<String> {
    let patterns = model.get("sources").and_then(Value::as_array).into_iter().flatten();
    patterns.filter_map(Value::as_str).map(|pattern| pattern.replace("{id}", text(model, "id"))).collect()
}

/// What the list says of a model, and what it leaves open from the first source that says it.
fn complete(entry: &Map<String, Value>, extract: &Value) -> Result<Map<String, Value>> {
    let mut model = entry.clone();
    model.remove("sources");
    let mut modalities = vec!["text"];
    for key in sources(entry) {
        let Some(facts) = extract.get("facts").and_then(|facts| facts.get(&key)) else { continue };
        let facts = facts.as_object().with_context(|| format!("{EXTRACT}: {key}"))?;
        for (name, value) in facts.iter().filter(|(name, _)| *name != "input") {
            model.entry(name.clone()).or_insert_with(|| value.clone());
        }
        // A source that leaves a modality out has only not been told of it.
        let said = facts.get("input").and_then(Value::as_array).into_iter().flatten();
        modalities.extend(said.filter_map(Value::as_str));
    }
    let modalities: Vec<&&str> = MODALITIES.iter().filter(|modality| modalities.contains(modality)).collect();
    model.entry("input").or_insert_with(|| json!(modalities));
    model.entry("operations").or_insert_with(|| json!(["chat"]));
    if model.get("price").and_then(Value::as_str) == Some("unknown") {
        model.remove("price");
    }
    Ok(model)
}

fn faults_of(model: &Map<String, Value>) -> Vec<String> {
    let mut faults = Vec::new();
    for field in ["id", "canonical", "name"] {
        if text(model, field).is_empty() {
            faults.push(format!("no source gives `{field}`; write it into the list"));
        }
    }
    let context = model.get("context").and_then(Value::as_u64);
    if context.is_some_and(|context| context < 1024) {
        faults.push(format!("a context of {context:?} tokens is too small to be right"));
    }
    let Some(price) = model.get("price") else { return faults };
    let long = price.get("long");
    for (place, prices) in [("price", Some(price)), ("price.long", long)] {
        let Some(prices) = prices.and_then(Value::as_object) else { continue };
        for (name, amount) in prices.iter().filter(|(name, _)| !["long", "above"].contains(&name.as_str())) {
            let amount: Option<f64> = amount.as_str().and_then(|amount| amount.parse().ok());
            if !amount.is_some_and(|amount| amount > 0.0 && amount < 1000.0) {
                faults.push(format!("{place}.{name} must be over 0 and under 1000 dollars per million tokens"));
            }
        }
    }
    let above = long.map(|long| long.get("above").and_then(Value::as_u64));
    if above.is_some_and(|above| above.is_none_or(|above| context.is_some_and(|context| above >= context))) {
        faults.push(String::from("price.long.above must be under the context"));
    }
    faults
}

fn models_toml(models: &Models, extract: &Value) -> String {
    let packages = extract.get("packages").and_then(Value::as_object).into_iter().flatten();
    let packages: Vec<String> =
        packages.map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or_default())).collect();
    let mut out = format!(
        "# Written by `cargo xtask gen`: edit {LIST} instead.\n# Prices in US dollars per million tokens, \
         from {} as of {} (see providers/.sources/NOTICE.md).\n",
        packages.join(" and "),
        extract.get("retrieved").and_then(Value::as_str).unwrap_or_default()
    );
    for model in models {
        out.push_str("\n[[model]]\n");
        for field in ["id", "canonical", "aliases"].iter().chain(FACTS) {
            if let Some(value) = model.get(*field) {
                _ = writeln!(out, "{field} = {}", inline(value));
            }
        }
    }
    out
}

/// A value as TOML on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let order = PRICES.iter().map(|(name, _, _)| *name);
            let names = std::iter::once("above").chain(order).chain(std::iter::once("long"));
            let fields = names.filter_map(|name| Some(format!("{name} = {}", inline(fields.get(name)?))));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        // JSON strings without control characters are TOML strings too.
        scalar => scalar.to_string(),
    }
}

/// The reference page: who is there, and which models with which prices.
fn page(root: &Path, catalogue: &BTreeMap<String, Models>) -> Result<String> {
    let mut providers: Vec<String> = Vec::new();
    for entry in fs::read_dir(root.join("providers")).context("providers")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && root.join("providers").join(&name).is_dir() {
            providers.push(name);
        }
    }
    providers.sort();
    let mut out = String::from(
        "# Providers\n\n<!-- Written by `cargo xtask gen` from the folders of providers/. -->\n\nEach provider is a \
         folder of data under `providers/`; its README.md says where to get a key and what is peculiar to it. \
         Without a configuration the gateway uses every provider whose environment variable is set. Any other \
         model of a provider can be called once the configuration names it.\n\n\
         | id | name | dialects | environment | models |\n|---|---|---|---|---|\n",
    );
    for id in &providers {
        let file = root.join("providers").join(id).join("provider.toml");
        let definition: Value = toml::from_str(&read(&file)?).with_context(|| file.display().to_string())?;
        let dialects = definition.get("dialects").and_then(Value::as_object).into_iter().flatten();
        let dialects: Vec<String> = dialects.map(|(name, _)| format!("`{name}`")).collect();
        let names = definition.get("credential").and_then(|credential| credential.get("env"));
        let names = names.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
        let name = definition.get("name").and_then(Value::as_str).unwrap_or_default();
        let models = catalogue.get(id).map_or(0, Vec::len);
        let link = format!("[`{id}`](../../providers/{id}/README.md)");
        _ = writeln!(out, "| {link} | {name} | {} | {} | {models} |", dialects.join(", "), names.join(", "));
    }
    out.push_str("\nPrices are in US dollars per million tokens; `-` is not known.\n");
    for (id, models) in catalogue {
        _ = write!(out, "\n## {id}\n\n| model | native id | context | input | output |\n|---|---|---|---|---|\n");
        for model in models {
            let context = model.get("context").map_or_else(|| "-".to_owned(), Value::to_string);
            let price = |name| model.get("price")?.get(name)?.as_str();
            let (input, output) = (price("input").unwrap_or("-"), price("output").unwrap_or("-"));
            let (canonical, native) = (text(model, "canonical"), text(model, "id"));
            _ = writeln!(out, "| `{canonical}` | `{native}` | {context} | {input} | {output} |");
        }
    }
    Ok(out)
}

fn settle(root: &Path, products: &BTreeMap<PathBuf, String>, check: bool) -> Result<()> {
    let mut stale = Vec::new();
    for (path, fresh) in products {
        let file = root.join(path);
        if fs::read_to_string(&file).is_ok_and(|committed| committed == *fresh) {
            continue;
        }
        if check {
            stale.push(path.display().to_string());
            continue;
        }
        fs::create_dir_all(file.parent().unwrap_or(root))?;
        fs::write(&file, fresh).with_context(|| file.display().to_string())?;
        println!("    written {}", path.display());
    }
    if !stale.is_empty() {
        bail!("stale: {}; run `cargo xtask gen`", stale.join(", "));
    }
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
    PRICES.get(index).map(|(_, _, name)| (*name).to_owned()).unwrap_or_default()
}

fn pi_name(index: usize) -> String {
    PRICES.get(index).map(|(_, name, _)| (*name).to_owned()).unwrap_or_default()
}

/// The prices of one step that are stated and not zero, as exact decimals moved up by `shift` places.
fn amounts(entry: &Value, name: impl Fn(usize) -> String, shift: i32) -> Map<String, Value> {
    let mut amounts = Map::new();
    for (index, (ours, _, _)) in PRICES.iter().enumerate() {
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

fn text<'a>(model: &'a Map<String, Value>, field: &str) -> &'a str {
    model.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| file.display().to_string())
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

    /// A tree with one listed model, one fact and one provider folder.
    fn tree(fact: &Value) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let file = root.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        write(LIST, "[packages]\nx = \"1\"\n[acme]\nsources = [\"x:{id}\"]\nmodels = [{ id = \"a\", canonical = \"acme/a\" }]\n");
        write(EXTRACT, &json!({ "packages": { "x": "1" }, "facts": { "x:a": fact } }).to_string());
        write("providers/acme/provider.toml", "name = \"Acme\"\n[dialects]\nopenai_chat = { path = \"/c\" }\n");
        root
    }

    #[test]
    fn what_is_written_is_not_stale_until_a_source_changes() {
        let root = tree(&json!({ "name": "A", "context": 4096, "price": { "input": "1", "output": "2" } }));
        assert!(run(root.path(), true).unwrap_err().to_string().contains("providers/acme/models.toml"));
        run(root.path(), false).unwrap();
        run(root.path(), true).unwrap();
        let models = read(&root.path().join("providers/acme/models.toml")).unwrap();
        assert!(models.contains("price = { input = \"1\", output = \"2\" }"), "{models}");
        assert!(read(&root.path().join(PAGE)).unwrap().contains("| `acme/a` | `a` | 4096 | 1 | 2 |"));
        fs::write(root.path().join("providers/acme/models.toml"), "").unwrap();
        assert!(run(root.path(), true).is_err());
    }

    #[test]
    fn what_cannot_be_right_is_refused() {
        for (fact, expected) in [
            (json!({ "name": "A", "price": { "input": "1000" } }), "price.input must be over 0"),
            (json!({ "name": "A", "price": { "input": "1", "output": "0" } }), "price.output must be over 0"),
            (json!({ "name": "A", "context": 512 }), "too small"),
            (json!({}), "no source gives `name`"),
            (json!({ "name": "A", "context": 2048, "price": { "input": "1", "long": { "input": "2", "above": 4096 } } }),
                "must be under the context"),
        ] {
            let root = tree(&fact);
            let error = run(root.path(), false).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected} is not in {error}");
            assert!(!root.path().join("providers/acme/models.toml").exists());
        }
    }
}
