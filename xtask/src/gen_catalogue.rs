//! The model catalogue: `providers/*/models.toml` and `docs/reference/providers.md`.
//!
//! In: the hand-written `providers/.sources/models.toml` (which models, under which names) and the extract
//! `providers/.sources/prices.json` (what registry packages say of them). Out: the files, always the same bytes
//! for the same sources, or the list of those that are stale. [`run`] never uses a network: only [`refresh`]
//! downloads packages, to write the extract anew. A price that no source states is left out, never guessed.

mod refresh;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

#[allow(unused_imports, reason = "a step of its own, not part of every build")]
pub use refresh::refresh;

const LIST: &str = "providers/.sources/models.toml";
const EXTRACT: &str = "providers/.sources/prices.json";
const PAGE: &str = "docs/reference/providers.md";

/// What the sources may say of a model, in the order in which it is written.
const FACTS: &[&str] =
    &["name", "context", "max_output", "operations", "input", "thinking", "deprecated", "price"];
const MODALITIES: &[&str] = &["text", "image", "audio", "file", "video"];
/// Prices in the order in which they are written.
const PRICES: &[&str] = &["input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning"];

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
        let sourced = entries.iter().any(|entry| !sources(entry).is_empty());
        products.insert(file, models_toml(&models, sourced.then_some(&extract)));
        catalogue.insert(provider.clone(), models);
    }
    if !faults.is_empty() {
        bail!("{LIST} and {EXTRACT} give what cannot be right:\n  {}", faults.join("\n  "));
    }
    products.insert(PathBuf::from(PAGE), page(root, catalogue)?);
    if !check && !unpriced.is_empty() {
        println!("    {} models have no known price: {}", unpriced.len(), unpriced.join(", "));
    }
    settle(root, &products, check)
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
            let known =
                |key: &str| FACTS.contains(&key) || ["id", "canonical", "aliases", "sources"].contains(&key);
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
        // An answer as long as the whole window is a source's way of not knowing.
        let limit = |name: &str| facts.get(name).and_then(Value::as_u64);
        let unlimited = limit("max_output") >= limit("context");
        let said = |name: &str| name != "input" && !(unlimited && name == "max_output");
        for (name, value) in facts.iter().filter(|(name, _)| said(name)) {
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
                faults
                    .push(format!("{place}.{name} must be over 0 and under 1000 dollars per million tokens"));
            }
        }
    }
    let above = long.map(|long| long.get("above").and_then(Value::as_u64));
    if above.is_some_and(|above| above.is_none_or(|above| context.is_some_and(|context| above >= context))) {
        faults.push(String::from("price.long.above must be under the context"));
    }
    faults
}

fn models_toml(models: &Models, extract: Option<&Value>) -> String {
    let mut out = format!(
        "# Written by `cargo xtask gen`: edit {LIST} instead.\n# Prices in US dollars per million tokens"
    );
    if let Some(extract) = extract {
        let packages = extract.get("packages").and_then(Value::as_object).into_iter().flatten();
        let packages: Vec<String> = packages
            .map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or_default()))
            .collect();
        let day = extract.get("retrieved").and_then(Value::as_str).unwrap_or_default();
        _ = write!(out, ", from {} as of {day} (see providers/.sources/NOTICE.md)", packages.join(" and "));
    }
    out.push_str(".\n");
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
            let names = ["above"].iter().chain(PRICES).chain(&["long"]);
            let fields = names.filter_map(|name| Some(format!("{name} = {}", inline(fields.get(*name)?))));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        // JSON strings without control characters are TOML strings too.
        scalar => scalar.to_string(),
    }
}

/// The names of all provider folders, sorted.
fn folders(root: &Path) -> Result<Vec<String>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(root.join("providers")).context("providers")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && root.join("providers").join(&name).is_dir() {
            folders.push(name);
        }
    }
    folders.sort();
    Ok(folders)
}

/// The models of a folder that the list does not name: those are written by hand.
fn handwritten(root: &Path, folder: &str) -> Result<Models> {
    let file = root.join("providers").join(folder).join("models.toml");
    if !file.exists() {
        return Ok(Models::new());
    }
    let content: Value = toml::from_str(&read(&file)?).with_context(|| file.display().to_string())?;
    let models = content.get("model").cloned().unwrap_or_else(|| json!([]));
    serde_json::from_value(models).with_context(|| file.display().to_string())
}

/// The reference page: who is there, and which models with which prices.
fn page(root: &Path, mut catalogue: BTreeMap<String, Models>) -> Result<String> {
    let mut out = String::from(
        "# Providers\n\n<!-- Written by `cargo xtask gen` from the folders of providers/. -->\n\nEach provider is a \
         folder of data under `providers/`; its README.md says where to get a key and what is peculiar to it. \
         Without a configuration the gateway uses every provider whose environment variable is set. Any other \
         model of a provider can be called once the configuration names it.\n\n\
         | id | name | dialects | environment | models |\n|---|---|---|---|---|\n",
    );
    for id in folders(root)? {
        let file = root.join("providers").join(&id).join("provider.toml");
        let definition: Value = toml::from_str(&read(&file)?).with_context(|| file.display().to_string())?;
        let dialects = definition.get("dialects").and_then(Value::as_object).into_iter().flatten();
        let dialects: Vec<String> = dialects.map(|(name, _)| format!("`{name}`")).collect();
        let names: Vec<String> = variables(&definition).map(|name| format!("`{name}`")).collect();
        let name = definition.get("name").and_then(Value::as_str).unwrap_or_default();
        if !catalogue.contains_key(&id) {
            catalogue.insert(id.clone(), handwritten(root, &id)?);
        }
        let models = catalogue.get(&id).map_or(0, Vec::len);
        let link = format!("[`{id}`](../../providers/{id}/README.md)");
        _ = writeln!(out, "| {link} | {name} | {} | {} | {models} |", dialects.join(", "), names.join(", "));
    }
    out.push_str("\nPrices are in US dollars per million tokens; `-` is not known.\n");
    for (id, models) in catalogue.iter().filter(|(_, models)| !models.is_empty()) {
        _ = writeln!(
            out,
            "\n## {id}\n\n| model | native id | context | input | output |\n|---|---|---|---|---|"
        );
        models.iter().for_each(|model| out.push_str(&row(model)));
    }
    Ok(out)
}

/// The environment variables that a provider reads: for its credential, the credential's parts, and its parameters.
fn variables(definition: &Value) -> impl Iterator<Item = &str> {
    let credential = definition.get("credential");
    let own = ["env", "file_env"].into_iter().filter_map(move |name| credential?.get(name));
    let tables = [credential.and_then(|credential| credential.get("fields")), definition.get("parameters")];
    let entries = tables.into_iter().flatten().filter_map(Value::as_object).flat_map(Map::values);
    let lists = own.chain(entries.filter_map(|entry| entry.get("env")));
    lists.filter_map(Value::as_array).flatten().filter_map(Value::as_str)
}

fn row(model: &Map<String, Value>) -> String {
    let context = model.get("context").map_or_else(|| "-".to_owned(), Value::to_string);
    let price = |name| model.get("price")?.get(name)?.as_str();
    let (input, output) = (price("input").unwrap_or("-"), price("output").unwrap_or("-"));
    format!("| `{}` | `{}` | {context} | {input} | {output} |\n", text(model, "canonical"), text(model, "id"))
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

fn text<'a>(model: &'a Map<String, Value>, field: &str) -> &'a str {
    model.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| file.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree with one listed model, one fact and one provider folder.
    fn tree(fact: &Value) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let file = root.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        write(
            LIST,
            "[packages]\nx = \"1\"\n[acme]\nsources = [\"x:{id}\"]\nmodels = [{ id = \"a\", canonical = \"acme/a\" }]\n",
        );
        write(EXTRACT, &json!({ "packages": { "x": "1" }, "facts": { "x:a": fact } }).to_string());
        write(
            "providers/acme/provider.toml",
            "name = \"Acme\"\n[dialects]\nopenai_chat = { path = \"/c\" }\n[credential]\nenv = [\"A_KEY\"]\n\
             [credential.fields.id]\nenv = [\"A_ID\"]\n[parameters.region]\nenv = [\"A_REGION\"]\n",
        );
        write("providers/byhand/provider.toml", "name = \"By hand\"\n");
        write("providers/byhand/models.toml", "[[model]]\nid = \"h\"\ncanonical = \"hand/h\"\n");
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
        let page = read(&root.path().join(PAGE)).unwrap();
        assert!(page.contains("| `acme/a` | `a` | 4096 | 1 | 2 |"), "{page}");
        assert!(page.contains("| `A_KEY`, `A_ID`, `A_REGION` |"), "{page}");
        assert!(
            page.contains("| `hand/h` | `h` | - | - | - |"),
            "models written by hand are shown too: {page}"
        );
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
            (
                json!({ "name": "A", "context": 2048, "price": { "input": "1", "long": { "input": "2", "above": 4096 } } }),
                "must be under the context",
            ),
        ] {
            let root = tree(&fact);
            let error = run(root.path(), false).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected} is not in {error}");
            assert!(!root.path().join("providers/acme/models.toml").exists());
        }
    }
}
