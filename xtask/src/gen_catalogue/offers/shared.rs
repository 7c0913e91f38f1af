//! What holds for a model wherever it is served: the day of its snapshot, the end of what it has learnt, its weights and
//! their licence.
//!
//! In: all providers' drafts, named. Out: the same drafts, each with what any of them tells of its model. The day is the one
//! that most sources name; where none does, one that stands whole in an id.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::licences::Licences;
use super::super::text;
use super::{Draft, Notes};

/// The provider whose ids are those of the weights.
const WEIGHTS: &str = "huggingface";

/// What is told of one model.
#[derive(Default)]
struct Told {
    /// The days that sources name, and how many offers have each.
    released: BTreeMap<String, usize>,
    /// The first day that stands in an id.
    dated: Option<String>,
    knowledge: Option<String>,
    weights: Option<String>,
}

impl Told {
    /// The day that most offers have, of those the first; else the one in an id.
    fn day(&self) -> Option<&String> {
        let most = self.released.values().max();
        let named = self.released.iter().find(|(_, offers)| Some(*offers) == most).map(|(day, _)| day);
        named.or(self.dated.as_ref())
    }
}

pub(super) fn tell(
    drafts: &mut BTreeMap<String, (Vec<Draft>, Notes)>,
    open: &BTreeSet<String>,
    licences: &Licences,
    day: &str,
) {
    let mut all: BTreeMap<String, Told> = BTreeMap::new();
    for (provider, (own, _)) in &mut *drafts {
        for draft in own {
            let released = draft.model.remove("released");
            let told = all.entry(text(&draft.model, "canonical").to_owned()).or_default();
            let aliases = draft.model.get("aliases").and_then(Value::as_array).into_iter().flatten();
            let names = aliases.filter_map(Value::as_str).chain([text(&draft.model, "id")]);
            let days = names.filter_map(day_in).filter(|found| found.as_str() <= day);
            told.dated = days.chain(told.dated.take()).min();
            if let Some(released) = released.as_ref().and_then(Value::as_str).filter(|found| *found <= day) {
                *told.released.entry(released.to_owned()).or_default() += 1;
            }
            let knowledge = Some(text(&draft.model, "knowledge")).filter(|text| !text.is_empty());
            told.knowledge = told.knowledge.take().or_else(|| knowledge.map(str::to_owned));
            if provider == WEIGHTS && !draft.by_hand {
                let id = text(&draft.model, "id");
                told.weights = Some(id.split(':').next().unwrap_or(id).to_owned());
            }
        }
    }
    for draft in drafts.values_mut().flat_map(|(own, _)| own) {
        let canonical = text(&draft.model, "canonical").to_owned();
        let is_open = open.contains(&canonical);
        let Some(told) = all.get(&canonical) else { continue };
        let mut say = |field: &str, value: Option<Value>| {
            if let Some(value) = value {
                draft.model.entry(field.to_owned()).or_insert(value);
            }
        };
        say("released", told.day().map(|day| json!(day)));
        say("knowledge", told.knowledge.as_ref().map(|day| json!(day)));
        say("open_weights", is_open.then_some(json!(true)));
        say("weights", told.weights.as_ref().filter(|_| is_open).map(|id| json!(id)));
        let row = licences.of(&canonical, is_open);
        say("licence", row.and_then(|row| row.licence.as_ref()).map(|licence| json!(licence)));
        say("distillable", row.and_then(|row| row.distillable).map(|distillable| json!(distillable)));
    }
}

/// The day that stands in an id, as `2026-01-31` or `20260131`.
fn day_in(id: &str) -> Option<String> {
    let bytes = id.as_bytes();
    let digits = |at: usize, count: usize| {
        let piece = bytes.get(at..at + count)?;
        piece.iter().all(u8::is_ascii_digit).then(|| id.get(at..at + count)).flatten()
    };
    let digit_at = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    (0..bytes.len()).find_map(|at| {
        let year = digits(at, 4).filter(|year| year.starts_with("20"))?;
        let dashed = bytes.get(at + 4) == Some(&b'-') && bytes.get(at + 7) == Some(&b'-');
        let (month_at, day_at) = if dashed { (at + 5, at + 8) } else { (at + 4, at + 6) };
        let (month, day) = (digits(month_at, 2)?, digits(day_at, 2)?);
        let exists = ("01"..="12").contains(&month) && ("01"..="31").contains(&day);
        // A longer number is no day.
        let alone = !digit_at(at.checked_sub(1)) && !digit_at(Some(day_at + 2));
        (exists && alone).then(|| format!("{year}-{month}-{day}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_offers_say_when_a_model_came_out() {
        let days = [("2025-01-02", 1), ("2025-01-01", 2), ("2025-03-01", 2)];
        let released = days.into_iter().map(|(day, offers)| (day.to_owned(), offers)).collect();
        let told = Told { released, dated: Some("2024-01-01".to_owned()), ..Told::default() };
        assert_eq!(told.day().map(String::as_str), Some("2025-01-01"));
        let told = Told { dated: Some("2024-01-01".to_owned()), ..Told::default() };
        assert_eq!(told.day().map(String::as_str), Some("2024-01-01"));
    }

    #[test]
    fn a_day_is_read_from_an_id_only_where_one_stands() {
        for (id, expected) in [
            ("gpt-4o-2024-08-06", Some("2024-08-06")),
            ("claude-opus-4-5-20251101", Some("2025-11-01")),
            ("anthropic.claude-3-haiku-20240307-v1:0", Some("2024-03-07")),
            ("qwen3-235b-a22b-2507", None),
            ("model-20261301", None),
            ("model-202601011", None),
            ("kimi-k2-0905", None),
            ("ü-2026-01", None),
        ] {
            assert_eq!(day_in(id).as_deref(), expected, "{id}");
        }
    }
}
