//! Names for the models that only the packages know: canonical ids, names for people, how Claude is asked to think.
//!
//! In: all providers' drafts. Out: the same drafts, named, at most one of each canonical model per provider. What
//! is listed by hand has the name that was written, and takes it before any other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::list::List;
use super::super::names::{Derived, Names};
use super::super::{Models, text};
use super::{Draft, Notes};

type Drafts = BTreeMap<String, (Vec<Draft>, Notes)>;

/// The provider whose spelling of names is followed where nothing is written by hand.
const SPELLS: &str = "openrouter";
/// The provider that says how its own models are asked to think.
const THINKS: &str = "anthropic";

pub(super) fn give(
    list: &List,
    drafts: &mut Drafts,
    names: &mut Names,
    handwritten: &BTreeMap<String, Models>,
) {
    learn(list, drafts, names, handwritten);
    for (provider, (own, notes)) in &mut *drafts {
        let author = author(list, provider);
        own.sort_by(|one, other| order(one).cmp(&order(other)));
        let mut named: Vec<Draft> = Vec::with_capacity(own.len());
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        for mut draft in own.drain(..) {
            if draft.by_hand {
                places.insert(text(&draft.model, "canonical").to_owned(), named.len());
                named.push(draft);
                continue;
            }
            let id = text(&draft.model, "id").to_owned();
            let candidates = candidates(&names.derive(&id, author), names);
            match candidates.iter().find(|name| !places.contains_key(*name)) {
                Some(canonical) if is_name(canonical) => {
                    places.insert(canonical.clone(), named.len());
                    draft.model.insert("canonical".to_owned(), json!(canonical));
                    named.push(draft);
                }
                Some(_) => notes.leave_out("no usable id", &id),
                None => {
                    let place = candidates.first().and_then(|name| places.get(name));
                    let first = place.and_then(|place| named.get_mut(*place));
                    if !first.is_some_and(|first| take_in(first, &draft)) {
                        notes.leave_out("another id of a model that is listed", &id);
                    }
                }
            }
        }
        // What is written by hand stays in the order of the list, what was found follows by its id.
        named.sort_by_key(|draft| (!draft.by_hand).then(|| text(&draft.model, "id").to_owned()));
        *own = named;
    }
    name_for_people(drafts);
    say_how_to_think(drafts);
}

/// Takes another id of the same model as a name of it, if nothing tells them apart.
fn take_in(first: &mut Draft, other: &Draft) -> bool {
    let same = |field: &str| first.model.get(field) == other.model.get(field);
    if first.by_hand || !["price", "context", "operations"].into_iter().all(same) {
        return false;
    }
    let aliases = first.model.entry("aliases").or_insert_with(|| json!([]));
    if let Some(aliases) = aliases.as_array_mut() {
        aliases.push(json!(text(&other.model, "id")));
    }
    true
}

/// Spellings, the most trusted first: by hand, OpenRouter's, then what most providers write.
fn learn(list: &List, drafts: &Drafts, names: &mut Names, handwritten: &BTreeMap<String, Models>) {
    let by_hand = list.sections.values().flat_map(|section| &section.models).map(|listed| &listed.entry);
    for model in by_hand.chain(handwritten.values().flatten()) {
        names.learn(text(model, "canonical"));
    }
    let found = |provider: &str| {
        drafts.get(provider).into_iter().flat_map(|(own, _)| own).filter(|draft| !draft.by_hand)
    };
    for draft in found(SPELLS) {
        let Derived { author, full, .. } = names.derive(text(&draft.model, "id"), SPELLS);
        names.learn(&format!("{author}/{full}"));
    }
    let mut spellings: BTreeMap<String, usize> = BTreeMap::new();
    for provider in drafts.keys() {
        for draft in found(provider) {
            let Derived { author, slug, .. } =
                names.derive(text(&draft.model, "id"), self::author(list, provider));
            *spellings.entry(format!("{author}/{slug}")).or_default() += 1;
        }
    }
    let mut spellings: Vec<(String, usize)> = spellings.into_iter().collect();
    // A version is better told with a point than with a hyphen.
    let points = |name: &str| name.matches('.').count();
    spellings.sort_by(|(one, often), (other, oftener)| {
        points(other).cmp(&points(one)).then_with(|| oftener.cmp(often)).then_with(|| one.cmp(other))
    });
    for (spelling, _) in spellings {
        names.learn(&spelling);
    }
}

fn author<'l>(list: &'l List, provider: &'l str) -> &'l str {
    list.sections.get(provider).and_then(|section| section.author.as_deref()).unwrap_or(provider)
}

/// Of several ids of one model the one that the first source knows has its name, or the shortest: it is the one
/// without a date or a way of hosting.
fn order(draft: &Draft) -> (bool, usize, usize, &str) {
    let id = text(&draft.model, "id");
    (!draft.by_hand, draft.rank, id.len(), id)
}

/// The model's name, or, when another id of the provider has that one, a name that says how it is hosted.
fn candidates(derived: &Derived, names: &Names) -> Vec<String> {
    let plain = names.spelled(&derived.author, &derived.slug);
    let mut candidates = vec![plain];
    // A day in the name of a Claude model says which snapshot it is, and each name has only had one.
    if derived.full != derived.slug {
        candidates.push(names.spelled(&derived.author, &derived.full));
    }
    candidates
}

fn is_name(canonical: &str) -> bool {
    let part =
        |part: &str| part.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit());
    canonical.split_once('/').is_some_and(|(author, slug)| part(author) && part(slug) && !slug.contains('/'))
}

/// Models that no source names are called as elsewhere, or by their id.
fn name_for_people(drafts: &mut Drafts) {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    for draft in drafts.values().flat_map(|(own, _)| own) {
        let (canonical, name) = (text(&draft.model, "canonical"), text(&draft.model, "name"));
        if !name.is_empty() {
            known.entry(canonical.to_owned()).or_insert_with(|| name.to_owned());
        }
    }
    for draft in drafts.values_mut().flat_map(|(own, _)| own) {
        if text(&draft.model, "name").is_empty() {
            let id = text(&draft.model, "id");
            let last = id.rsplit('/').next().unwrap_or(id);
            let name = known.get(text(&draft.model, "canonical")).cloned().unwrap_or_else(|| last.to_owned());
            draft.model.insert("name".to_owned(), json!(name));
        }
    }
}

/// How a Claude model is asked to think is a matter of the model, not of who serves it.
fn say_how_to_think(drafts: &mut Drafts) {
    let own = drafts.get(THINKS).into_iter().flat_map(|(own, _)| own);
    let said: BTreeMap<String, Option<Value>> = own
        .map(|draft| (text(&draft.model, "canonical").to_owned(), draft.model.get("thinking").cloned()))
        .collect();
    let others = drafts.iter_mut().filter(|(provider, _)| *provider != THINKS);
    for draft in others.flat_map(|(_, (own, _))| own) {
        let canonical = text(&draft.model, "canonical").to_owned();
        if draft.by_hand || !canonical.starts_with("anthropic/") {
            continue;
        }
        draft.model.remove("thinking");
        let variant = |name: &str| {
            let rest = canonical.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', ':']))
        };
        let version = |name: &str| name.rsplit('-').next().and_then(|last| last.parse::<f64>().ok());
        let model = match canonical.strip_suffix("latest") {
            // A moving name means the newest of its family.
            Some(family) => {
                said.iter().filter(|(name, _)| name.starts_with(family)).max_by(|(one, _), (other, _)| {
                    version(one).unwrap_or(0.0).total_cmp(&version(other).unwrap_or(0.0))
                })
            }
            None => said.iter().filter(|(name, _)| variant(name)).max_by_key(|(name, _)| name.len()),
        };
        if let Some((_, Some(thinking))) = model {
            draft.model.insert("thinking".to_owned(), thinking.clone());
        }
    }
}

/// The models whose weights are open, as far as a source says so.
pub(super) fn open(drafts: &Drafts) -> BTreeSet<String> {
    let drafts = drafts.values().flat_map(|(own, _)| own);
    drafts.filter(|draft| draft.open).map(|draft| text(&draft.model, "canonical").to_owned()).collect()
}
