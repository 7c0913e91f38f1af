//! Virtual keys of the configuration. Their secrets are hashed here and go no further.

use std::collections::HashMap;
use std::sync::Arc;

use crate::access::{Access, access_word};
use crate::diagnostic::{Diagnostics, shown};
use crate::keys::{KeyTable, VirtualKey};
use crate::patterns::ModelPatterns;
use crate::place::Place;
use crate::read::Resource;
use crate::secret::{KeyHash, KeyHasher};
use crate::snapshot::Snapshot;
use crate::spec::KeySpec;

/// Shorter secrets can be guessed.
const SHORTEST_SECRET: usize = 16;

/// All keys that are good. A key with any fault is left out: it never works with fewer restrictions than meant.
pub(super) fn check(
    declared: Vec<Resource<'_, KeySpec>>,
    snapshot: &Snapshot,
    hasher: &KeyHasher,
    found: &mut Diagnostics,
) -> KeyTable {
    let mut names: HashMap<String, String> = HashMap::new();
    let mut hashes: HashMap<KeyHash, String> = HashMap::new();
    let mut keys = Vec::new();
    for resource in &declared {
        let (Some(spec), place) = (&resource.spec, &resource.place) else { continue };
        let errors_before = found.errors();
        if let Some(first) = names.insert(spec.name.clone(), place.path.clone()) {
            let here = place.field("name");
            let hint = Some(format!("{first} has it already; give each key a name of its own"));
            here.error(found, format!("{} is used twice", here.with_value()), hint);
        }
        if spec.name.chars().any(char::is_control) {
            let here = place.field("name");
            here.error(found, format!("{} must not contain control characters", here.path), None);
        }
        let secret = place.field("secret");
        check_secret(spec.secret.expose(), &secret, found);
        let hash = hasher.hash(spec.secret.expose());
        if let Some(first) = hashes.insert(hash, place.path.clone()) {
            let hint = Some("give each key a secret of its own".to_owned());
            secret.error(found, format!("{} is the same secret as that of {first}", secret.path), hint);
        }
        let expires_at =
            spec.expires.as_deref().and_then(|text| check_expiry(text, &place.field("expires"), found));
        check_access(spec, snapshot, &place.field("access"), found);
        check_patterns(spec, snapshot, &place.field("models"), found);
        let routing = super::routing::check(&spec.routing, &place.field("routing"), found);
        if resource.whole && found.errors() == errors_before {
            let key = VirtualKey {
                id: Arc::from(format!("file:{}", spec.name)),
                name: Arc::from(&*spec.name),
                models: ModelPatterns::new(spec.models.iter().map(String::as_str)),
                access: Access::new(spec.access.iter().map(String::as_str)),
                expires_at,
                disabled: spec.disabled,
                requests_per_minute: spec.requests_per_minute,
                concurrency: spec.concurrency,
                routing,
                heal_json: spec.heal_json,
                tags: spec.tags.iter().map(|tag| Arc::from(&**tag)).collect(),
                team: spec.team.as_deref().map(Arc::from),
            };
            keys.push((hash, Some(Arc::new(key))));
        }
    }
    KeyTable::default().with_all(keys)
}

fn check_secret(secret: &str, place: &Place<'_>, found: &mut Diagnostics) {
    if secret.is_empty() {
        place.error(found, format!("{} is empty", place.path), None);
    } else if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = format!("{} has white space or characters that no header can carry", place.path);
        place.error(found, message, None);
    } else if secret.len() < SHORTEST_SECRET {
        let message = format!("{} has less than {SHORTEST_SECRET} characters and can be guessed", place.path);
        place.warn(found, message, Some("use `sk-yu-` and at least 32 random letters and digits".to_owned()));
    }
}

fn check_expiry(text: &str, place: &Place<'_>, found: &mut Diagnostics) -> Option<i64> {
    let moment = text.parse::<jiff::Timestamp>();
    if moment.is_err() {
        let hint = Some("write for example `2027-01-31T00:00:00Z`".to_owned());
        place.error(found, format!("{} is no moment in time", place.with_value()), hint);
    }
    moment.ok().map(jiff::Timestamp::as_second)
}

fn check_access(spec: &KeySpec, snapshot: &Snapshot, place: &Place<'_>, found: &mut Diagnostics) {
    for (index, word) in spec.access.iter().enumerate() {
        let here = place.item(index);
        match access_word(word) {
            Err(fault) => here.error(found, format!("{} {fault}", here.with_value()), None),
            Ok(Some(name)) if !snapshot.providers.contains_key(name) => {
                here.warn(found, format!("{}: no such provider is configured", here.with_value()), None);
            }
            Ok(_) => {}
        }
    }
}

/// A name without wildcards that no model has is most likely a slip; a key without any name can do nothing.
fn check_patterns(spec: &KeySpec, snapshot: &Snapshot, place: &Place<'_>, found: &mut Diagnostics) {
    if spec.models.is_empty() {
        let hint = Some("write `models: [\"*\"]` to allow all".to_owned());
        place.warn(found, format!("{} allows no model", place.path), hint);
    }
    for (index, pattern) in spec.models.iter().enumerate() {
        let known = || {
            pattern.contains('*')
                || snapshot.target(pattern).is_some()
                || snapshot.withheld.contains(&**pattern)
        };
        if found.is_full() || known() {
            continue;
        }
        let here = place.item(index);
        let near = snapshot.near_names(pattern, &ModelPatterns::all());
        let hint = near.first().map(|near| format!("write {}", shown(near)));
        here.warn(found, format!("{}: no model is called so", here.with_value()), hint);
    }
}
