//! `models.toml`: what a provider serves, under which names and at which prices.
//!
//! In: the file's text. Out: [`ModelDefinition`]s whose names are unambiguous within the provider, or faults.
//! Prices are decimal strings, mostly in dollars per million tokens, so that none of them ever is a float.

use std::collections::BTreeMap;

use super::CatalogueError;
use super::facts::{Day, Facts, Feature, Modality, Words};
use super::fields::{Faults, Fields};
use crate::dialects::{Operation, Thinking};
use crate::price::{BatchPrice, LongPrice, PerToken, Price, UnitPrices};

/// One entry of `models.toml`, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelDefinition {
    /// The provider's own id.
    pub native_id: String,
    /// `author/slug`; the same for every provider that serves the model.
    pub canonical_id: String,
    /// Other names of exactly this model at this provider: the canonical slug without its author, and dated
    /// ids that stand for the same snapshot. None is also the name of another of its models.
    pub aliases: Vec<String>,
    /// Context window in tokens.
    pub context: Option<u64>,
    /// Largest answer in tokens.
    pub max_output: Option<u64>,
    /// Which operations it serves, such as `chat`, `embeddings` or `speech`.
    pub operations: Vec<Operation>,
    /// How it is asked to think.
    pub thinking: Thinking,
    /// Its price; `None` when it is not known (never taken as free).
    pub price: Option<Price>,
    /// What else is known of it.
    pub facts: Facts,
}

/// Reads a whole `models.toml`.
pub(super) fn read(file: &str, text: &str, found: &mut Vec<CatalogueError>) -> Vec<ModelDefinition> {
    let mut faults = Faults::new(file, found);
    let Some(table) = faults.parse(text) else { return Vec::new() };
    let mut fields = Fields::new(table, "", &mut faults);
    let entries: Vec<toml::Table> = fields.optional("model", "[[model]]").unwrap_or_default();
    fields.finish();

    let mut models = Vec::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        models.extend(read_model(index, entry, &mut faults));
    }
    check_names(&models, &mut faults);
    add_slugs(&mut models);
    models
}

fn read_model(index: usize, entry: toml::Table, faults: &mut Faults<'_>) -> Option<ModelDefinition> {
    let place = match entry.get("id").and_then(toml::Value::as_str) {
        Some(id) => format!("model {id:?}"),
        None => format!("model {}", index + 1),
    };
    let mut fields = Fields::new(entry, &place, faults);
    let native_id: Option<String> = fields.required("id", r#""example-1""#);
    let canonical_id: Option<String> = fields.required("canonical", r#""author/example-1""#);
    let aliases: Vec<String> = fields.optional("aliases", r#"["example-1-20260101"]"#).unwrap_or_default();
    let context: Option<u64> = fields.optional("context", "131072");
    let max_output: Option<u64> = fields.optional("max_output", "8192");
    let operations: Option<Vec<Operation>> = fields.required("operations", r#"["chat"]"#);
    let thinking: Option<Thinking> = fields.optional("thinking", r#""adaptive""#);
    let facts = read_facts(&mut fields);
    let price: Option<toml::Table> = fields.optional("price", r#"{ input = "0.15", output = "0.6" }"#);

    if native_id.as_ref().is_some_and(|id| id.is_empty() || id.contains(char::is_control)) {
        fields.fault(String::from("`id` must be the provider's own id, not empty and on one line"));
    }
    for (field, value) in [("context", context), ("max_output", max_output)] {
        if value == Some(0) {
            fields.fault(format!("`{field}` is 0; leave it out when it is not known"));
        }
    }
    check_words(canonical_id.as_deref(), operations.as_deref(), &mut fields);
    fields.finish();
    let price = price.map(|table| read_price(table, &format!("{place}: price"), faults));

    Some(ModelDefinition {
        native_id: native_id?,
        canonical_id: canonical_id?,
        aliases,
        context,
        max_output,
        operations: operations?,
        thinking: thinking.unwrap_or_default(),
        price,
        facts: facts?,
    })
}

/// Reads the fields of [`Facts`]; `None` when one that must be there is not.
fn read_facts(fields: &mut Fields<'_, '_>) -> Option<Facts> {
    let name: Option<String> = fields.required("name", r#""Example 1""#);
    let input: Option<Vec<Modality>> = fields.required("input", r#"["text", "image"]"#);
    let output: Option<Vec<Modality>> = fields.optional("output", r#"["text", "audio"]"#);
    let supports: Option<Vec<Feature>> = fields.optional("supports", r#"["tools", "reasoning"]"#);
    let weights: Option<String> = fields.optional("weights", r#""owner/name""#);
    let licence: Option<String> = fields.optional("licence", r#""apache-2.0""#);
    let distillable = fields.optional("distillable", "true");
    let open_weights = fields.optional("open_weights", "true").unwrap_or_default();
    let knowledge = day("knowledge", fields);
    let released = day("released", fields);
    let deprecated = day("deprecated", fields);
    for (field, day) in [("released", released), ("deprecated", deprecated)] {
        if day.is_some_and(|day| !day.is_whole()) {
            fields.fault(format!("`{field}` must be a day such as \"2026-12-31\""));
        }
    }
    Some(Facts {
        name: name?.into(),
        input: input?.into_iter().collect(),
        output: output.map_or_else(|| Words::from_iter([Modality::Text]), Words::from_iter),
        supports: supports.map(Words::from_iter),
        knowledge,
        released,
        deprecated,
        open_weights,
        weights: weights.map(Into::into),
        licence: licence.map(Into::into),
        distillable,
    })
}

fn day(name: &'static str, fields: &mut Fields<'_, '_>) -> Option<Day> {
    let text: String = fields.optional(name, r#""2026-12-31""#)?;
    let day = Day::parse(&text);
    if day.is_none() {
        fields.fault(format!("`{name}` {text:?} must be a day such as \"2026-12-31\""));
    }
    day
}

fn check_words(canonical_id: Option<&str>, operations: Option<&[Operation]>, fields: &mut Fields<'_, '_>) {
    if let Some(id) = canonical_id
        && !is_canonical(id)
    {
        fields.fault(format!(
            "`canonical` {id:?} must be `author/slug` made of a-z, 0-9, `.`, `-`, `_` and `:`, such as \"author/example-1\""
        ));
    }
    if operations.is_some_and(<[Operation]>::is_empty) {
        fields.fault(String::from("`operations` is empty; write for example `[\"chat\"]`"));
    }
}

fn read_price(table: toml::Table, place: &str, faults: &mut Faults<'_>) -> Price {
    let mut fields = Fields::new(table, place, faults);
    let long: Option<toml::Table> =
        fields.optional("long", r#"{ above = 200000, input = "4", output = "18" }"#);
    let units = UnitPrices {
        image: each("image", &mut fields),
        audio_hour: each("audio_hour", &mut fields),
        characters: amount("characters", &mut fields),
        search: each("search", &mut fields),
        video_second: each("video_second", &mut fields),
        web_search: each("web_search", &mut fields),
        image_input: amount("image_input", &mut fields),
        audio_input: amount("audio_input", &mut fields),
        image_cache_read: amount("image_cache_read", &mut fields),
        audio_cache_read: amount("audio_cache_read", &mut fields),
        image_output: amount("image_output", &mut fields),
        audio_output: amount("audio_output", &mut fields),
    };
    let price = Price {
        // What is sold by other units has no price for tokens.
        input: match units.has_units() {
            true => amount("input", &mut fields).unwrap_or_default(),
            false => required_amount("input", &mut fields),
        },
        output: amount("output", &mut fields).unwrap_or_default(),
        cache_read: amount("cache_read", &mut fields),
        cache_write: amount("cache_write", &mut fields),
        cache_write_1h: amount("cache_write_1h", &mut fields),
        reasoning: amount("reasoning", &mut fields),
        long: None,
        batch: None,
        units,
    };
    let batch: Option<toml::Table> = fields.optional("batch", r#"{ input = "1", output = "4.5" }"#);
    fields.finish();
    let batch = batch.map(|table| {
        let mut fields = Fields::new(table, &format!("{place}.batch"), faults);
        let batch = BatchPrice {
            input: required_amount("input", &mut fields),
            output: amount("output", &mut fields).unwrap_or_default(),
            cache_read: amount("cache_read", &mut fields),
        };
        fields.finish();
        batch
    });
    let long = long.map(|table| {
        let mut fields = Fields::new(table, &format!("{place}.long"), faults);
        let long = LongPrice {
            above: fields.required("above", "200000").unwrap_or_default(),
            input: required_amount("input", &mut fields),
            output: amount("output", &mut fields).unwrap_or_default(),
            cache_read: amount("cache_read", &mut fields),
            cache_write: amount("cache_write", &mut fields),
            cache_write_1h: amount("cache_write_1h", &mut fields),
        };
        fields.finish();
        long
    });
    Price { long, batch, ..price }
}

fn required_amount(name: &'static str, fields: &mut Fields<'_, '_>) -> PerToken {
    let text: Option<String> = fields.required(name, r#""0.15""#);
    exact(name, text, fields).unwrap_or_default()
}

fn amount(name: &'static str, fields: &mut Fields<'_, '_>) -> Option<PerToken> {
    let text: Option<String> = fields.optional(name, r#""0.15""#);
    exact(name, text, fields)
}

/// A price in dollars for each single unit.
pub(super) fn each(name: &'static str, fields: &mut Fields<'_, '_>) -> Option<PerToken> {
    let text: Option<String> = fields.optional(name, r#""0.04""#);
    let text = text?;
    let exact = PerToken::each(&text);
    if exact.is_none() {
        fields
            .fault(format!("`{name}` {text:?} must be dollars with at most nine decimals, such as \"0.04\""));
    }
    exact
}

fn exact(name: &str, text: Option<String>, fields: &mut Fields<'_, '_>) -> Option<PerToken> {
    let text = text?;
    let exact = PerToken::per_million(&text);
    if exact.is_none() {
        fields.fault(format!(
            "`{name}` {text:?} must be dollars per million tokens with at most nine decimals, such as \"0.15\""
        ));
    }
    exact
}

/// One name, one model: otherwise what is charged would depend on the order of the file.
fn check_names(models: &[ModelDefinition], faults: &mut Faults<'_>) {
    let mut owners: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, model) in models.iter().enumerate() {
        let own = [model.native_id.as_str(), model.canonical_id.as_str()];
        for name in own.into_iter().chain(model.aliases.iter().map(String::as_str)) {
            if owners.insert(name, index).is_some_and(|owner| owner != index) {
                faults.add(format!("the name {name:?} stands for two models; give it to one of them"));
            }
        }
    }
}

/// Adds to each model's aliases the canonical slug without its author, unless that is ambiguous.
fn add_slugs(models: &mut [ModelDefinition]) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for model in models.iter() {
        let own = [model.native_id.as_str(), slug(&model.canonical_id)];
        let mut names: Vec<&str> = own.into_iter().chain(model.aliases.iter().map(String::as_str)).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            *counts.entry(name.to_owned()).or_default() += 1;
        }
    }
    for model in models {
        let slug = slug(&model.canonical_id).to_owned();
        let taken = slug == model.native_id || model.aliases.contains(&slug);
        if !taken && counts.get(&slug) == Some(&1) {
            model.aliases.push(slug);
        }
    }
}

fn slug(canonical_id: &str) -> &str {
    canonical_id.split_once('/').map_or(canonical_id, |(_, slug)| slug)
}

fn is_canonical(id: &str) -> bool {
    let part = |part: &str| {
        let allowed = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_' | b':')
        };
        part.starts_with(|first: char| first.is_ascii_alphanumeric()) && part.bytes().all(allowed)
    };
    id.split_once('/').is_some_and(|(author, slug)| part(author) && part(slug))
}
