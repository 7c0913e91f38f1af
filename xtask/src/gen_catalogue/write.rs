//! The text of `models.toml`: one line per model, so that a difference can be read.
//!
//! In: a provider's models. Out: TOML that the catalogue reads, with the fields always in the same order.

use std::fmt::Write as _;

use serde_json::Value;

use super::list::{LIST, MODEL};
use super::{Models, PRICES};

/// `sources` says where the facts come from, if they come from anywhere.
pub(super) fn models_toml(models: &Models, sources: Option<&str>) -> String {
    let mut out = format!(
        "# Written by `cargo xtask gen`: edit {LIST} instead.\n# Prices in US dollars per million tokens"
    );
    if let Some(sources) = sources {
        _ = write!(out, ", from {sources} (see providers/.sources/NOTICE.md)");
    }
    out.push_str(".\nmodel = [\n");
    for model in models {
        let fields =
            MODEL.iter().filter_map(|field| Some(format!("{field} = {}", inline(model.get(*field)?))));
        _ = writeln!(out, "  {{ {} }},", fields.collect::<Vec<_>>().join(", "));
    }
    out.push_str("]\n");
    out
}

/// A value as TOML on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let names = ["above"].iter().chain(PRICES).chain(&["long", "batch"]);
            let fields = names.filter_map(|name| Some(format!("{name} = {}", inline(fields.get(*name)?))));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        // JSON strings without control characters are TOML strings too.
        scalar => scalar.to_string(),
    }
}
