//! The model catalogue: `providers/*/models.toml`, `docs/reference/providers.md` and a report beside the sources.
//!
//! In: the hand-written `providers/.sources/models.toml` (where models come from, and what the sources state wrongly),
//! `authors.toml` (names that no rule can know), `licences.toml` (what may be done with a model) and the extract `prices.json` (what registry packages say). Out: the
//! files, always the same bytes for the same sources, or the list of those that are stale. [`run`] never uses a
//! network: only [`refresh`] downloads packages, to write the extract anew. A price that no source states is left out,
//! never guessed.

mod licences;
mod list;
mod names;
mod offers;
mod page;
mod refresh;
mod write;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use licences::Licences;
use list::List;
use names::Names;
use offers::{Extract, Surroundings};
pub use refresh::refresh;

const EXTRACT: &str = "providers/.sources/prices.json";
const REPORT: &str = "providers/.sources/REPORT.md";
const PAGE: &str = "docs/reference/providers.md";

/// Prices in the order in which they are written.
const PRICES: &[&str] = &[
    "input",
    "output",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "reasoning",
    "image",
    "audio_hour",
    "characters",
    "search",
    "video_second",
    "image_input",
    "audio_input",
    "image_cache_read",
    "audio_cache_read",
    "image_output",
    "audio_output",
];
/// The operations that a dialect serves.
const SERVED: &[(&str, &str)] = &[
    ("openai_chat", "chat"),
    ("anthropic_messages", "chat"),
    ("openai_completions", "completions"),
    ("openai_embeddings", "embeddings"),
    ("ollama_chat", "chat"),
    ("ollama_embeddings", "embeddings"),
    ("cohere_chat", "chat"),
    ("cohere_embeddings", "embeddings"),
    ("vertex_embeddings", "embeddings"),
    ("openai_images", "images"),
    ("openai_image_edits", "image_edits"),
    ("openai_image_variations", "image_variations"),
    ("openai_speech", "speech"),
    ("openai_transcriptions", "transcription"),
    ("openai_translations", "translation"),
    ("openai_moderations", "moderation"),
    ("rerank", "rerank"),
    ("openai_realtime", "realtime"),
    ("openai_videos", "videos"),
];

/// A model as fields.
type Model = Map<String, Value>;
/// A provider's models, in the order in which they are written.
type Models = Vec<Model>;

/// Writes the generated files, or with `check` only tells which are stale.
pub fn run(root: &Path, check: bool) -> Result<()> {
    let list = List::read(root)?;
    let extract: Value = serde_json::from_str(&read(&root.join(EXTRACT))?).context(EXTRACT)?;
    let day = extract.get("retrieved").and_then(Value::as_str).unwrap_or_default();
    let sources = sources(&extract, day);
    let facts: &Extract = extract.get("facts").and_then(Value::as_object).context(EXTRACT)?;
    let definitions = definitions(root)?;
    let mut surroundings = Surroundings { served: BTreeMap::new(), handwritten: BTreeMap::new(), day };
    for (id, definition) in &definitions {
        surroundings.served.insert(id.clone(), served(definition));
        if !list.sections.contains_key(id) {
            surroundings.handwritten.insert(id.clone(), handwritten(root, id)?);
        }
    }
    let mut names = Names::read(root)?;
    let licences = Licences::read(root)?;
    let offers = offers::collect(&list, facts, &mut names, &licences, &surroundings)?;

    let mut products: BTreeMap<PathBuf, String> = BTreeMap::new();
    products.insert(PathBuf::from(REPORT), page::report(&offers, &sources));
    let mut catalogue = surroundings.handwritten;
    for (provider, offer) in offers {
        let sourced = list.sections.get(&provider).is_some_and(|section| !section.sources.is_empty());
        let file = PathBuf::from("providers").join(&provider).join("models.toml");
        products.insert(file, write::models_toml(&offer.models, sourced.then_some(&sources)));
        catalogue.insert(provider, offer.models);
    }
    products.insert(PathBuf::from(PAGE), page::page(&definitions, &catalogue));
    settle(root, &products, check)
}

/// The packages and the day, for those who read the files.
fn sources(extract: &Value, day: &str) -> String {
    let packages = extract.get("packages").and_then(Value::as_object).into_iter().flatten();
    let packages: Vec<String> =
        packages.map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or_default())).collect();
    let (last, others) =
        packages.split_last().map_or(("", &[] as &[String]), |(last, others)| (last, others));
    let separator = if others.is_empty() { "" } else { " and " };
    format!("{}{separator}{last} as of {day}", others.join(", "))
}

/// All provider folders' definitions, by id.
fn definitions(root: &Path) -> Result<BTreeMap<String, Model>> {
    let mut definitions = BTreeMap::new();
    for entry in fs::read_dir(root.join("providers")).context("providers")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let file = root.join("providers").join(&name).join("provider.toml");
        if name.starts_with('.') || !file.exists() {
            continue;
        }
        let definition = toml::from_str(&read(&file)?).with_context(|| file.display().to_string())?;
        definitions.insert(name, definition);
    }
    Ok(definitions)
}

fn served(definition: &Model) -> Vec<&'static str> {
    let dialects = definition.get("dialects").and_then(Value::as_object);
    let spoken = |dialect: &str| dialects.is_some_and(|dialects| dialects.contains_key(dialect));
    SERVED.iter().filter(|(dialect, _)| spoken(dialect)).map(|(_, operation)| *operation).collect()
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

    /// A tree with one listed model, two facts and two provider folders.
    fn tree(fact: &Value) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let file = root.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        write(
            list::LIST,
            "[packages]\nx = \"1\"\n[acme]\nsources = [\"x:{id}\"]\nmodels = [{ id = \"a\", canonical = \"acme/a\" }]\n",
        );
        let other =
            json!({ "operations": ["chat"], "input": ["text"], "price": { "input": "0", "output": "1" } });
        let facts = json!({ "x:a": fact, "x:Some/B-fp8": other, "x:c": { "operations": ["images"] } });
        let extract = json!({ "retrieved": "2026-11-20", "packages": { "x": "1" }, "facts": facts });
        write(EXTRACT, &extract.to_string());
        write(
            names::AUTHORS,
            "hosting = [\"-fp8\"]\nhosted = []\n[owners]\n[families]\n[redundant]\n[vendors]\n[same]\n",
        );
        write(
            "providers/acme/provider.toml",
            "name = \"Acme\"\nauth = { scheme = \"bearer\" }\n[dialects]\nopenai_chat = { path = \"/c\" }\n\
             [credential]\nenv = [\"A_KEY\"]\n[credential.fields.id]\nenv = [\"A_ID\"]\n\
             [parameters.region]\nenv = [\"A_REGION\"]\n",
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
        assert!(models.contains("price = { input = \"1\", output = \"2\" } },"), "{models}");
        assert!(
            models.contains("{ id = \"Some/B-fp8\", canonical = \"some/b\", name = \"B-fp8\", "),
            "{models}"
        );
        assert!(models.contains("from x 1 as of 2026-11-20 (see"), "{models}");
        let page = read(&root.path().join(PAGE)).unwrap();
        assert!(page.contains("knows 3 models, which these providers offer 3 times"), "{page}");
        let row = "| [`acme`](../../providers/acme/README.md) | Acme | 2 | 1 | `openai_chat` | bearer | `A_KEY`, `A_ID`, `A_REGION` |";
        assert!(page.contains(row), "{page}");
        let report = read(&root.path().join(REPORT)).unwrap();
        for line in [
            "2 models, 1 of them listed by hand.",
            "- No price is known of 1: `Some/B-fp8`.",
            "- Left out (a dialect that is not spoken): `c`.",
            "- Refused: Some/B-fp8: price.input must be over 0 and under 1000 dollars.",
        ] {
            assert!(report.contains(line), "{line} is not in {report}");
        }
        fs::write(root.path().join("providers/acme/models.toml"), "").unwrap();
        assert!(run(root.path(), true).is_err());
    }

    #[test]
    fn what_is_listed_and_cannot_be_right_is_refused() {
        for (fact, expected) in [
            (
                json!({ "name": "A", "price": { "input": "1000", "output": "1" } }),
                "price.input must be over 0",
            ),
            (json!({ "name": "A", "context": 512 }), "cannot be right"),
            (json!({}), "no source gives `name`"),
        ] {
            let root = tree(&fact);
            let error = run(root.path(), false).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected} is not in {error}");
            assert!(!root.path().join("providers/acme/models.toml").exists());
        }
    }
}
