//! What each provider offers: the models of the list and those that only the packages know, with their facts.
//!
//! In: the list, the extract and the names. Out: every provider's models in the order in which they are written,
//! and a note of everything that was left out or refused. A model without a price stays without one.

mod complete;
mod judge;
mod naming;
mod shared;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use super::licences::Licences;
use super::list::{LIST, List, Section};
use super::names::Names;
use super::{EXTRACT, Model, Models, text};

/// What the sources say, by key.
pub(super) type Extract = Map<String, Value>;

/// What became of the models of one provider.
#[derive(Default)]
pub(super) struct Notes {
    /// How many are listed by hand.
    pub(super) by_hand: usize,
    /// Ids that are not listed, by the reason.
    pub(super) left_out: BTreeMap<&'static str, Vec<String>>,
    /// Facts that cannot be right and are not taken over.
    pub(super) refused: Vec<String>,
}

impl Notes {
    fn leave_out(&mut self, reason: &'static str, id: &str) {
        self.left_out.entry(reason).or_default().push(id.to_owned());
    }
}

/// One provider's models, and what became of the others.
#[derive(Default)]
pub(super) struct Offer {
    pub(super) models: Models,
    pub(super) notes: Notes,
}

/// What else must be known of the providers.
pub(super) struct Surroundings<'a> {
    /// The operations that each provider's dialects serve.
    pub(super) served: BTreeMap<String, Vec<&'static str>>,
    /// Models of folders that the list does not name.
    pub(super) handwritten: BTreeMap<String, Models>,
    /// The day of the extract.
    pub(super) day: &'a str,
}

/// A model on its way into the list.
struct Draft {
    model: Model,
    by_hand: bool,
    /// Whether a source says that its weights are open.
    open: bool,
    /// The place of the first source that knows it.
    rank: usize,
}

/// Every provider's offer. A fault of what is listed by hand is an error; one of a source is a note.
pub(super) fn collect(
    list: &List,
    extract: &Extract,
    names: &mut Names,
    licences: &Licences,
    surroundings: &Surroundings<'_>,
) -> Result<BTreeMap<String, Offer>> {
    let mut drafts: BTreeMap<String, (Vec<Draft>, Notes)> = BTreeMap::new();
    let mut faults = Vec::new();
    for (provider, section) in &list.sections {
        let served = surroundings.served.get(provider).map(Vec::as_slice).unwrap_or_default();
        let mut notes = Notes { by_hand: section.models.len(), ..Notes::default() };
        let mut own = listed(section, extract);
        for draft in &own {
            let id = text(&draft.model, "id");
            faults.extend(
                judge::faults(&draft.model).into_iter().map(|fault| format!("{provider}: {id}: {fault}")),
            );
        }
        own.extend(found(section, extract, served, surroundings.day, &mut notes));
        drafts.insert(provider.clone(), (own, notes));
    }
    if !faults.is_empty() {
        bail!("{LIST} and {EXTRACT} give what cannot be right:\n  {}", faults.join("\n  "));
    }
    naming::give(list, &mut drafts, names, &surroundings.handwritten);
    let open = naming::open(&drafts);
    shared::tell(&mut drafts, &open, licences, surroundings.day);
    let mut offers = BTreeMap::new();
    for (provider, (mut own, notes)) in drafts {
        if let Some(section) = list.sections.get(&provider) {
            own.iter_mut().filter(|draft| !draft.by_hand).for_each(|draft| unprice(draft, section, &open));
        }
        let models = own.into_iter().map(|draft| draft.model).collect();
        offers.insert(provider, Offer { models, notes });
    }
    judge::compare(&mut offers, list);
    Ok(offers)
}

fn unprice(draft: &mut Draft, section: &Section, open: &BTreeSet<String>) {
    let is_open = open.contains(text(&draft.model, "canonical"));
    let free = text(&draft.model, "id").ends_with(":free");
    if section.unpriced || (section.unpriced_when_open && is_open && !free) {
        draft.model.remove("price");
    }
}

/// The models that are listed by hand, completed.
fn listed(section: &Section, extract: &Extract) -> Vec<Draft> {
    let complete = section.models.iter().map(|listed| {
        let sources = listed.sources.as_ref().unwrap_or(&section.sources);
        let mut model = complete::complete(&listed.entry, sources, extract);
        if section.unpriced && !listed.entry.contains_key("price") {
            model.remove("price");
        }
        if model.get("price").and_then(Value::as_str) == Some("unknown") {
            model.remove("price");
        }
        // What is listed is meant to be asked, whatever a source calls it.
        let known = |operation: &Value| OPERATIONS.iter().chain(BY_HAND).any(|known| operation == known);
        let operations = model.get("operations").and_then(Value::as_array);
        if !operations.is_some_and(|operations| operations.iter().all(known)) {
            model.insert("operations".to_owned(), json!(["chat"]));
        }
        let open = model.remove("open").is_some();
        model.remove("retired");
        Draft { model, by_hand: true, open, rank: 0 }
    });
    complete.collect()
}

/// Operations that only models listed by hand have: the extract says nothing of them but a name.
const BY_HAND: &[&str] = &["realtime", "videos"];

/// Operations that the catalogue knows so far. The extract already tells of others by their names.
const OPERATIONS: &[&str] = &[
    "chat",
    "completions",
    "embeddings",
    "images",
    "image_edits",
    "image_variations",
    "speech",
    "transcription",
    "translation",
    "moderation",
    "rerank",
];

/// The models that only the packages know, completed, without those that cannot be asked or are gone.
fn found(
    section: &Section,
    extract: &Extract,
    served: &[&'static str],
    day: &str,
    notes: &mut Notes,
) -> Vec<Draft> {
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    for listed in &section.models {
        let aliases = listed.entry.get("aliases").and_then(Value::as_array).into_iter().flatten();
        taken.extend(aliases.filter_map(Value::as_str).chain([text(&listed.entry, "id")]));
    }
    let keys = section.sources.iter().flat_map(|source| {
        extract.keys().filter_map(|key| if key.starts_with(source.start()) { source.id(key) } else { None })
    });
    let ids: BTreeSet<&str> = keys.filter(|id| !taken.contains(id) && !section.leaves_out(id)).collect();
    let mut drafts = Vec::new();
    for id in ids {
        let entry = Map::from_iter([("id".to_owned(), json!(id))]);
        let mut model = complete::complete(&entry, &section.sources, extract);
        let retired = model.remove("retired").is_some();
        let open = model.remove("open").is_some();
        keep_served(&mut model, served);
        match reason_to_leave_out(&model, retired, served, day) {
            Some(reason) => notes.leave_out(reason, id),
            None => {
                notes
                    .refused
                    .extend(judge::mend(&mut model).into_iter().map(|fault| format!("{id}: {fault}")));
                let rank = section.sources.iter().position(|source| extract.contains_key(&source.key(id)));
                drafts.push(Draft { model, by_hand: false, open, rank: rank.unwrap_or_default() });
            }
        }
    }
    drafts
}

/// Of a model that can do several things, those that its provider can be asked for.
fn keep_served(model: &mut Model, served: &[&str]) {
    let Some(Value::Array(operations)) = model.get_mut("operations") else { return };
    if operations.iter().any(|operation| served.iter().any(|served| operation == served)) {
        operations.retain(|operation| served.iter().any(|served| operation == served));
    }
}

fn reason_to_leave_out(model: &Model, retired: bool, served: &[&str], day: &str) -> Option<&'static str> {
    let id = text(model, "id");
    let operations: Vec<&str> = model
        .get("operations")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let over = |date: &str| !date.is_empty() && date <= day;
    match () {
        () if !operations.iter().all(|operation| OPERATIONS.contains(operation)) => Some("another operation"),
        () if !operations.iter().all(|operation| served.contains(operation)) => {
            Some("a dialect that is not spoken")
        }
        () if retired || over(text(model, "deprecated")) => Some("withdrawn"),
        () if id.chars().any(|letter| letter.is_control() || letter.is_whitespace()) => Some("no usable id"),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_can_be_asked_of_a_model_is_kept() {
        let kept = |operations: Value, served: &[&str]| {
            let mut model = Map::from_iter([("operations".to_owned(), operations)]);
            keep_served(&mut model, served);
            model["operations"].clone()
        };
        assert_eq!(kept(json!(["images", "image_edits"]), &["chat", "images"]), json!(["images"]));
        assert_eq!(
            kept(json!(["images"]), &["chat"]),
            json!(["images"]),
            "which is then a reason to leave it out"
        );
    }

    #[test]
    fn what_cannot_be_asked_or_is_gone_is_left_out() {
        let reason = |model: Value, retired| {
            let model = model.as_object().unwrap().clone();
            reason_to_leave_out(&model, retired, &["chat"], "2026-11-20")
        };
        let plain = json!({ "id": "a", "operations": ["chat"], "deprecated": "2026-11-21" });
        assert_eq!(reason(plain.clone(), false), None);
        assert_eq!(reason(plain, true), Some("withdrawn"));
        let gone = json!({ "id": "a", "operations": ["chat"], "deprecated": "2026-11-20" });
        assert_eq!(reason(gone, false), Some("withdrawn"));
        assert_eq!(
            reason(json!({ "id": "a", "operations": ["realtime"] }), false),
            Some("another operation")
        );
        let embeds = json!({ "id": "a", "operations": ["embeddings"] });
        assert_eq!(reason(embeds, false), Some("a dialect that is not spoken"));
        assert_eq!(reason(json!({ "id": "a b", "operations": ["chat"] }), false), Some("no usable id"));
    }
}
