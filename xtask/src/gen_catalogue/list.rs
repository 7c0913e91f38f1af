//! The hand-written list `providers/.sources/models.toml`: where each provider's models come from.
//!
//! In: the file. Out: the packages' versions and one [`Section`] per provider. What it says of a model wins over
//! what the packages say; models that only the packages know are found through the sections' sources.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use super::{Model, read, text};

pub(super) const LIST: &str = "providers/.sources/models.toml";

/// Fields of a section beside its sources and models, and what they are for.
const SECTION: &[&str] = &["sources", "models", "author", "price", "open_weights", "leave_out"];
/// Fields of a model, in the order in which they are written.
pub(super) const MODEL: &[&str] = &[
    "id",
    "canonical",
    "aliases",
    "name",
    "context",
    "max_output",
    "operations",
    "input",
    "output",
    "supports",
    "thinking",
    "knowledge",
    "released",
    "deprecated",
    "open_weights",
    "weights",
    "licence",
    "distillable",
    "price",
];

pub(super) struct List {
    pub(super) packages: BTreeMap<String, String>,
    pub(super) sections: BTreeMap<String, Section>,
}

/// What the list says of one provider.
#[derive(Default)]
pub(super) struct Section {
    /// Where facts are looked for, in order.
    pub(super) sources: Vec<Source>,
    /// Models listed by hand.
    pub(super) models: Vec<Listed>,
    /// The author of models whose name tells none.
    pub(super) author: Option<String>,
    /// Whether no price of the sources holds: the provider is not paid by tokens.
    pub(super) unpriced: bool,
    /// Whether models with open weights have no price, because it depends on who serves them at the moment.
    pub(super) unpriced_when_open: bool,
    /// Ids that begin so, or are so, are not listed.
    leave_out: Vec<String>,
}

/// A model listed by hand, and the sources that hold for it alone.
pub(super) struct Listed {
    pub(super) entry: Model,
    pub(super) sources: Option<Vec<Source>>,
}

/// A pattern such as `litellm:groq/{id}`.
pub(super) struct Source {
    before: String,
    after: String,
}

impl Source {
    fn read(pattern: &str) -> Result<Self> {
        let (before, after) =
            pattern.split_once("{id}").with_context(|| format!("{LIST}: {pattern:?} has no {{id}}"))?;
        Ok(Self { before: before.to_owned(), after: after.to_owned() })
    }

    /// The key under which a model is known there.
    pub(super) fn key(&self, id: &str) -> String {
        format!("{}{id}{}", self.before, self.after)
    }

    /// The model that a key stands for.
    pub(super) fn id<'k>(&self, key: &'k str) -> Option<&'k str> {
        key.strip_prefix(&*self.before)?.strip_suffix(&*self.after).filter(|id| !id.is_empty())
    }

    /// What all keys of this source begin with.
    pub(super) fn start(&self) -> &str {
        &self.before
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.key("{id}"))
    }
}

impl Section {
    pub(super) fn leaves_out(&self, id: &str) -> bool {
        self.leave_out.iter().any(|rule| match rule.strip_suffix('*') {
            Some(start) => id.starts_with(start),
            None => id == rule,
        })
    }
}

impl List {
    pub(super) fn read(root: &Path) -> Result<Self> {
        let table: Map<String, Value> = toml::from_str(&read(&root.join(LIST))?).context(LIST)?;
        let mut list = Self { packages: BTreeMap::new(), sections: BTreeMap::new() };
        for (name, section) in table {
            if name == "packages" {
                list.packages = serde_json::from_value(section).context("packages")?;
                continue;
            }
            let section = read_section(&section).with_context(|| format!("{LIST}: {name}"))?;
            list.sections.insert(name, section);
        }
        Ok(list)
    }
}

fn read_section(table: &Value) -> Result<Section> {
    let fields = table.as_object().context("is no table")?;
    if let Some(unknown) = fields.keys().find(|field| !SECTION.contains(&field.as_str())) {
        bail!("unknown field `{unknown}`");
    }
    let word = |field: &str, meaning: &str| match table.get(field).and_then(Value::as_str) {
        None => Ok(false),
        Some(word) if word == meaning => Ok(true),
        Some(other) => bail!("{field} = {other:?}: it can only be {meaning:?}"),
    };
    let models = table.get("models").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Ok(Section {
        sources: sources(table)?,
        models: models.iter().map(read_model).collect::<Result<_>>()?,
        author: table.get("author").and_then(Value::as_str).map(str::to_owned),
        unpriced: word("price", "unknown")?,
        unpriced_when_open: word("open_weights", "unpriced")?,
        leave_out: strings(table.get("leave_out")),
    })
}

fn read_model(entry: &Value) -> Result<Listed> {
    let mut model: Model = entry.as_object().context("a model is no table")?.clone();
    let own = model.remove("sources").is_some();
    if let Some(unknown) = model.keys().find(|field| !MODEL.contains(&field.as_str())) {
        bail!("{}: unknown field `{unknown}`", text(&model, "id"));
    }
    Ok(Listed { entry: model, sources: own.then(|| sources(entry)).transpose()? })
}

fn sources(table: &Value) -> Result<Vec<Source>> {
    strings(table.get("sources")).iter().map(|pattern| Source::read(pattern)).collect()
}

fn strings(list: Option<&Value>) -> Vec<String> {
    list.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_source_is_read_in_both_directions() {
        let source = Source::read("litellm:groq/{id}").unwrap();
        assert_eq!(source.key("openai/gpt-oss-20b"), "litellm:groq/openai/gpt-oss-20b");
        assert_eq!(source.id("litellm:groq/openai/gpt-oss-20b"), Some("openai/gpt-oss-20b"));
        assert_eq!(source.id("litellm:groq/"), None);
        assert_eq!(source.id("pi:groq/x"), None);
        assert!(Source::read("litellm:groq").is_err());
    }

    #[test]
    fn slips_in_the_list_are_errors() {
        assert!(read_section(&json!({ "source": [] })).is_err());
        assert!(read_section(&json!({ "price": "free" })).is_err());
        assert!(
            read_section(&json!({ "models": [{ "id": "a", "canonical": "a/a", "contxt": 1 }] })).is_err()
        );
        let section = read_section(&json!({ "price": "unknown", "leave_out": ["eu/*", "x"] })).unwrap();
        assert!(
            section.unpriced
                && section.leaves_out("eu/gpt")
                && section.leaves_out("x")
                && !section.leaves_out("xy")
        );
    }
}
