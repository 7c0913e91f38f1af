//! How well broken JSON is repaired: a corpus that is the same at every run, and rates for each kind of damage.
//!
//! In: nothing but seeds, and the programs to compare with. Out: a table. It measures no time: that is the tests' of the
//! repairer, by counting steps.

mod damage;
mod documents;
mod lexed;
mod others;
mod random;
mod real;
mod table;

#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::Result;
use serde_json::Value;
use yumen_llm::heal::{Healer, Purpose, heal};

/// Broken documents of each kind.
const EACH: usize = 40;
/// Valid documents.
const VALID: usize = 200;
const DEPTH: usize = 100;

/// One document that has to be repaired.
pub(crate) struct Case {
    /// The damage's name.
    kind: &'static str,
    /// The broken text.
    text: String,
    /// What it said before.
    expected: Value,
}

/// The seed of the corpus that the page shows, and with which the repairer was written.
pub(crate) const SEED: u64 = 1000;

/// All cases, those of one kind together, the hand-written ones last.
fn corpus(seed: u64) -> Vec<Case> {
    let mut cases = Vec::new();
    for (number, kind) in damage::KINDS.iter().enumerate() {
        let mut random = random::Random::new(seed + number as u64);
        let mut made = 0;
        while made < EACH {
            let document = documents::document(&mut random);
            let Some((text, expected)) = (kind.damage)(&document, &mut random) else { continue };
            made += 1;
            cases.push(Case { kind: kind.name, text, expected });
        }
    }
    cases.extend(real::cases());
    cases
}

/// Valid documents, in several spellings.
fn valid() -> Vec<String> {
    let mut random = random::Random::new(7);
    (0..VALID).map(|_| documents::document(&mut random)).collect()
}

/// What a repairer makes of a text; nothing when it gives up.
type Repair<'a> = &'a mut dyn FnMut(&str) -> Option<Value>;

fn ours(text: &str) -> Option<Value> {
    serde_json::from_str(&heal(text, Purpose::Answer, DEPTH).text).ok()
}

/// The same in pieces of a few bytes, as a stream brings them.
fn ours_streamed(text: &str) -> Option<Value> {
    serde_json::from_str(&streamed(text)).ok()
}

fn streamed(text: &str) -> String {
    let (mut healer, mut out, mut rest) = (Healer::new(Purpose::Answer, DEPTH), String::new(), text);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at_checked(rest.ceil_char_boundary(4)).unwrap_or((rest, ""));
        healer.push(piece, &mut out);
        rest = after;
    }
    healer.finish(&mut out);
    out
}

/// Repaired and equal to the original: the number for each kind, in the order of the corpus.
fn rates(cases: &[Case], repair: Repair<'_>) -> Vec<(&'static str, usize, usize)> {
    let mut rates: Vec<(&'static str, usize, usize)> = Vec::new();
    for case in cases {
        if rates.last().is_none_or(|(kind, ..)| *kind != case.kind) {
            rates.push((case.kind, 0, 0));
        }
        let equal = repair(&case.text).is_some_and(|value| value == case.expected);
        if let Some((_, good, all)) = rates.last_mut() {
            *good += usize::from(equal);
            *all += 1;
        }
    }
    rates
}

/// The whole comparison as Markdown. `python` is an interpreter that has `json_repair`.
pub(crate) fn compare(python: Option<&Path>, seed: u64) -> Result<String> {
    let (cases, valid) = (corpus(seed), valid());
    let mut columns = vec![
        table::Column::of("Yumen", &cases, &valid, &mut ours),
        table::Column::of("Yumen, streamed", &cases, &valid, &mut ours_streamed),
        table::Column::of("llm_json", &cases, &valid, &mut others::llm_json),
    ];
    if let Some(python) = python {
        let answers = others::json_repair(python, &cases, &valid)?;
        columns.push(table::Column::of("json_repair", &cases, &valid, &mut |text| {
            answers.get(text).cloned().flatten()
        }));
    }
    Ok(table::markdown(&columns))
}

/// The texts of which ours makes something else, for whoever works on the repairer.
pub(crate) fn misses(seed: u64) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    for case in corpus(seed) {
        let healed = heal(&case.text, Purpose::Answer, DEPTH);
        if serde_json::from_str::<Value>(&healed.text).ok().as_ref() != Some(&case.expected) {
            let (kind, text, expected) = (case.kind, &case.text, &case.expected);
            let _ = writeln!(
                out,
                "{kind}\n  broken   {text:?}\n  ours     {:?}\n  expected {expected}\n",
                healed.text
            );
        }
    }
    out
}
