//! `docs/reference/providers.md` and the report beside the sources.
//!
//! In: the provider folders and what was made of the sources. Out: a page for users with one row per provider, and a
//! report for those who look after the catalogue. The models themselves are listed by `yumen models`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::offers::Offer;
use super::{Models, text};

/// The reference page: who is there and what they need.
pub(super) fn page(
    definitions: &BTreeMap<String, Map<String, Value>>,
    catalogue: &BTreeMap<String, Models>,
) -> String {
    let models = || catalogue.values().flatten();
    let canonical: BTreeSet<&str> = models().map(|model| text(model, "canonical")).collect();
    let mut out = format!(
        "# Providers\n\n<!-- Written by `cargo xtask gen` from the folders of providers/. -->\n\nEach provider is a \
         folder of data under `providers/`; its README.md says where to get a key and what is peculiar to it. \
         Without a configuration the gateway uses every provider whose environment variable is set. The catalogue \
         knows {} models, which these providers offer {} times; `yumen models` lists those of the configured \
         providers with their limits and prices. Any other model of a provider can be called once the configuration \
         names it.\n\n\
         A provider without an environment variable serves at your own machine, or must be told where it is. A \
         credential is sent as a bearer token, in the header that is named, by the scheme that is named \
         (see [credentials](../guides/credentials.md)), or not at all (then one that is configured is sent as a bearer \
         token). Of several names for one thing any will do; providers with further parts or parameters need all of them.\n\n\
         | id | name | models | with a price | dialects | credential | environment |\n|---|---|---|---|---|---|---|\n",
        canonical.len(),
        models().count(),
    );
    let none = Models::new();
    for (id, definition) in definitions {
        let models = catalogue.get(id).unwrap_or(&none);
        let priced = models.iter().filter(|model| model.contains_key("price")).count();
        let dialects = definition.get("dialects").and_then(Value::as_object).into_iter().flatten();
        let dialects = quoted(dialects.map(|(name, _)| name.as_str()));
        let names = quoted(variables(definition));
        let scheme = definition.get("auth").map(|auth| match auth.get("name").and_then(Value::as_str) {
            Some(name) => format!("`{name}`"),
            None => auth.get("scheme").and_then(Value::as_str).unwrap_or_default().to_owned(),
        });
        _ = writeln!(
            out,
            "| [`{id}`](../../providers/{id}/README.md) | {} | {} | {priced} | {dialects} | {} | {names} |",
            text(definition, "name"),
            models.len(),
            scheme.unwrap_or_default(),
        );
    }
    out
}

/// The environment variables that a provider reads: for its credential, the credential's parts, and its parameters.
fn variables(definition: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let credential = definition.get("credential");
    let own = ["env", "file_env"].into_iter().filter_map(move |name| credential?.get(name));
    let tables = [credential.and_then(|credential| credential.get("fields")), definition.get("parameters")];
    let entries = tables.into_iter().flatten().filter_map(Value::as_object).flat_map(Map::values);
    let lists = own.chain(entries.filter_map(|entry| entry.get("env")));
    lists.filter_map(Value::as_array).flatten().filter_map(Value::as_str)
}

fn quoted<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// What was left out, refused or found without a price, provider by provider.
pub(super) fn report(offers: &BTreeMap<String, Offer>, sources: &str) -> String {
    let mut out = format!(
        "# What became of the sources\n\n<!-- Written by `cargo xtask gen`. -->\n\nFrom {sources}. Look at the difference \
         of this page after a refresh: it names what is not in the catalogue, and why.\n\n"
    );
    let all = || offers.values().flat_map(|offer| &offer.models);
    let unpriced = all().filter(|model| !model.contains_key("price")).count();
    let canonical: BTreeSet<&str> = all().map(|model| text(model, "canonical")).collect();
    _ = writeln!(
        out,
        "{} providers offer {} models {} times; {unpriced} offers have no known price, which is never taken as free.\n",
        offers.len(),
        canonical.len(),
        all().count(),
    );
    for (provider, offer) in offers {
        let total = offer.models.len();
        _ = writeln!(
            out,
            "## {provider}\n\n{total} models, {} of them listed by hand.\n",
            offer.notes.by_hand
        );
        let unpriced: Vec<&str> = offer
            .models
            .iter()
            .filter(|model| !model.contains_key("price"))
            .map(|model| text(model, "id"))
            .collect();
        if unpriced.len() == total && total > 0 {
            out.push_str("- No price is known of any.\n");
        } else if !unpriced.is_empty() {
            _ = writeln!(out, "- No price is known of {}: {}.", unpriced.len(), quoted(unpriced.into_iter()));
        }
        for (reason, ids) in &offer.notes.left_out {
            _ = writeln!(out, "- Left out ({reason}): {}.", quoted(ids.iter().map(String::as_str)));
        }
        for fault in &offer.notes.refused {
            _ = writeln!(out, "- Refused: {fault}.");
        }
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}
