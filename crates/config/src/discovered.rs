//! What servers say of their own models, as a layer over what the operator wrote.
//!
//! In: a checked Snapshot and the last lists of its providers' servers. Out: a Snapshot that has their models, too. What is
//! configured wins: a discovered fact only fills what is open, and a list counts only for the place that gave it.

use std::collections::BTreeMap;
use std::sync::Arc;

use yumen_llm::catalogue::DiscoveredModel;

use crate::check::names;
use crate::provider::{ModelSource, Provider, ServedModel};
use crate::snapshot::{Deployment, ModelTarget, Snapshot, TargetKind};

/// The models that a server has told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovered {
    /// Where they were asked for.
    pub source: Arc<ModelSource>,
    /// Its models; each id once.
    pub models: Vec<DiscoveredModel>,
}

impl Discovered {
    /// Whether it is what this provider's server says: the provider may have moved since.
    pub fn is_of(&self, provider: &Provider) -> bool {
        provider.model_source.as_ref().is_some_and(|source| source.is_same_place(&self.source))
    }
}

impl Snapshot {
    /// The same Snapshot with the models that servers have told of, by provider. Names follow the usual order; aliases and
    /// what was written of a model stay as they are.
    pub fn with_discovered(&self, discovered: &BTreeMap<Arc<str>, Discovered>) -> Self {
        let mut providers = (*self.providers).clone();
        let mut changed = false;
        for (name, found) in discovered {
            let Some(provider) = providers.get_mut(name).filter(|provider| found.is_of(provider)) else {
                continue;
            };
            *provider = Arc::new(provider.with_discovered(&found.models));
            changed = true;
        }
        if !changed {
            return self.clone();
        }
        let mut models = names::table(&providers);
        models.retain(|name, _| !self.withheld.contains(name));
        let aliases = self.models.iter().filter(|(_, target)| target.kind == TargetKind::Alias);
        models.extend(aliases.map(|(name, target)| (Arc::clone(name), Arc::new(target.renewed(&providers)))));
        Self { providers: Arc::new(providers), models: Arc::new(models), ..self.clone() }
    }
}

impl Provider {
    fn with_discovered(&self, found: &[DiscoveredModel]) -> Self {
        let mut models = self.models.clone();
        for found in found {
            let known = models.get(&*found.id);
            let model = match known {
                Some(known) => known.filled_by(found),
                None => ServedModel {
                    aliases: found.alias.as_deref().map(Arc::from).into_iter().collect(),
                    ..ServedModel::unlisted(&found.id).filled_by(found)
                },
            };
            models.insert(Arc::clone(&model.native_id), Arc::new(model));
        }
        Self { models, ..self.clone() }
    }
}

impl ServedModel {
    /// The same with what a server says where nothing else is known.
    fn filled_by(&self, found: &DiscoveredModel) -> Self {
        let mut model = self.clone();
        model.context = model.context.or(found.context);
        model.facts.supports = model.facts.supports.or(found.supports);
        if model.facts.input.is_empty() {
            model.facts.input = found.input;
        }
        if model.operations.is_empty() {
            model.operations.clone_from(&found.operations);
        }
        model
    }
}

impl ModelTarget {
    /// The same over the providers as they are now, with its turns as they were.
    fn renewed(&self, providers: &BTreeMap<Arc<str>, Arc<Provider>>) -> Self {
        let renew = |deployment: &Deployment| {
            let Some(provider) = providers.get(&deployment.provider.id) else { return deployment.clone() };
            let model = provider.models.get(&deployment.model.native_id).unwrap_or(&deployment.model);
            Deployment::new(provider, model)
        };
        Self {
            name: Arc::clone(&self.name),
            kind: self.kind,
            deployments: self.deployments.map(renew),
            fallbacks: self.fallbacks.iter().map(renew).collect(),
            routing: Arc::clone(&self.routing),
            heal_json: self.heal_json,
            shadow: self.shadow.clone(),
        }
    }
}
