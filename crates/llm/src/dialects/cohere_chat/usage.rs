//! Usage: what is billed stands beside what the model has read and written, which holds the provider's own texts, too.
//! The account is of what is billed.

use serde::Deserialize;

use crate::dialects::read::Loose;
use crate::dialects::write;
use crate::usage::Usage;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Told<'a> {
    #[serde(borrow)]
    billed_units: Option<Counts<'a>>,
    tokens: Option<Counts<'a>>,
    cached_tokens: Loose<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Counts<'a> {
    #[serde(borrow)]
    input_tokens: Loose<'a>,
    output_tokens: Loose<'a>,
}

/// Reads a `usage` object, or the `meta` of other endpoints; `None` when it counts nothing.
pub(in crate::dialects) fn read_usage(json: &str) -> Option<Usage> {
    let told: Told<'_> = serde_json::from_str(json).ok()?;
    let counts = [told.billed_units, told.tokens].into_iter().flatten().find_map(|counts| {
        let (input, output) = (counts.input_tokens.number(), counts.output_tokens.number());
        (input.is_some() || output.is_some()).then(|| (input.unwrap_or(0), output.unwrap_or(0)))
    });
    let (input, output) = counts?;
    let cached_input = told.cached_tokens.number().unwrap_or(0).min(input);
    Some(Usage { input, output, cached_input, ..Usage::default() })
}

/// Writes a `usage` object's members.
pub(super) fn write_usage(usage: &Usage, out: &mut write::Object<'_>) {
    for name in ["billed_units", "tokens"] {
        out.object(name, |counts| {
            counts.number("input_tokens", usage.input);
            counts.number("output_tokens", usage.output);
        });
    }
    out.number("cached_tokens", usage.cached_input);
}
