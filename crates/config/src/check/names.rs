//! The table of public model names that need no alias: canonical ids, `provider/native-id`, native ids.
//!
//! In: the configured providers. Out: what each name stands for; where a name could be of two kinds, the
//! earlier kind wins.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt as _};

use crate::provider::Provider;
use crate::rotation::Rotation;
use crate::snapshot::{Deployment, ModelTarget, TargetKind};

/// What each name stands for.
pub(crate) fn table(providers: &BTreeMap<Arc<str>, Arc<Provider>>) -> HashMap<Arc<str>, Arc<ModelTarget>> {
    let mut table = HashMap::new();
    for (name, deployments) in canonical(providers) {
        let target = ModelTarget {
            name: Arc::clone(&name),
            kind: TargetKind::Canonical,
            deployments: Rotation::even(deployments),
            fallbacks: Vec::new(),
            routing: Arc::default(),
            heal_json: None,
            shadow: None,
        };
        table.insert(name, Arc::new(target));
    }
    for (name, deployment) in own_names(providers) {
        let name = format!("{}/{name}", deployment.provider.id);
        add_single(&mut table, &name, TargetKind::Qualified, deployment);
    }
    let mut native: BTreeMap<Arc<str>, Option<Deployment>> = BTreeMap::new();
    for (name, deployment) in own_names(providers) {
        match native.entry(name) {
            Entry::Vacant(slot) => drop(slot.insert(Some(deployment))),
            Entry::Occupied(mut slot) => {
                let first = slot.get().as_ref();
                // Within one provider the first wins: native ids come before other names.
                if first.is_some_and(|first| first.provider.id != deployment.provider.id) {
                    slot.insert(None);
                }
            }
        }
    }
    for (name, deployment) in native {
        if let Some(deployment) = deployment {
            add_single(&mut table, &name, TargetKind::Native, deployment);
        }
    }
    table
}

/// Each canonical model with one deployment per provider. Where a provider has several versions of it, the one
/// with the first native id serves, which is the one without a date.
fn canonical(providers: &BTreeMap<Arc<str>, Arc<Provider>>) -> BTreeMap<Arc<str>, Vec<Deployment>> {
    let mut canonical: BTreeMap<Arc<str>, Vec<Deployment>> = BTreeMap::new();
    for provider in providers.values() {
        for model in provider.models.values() {
            let Some(name) = &model.canonical_id else { continue };
            let deployments = canonical.entry(Arc::clone(name)).or_default();
            if deployments.last().is_none_or(|last| last.provider.id != provider.id) {
                deployments.push(Deployment::new(provider, model));
            }
        }
    }
    canonical
}

/// Every name that a provider has for its models: native ids first, then the other names.
fn own_names(providers: &BTreeMap<Arc<str>, Arc<Provider>>) -> impl Iterator<Item = (Arc<str>, Deployment)> {
    providers.values().flat_map(|provider| {
        let named = |name: &Arc<str>, model: &_| (Arc::clone(name), Deployment::new(provider, model));
        let native = provider.models.values().map(move |model| named(&model.native_id, model));
        let others = provider
            .models
            .values()
            .flat_map(move |model| model.aliases.iter().map(move |alias| named(alias, model)));
        native.chain(others)
    })
}

fn add_single(
    table: &mut HashMap<Arc<str>, Arc<ModelTarget>>,
    name: &str,
    kind: TargetKind,
    deployment: Deployment,
) {
    if !table.contains_key(name) {
        table.insert(Arc::from(name), Arc::new(ModelTarget::single(name, kind, deployment)));
    }
}
