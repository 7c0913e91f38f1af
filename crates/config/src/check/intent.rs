//! Categories checked: names that differ, patterns that compile, a model where one is asked.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use regex::{RegexBuilder, RegexSet, RegexSetBuilder};

use crate::diagnostic::{Diagnostics, shown};
use crate::intent::{Category, Intent, IntentBy};
use crate::patterns::ModelPatterns;
use crate::place::Place;
use crate::snapshot::Snapshot;
use crate::spec::{CategorySpec, IntentSpec};

/// Bytes that the patterns of one category may take.
const PATTERN_BYTES_MOST: usize = 4 << 20;

/// The checked form; what is wrong is reported.
pub(super) fn check(
    spec: &IntentSpec,
    snapshot: &Snapshot,
    place: &Place<'_>,
    found: &mut Diagnostics,
) -> Intent {
    let mut names: HashMap<&str, String> = HashMap::new();
    let mut categories = Vec::with_capacity(spec.categories.len());
    for (index, category) in spec.categories.iter().enumerate() {
        let here = place.field("categories").item(index);
        if let Some(first) = names.insert(&category.name, here.path.clone()) {
            let named = here.field("name");
            let hint = Some(format!("{first} has it already; write both as one"));
            named.error(found, format!("{} is used twice", named.with_value()), hint);
        }
        categories.push(Category {
            name: Arc::from(&*category.name),
            description: Arc::from(&*category.description),
            patterns: patterns(category, &here.field("patterns"), found),
            examples: category.examples.iter().map(|example| Arc::from(&**example)).collect(),
        });
    }
    if spec.by != IntentBy::Patterns {
        asked(spec, snapshot, place, found);
    }
    Intent {
        by: spec.by,
        model: Arc::from(spec.model.as_deref().unwrap_or_default()),
        timeout: Duration::from_millis(spec.timeout_ms),
        default: Arc::from(&*spec.default),
        categories,
        id: id(spec),
    }
}

fn id(spec: &IntentSpec) -> u64 {
    let mut hasher = DefaultHasher::new();
    (spec.by, &spec.model).hash(&mut hasher);
    for category in &spec.categories {
        (&category.name, &category.description, &category.examples).hash(&mut hasher);
    }
    hasher.finish()
}

fn patterns(category: &CategorySpec, place: &Place<'_>, found: &mut Diagnostics) -> RegexSet {
    for (index, pattern) in category.patterns.iter().enumerate() {
        if let Err(error) = RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MOST).build() {
            let said = error.to_string();
            let said = said.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            let here = place.item(index);
            here.error(found, format!("{} cannot be used: {said}", here.with_value()), None);
            return RegexSet::empty();
        }
    }
    let built = RegexSetBuilder::new(&category.patterns)
        .size_limit(PATTERN_BYTES_MOST)
        .dfa_size_limit(PATTERN_BYTES_MOST)
        .build();
    built.unwrap_or_else(|_| {
        place.error(found, format!("{} are too large together", place.path), None);
        RegexSet::empty()
    })
}

/// What a model needs that is asked.
fn asked(spec: &IntentSpec, snapshot: &Snapshot, place: &Place<'_>, found: &mut Diagnostics) {
    let here = place.field("model");
    match &spec.model {
        None => {
            let hint = Some("write the public name of a small, quick model".to_owned());
            place.error(found, format!("{} lacks the field `model`", place.path), hint);
        }
        Some(name) if snapshot.target(name).is_none() && !snapshot.withheld.contains(&**name) => {
            let near = snapshot.near_names(name, &ModelPatterns::all());
            let hint = near.first().map(|near| format!("write {}", shown(near)));
            here.warn(found, format!("{}: no model is called so", here.with_value()), hint);
        }
        Some(_) => {}
    }
    let all = place.field("categories");
    if spec.categories.is_empty() {
        all.error(found, format!("{} is empty, so that there is nothing to ask for", all.path), None);
    }
    if spec.by == IntentBy::Embedding && spec.categories.iter().all(|category| category.examples.is_empty()) {
        let hint = Some("write some messages for each category under `examples`".to_owned());
        all.error(found, format!("{} have no examples to which a message could be near", all.path), hint);
    }
}
