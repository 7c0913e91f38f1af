//! Model aliases: deployments and fallbacks resolved, fallbacks flattened, cycles refused.
//!
//! In: the aliases as read and the table of all other names. Out: the whole table, and the names of aliases
//! that were left out.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt as _};
use yumen_llm::price::PerToken;

use super::{Providers, routing};
use crate::diagnostic::{Diagnostics, shown};
use crate::near::nearest;
use crate::place::Place;
use crate::provider::{Provider, ServedModel};
use crate::read::{Resource, words};
use crate::rotation::Rotation;
use crate::shadow::{SHADOW_ALL, Shadow};
use crate::snapshot::{Deployment, ModelTarget, TargetKind, is_model_id};
use crate::spec::{AliasSpec, Decimal, DeploymentSpec, ShadowSpec};

/// Most deployments that one name falls back to, those of its fallbacks' fallbacks included.
const MOST_FALLBACKS: usize = 64;

/// All public names, and those that stand for nothing.
pub(super) struct Aliases {
    pub(super) models: HashMap<Arc<str>, Arc<ModelTarget>>,
    pub(super) withheld: HashSet<Arc<str>>,
}

/// Adds the aliases to the table of other names, in whose place they stand.
pub(super) fn check(
    declared: BTreeMap<String, Resource<'_, AliasSpec>>,
    providers: &Providers,
    others: HashMap<Arc<str>, Arc<ModelTarget>>,
    found: &mut Diagnostics,
) -> Aliases {
    let mut checker = Checker {
        declared: &declared,
        providers,
        others: &others,
        targets: BTreeMap::new(),
        open: Vec::new(),
        found,
    };
    for name in declared.keys() {
        checker.visit(name);
    }
    let targets = checker.targets;
    let mut aliases = Aliases { withheld: HashSet::new(), models: HashMap::new() };
    for (name, target) in targets {
        match target {
            Some(target) => drop(aliases.models.insert(Arc::clone(&target.name), target)),
            None => drop(aliases.withheld.insert(Arc::from(name))),
        }
    }
    for (name, target) in others {
        if !aliases.withheld.contains(&name) {
            aliases.models.entry(name).or_insert(target);
        }
    }
    aliases
}

struct Checker<'a, 'n> {
    declared: &'a BTreeMap<String, Resource<'n, AliasSpec>>,
    providers: &'a Providers,
    others: &'a HashMap<Arc<str>, Arc<ModelTarget>>,
    /// Finished aliases; `None` for those that are left out.
    targets: BTreeMap<&'a str, Option<Arc<ModelTarget>>>,
    /// The aliases on the way from the one that was asked for to the one being looked at, each with the number
    /// of its fallbacks that have been followed.
    open: Vec<(&'a str, usize)>,
    found: &'a mut Diagnostics,
}

impl<'a> Checker<'a, '_> {
    /// Finishes an alias after all aliases that it falls back to, on a stack of its own rather than by
    /// recursion: a file may hold a very long chain.
    fn visit(&mut self, name: &'a str) {
        if self.targets.contains_key(name) {
            return;
        }
        self.open.push((name, 0));
        let mut on_the_way = BTreeSet::from([name]);
        let mut closing = BTreeSet::new();
        while let Some((name, followed)) = self.open.last_mut().map(|(name, followed)| {
            *followed += 1;
            (*name, *followed - 1)
        }) {
            let spec = self.declared.get(name).and_then(|resource| resource.spec.as_ref());
            let Some(fallback) = spec.and_then(|spec| spec.fallbacks.get(followed)) else {
                self.open.pop();
                on_the_way.remove(name);
                let target = if closing.contains(name) { None } else { self.finish(name) };
                self.targets.insert(name, target.map(Arc::new));
                continue;
            };
            let Some((fallback, _)) = self.declared.get_key_value(fallback) else { continue };
            if on_the_way.contains(&**fallback) {
                self.report_cycle(name, fallback, followed);
                closing.insert(name);
            } else if !self.targets.contains_key(&**fallback) {
                self.open.push((fallback, 0));
                on_the_way.insert(fallback);
            }
        }
    }

    fn report_cycle(&mut self, name: &str, fallback: &str, index: usize) {
        let Some(resource) = self.declared.get(name) else { return };
        let place = resource.place.field("fallbacks").item(index);
        let start = self.open.iter().position(|(open, _)| *open == fallback).unwrap_or_default();
        let way = self.open.iter().skip(start).map(|(open, _)| shown(open)).take(8);
        let way: Vec<String> = way.chain([shown(fallback)]).collect();
        let message = format!("{} closes a circle: {}", place.path, way.join(" → "));
        place.error(self.found, message, Some("remove one of these fallbacks".to_owned()));
    }

    /// The target of an alias whose fallbacks are finished.
    fn finish(&mut self, name: &str) -> Option<ModelTarget> {
        let resource = self.declared.get(name)?;
        let (spec, place) = (resource.spec.as_ref()?, &resource.place);
        let errors_before = self.found.errors();
        if !is_model_id(name) {
            place.error(self.found, format!("{} is no name for a model", shown(name)), None);
        }
        let mut deployments = Vec::new();
        for (index, spec) in spec.deployments.iter().enumerate() {
            let here = place.field("deployments").item(index);
            if let Some(deployment) = self.deployment(spec, &here) {
                deployments.push((deployment, spec.weight));
            }
        }
        if deployments.is_empty() && resource.whole && self.found.errors() == errors_before {
            let message = format!("{} has no deployment left", place.path);
            place.error(self.found, message, Some("mend the providers that it needs".to_owned()));
        }
        let mut fallbacks: Vec<Deployment> = Vec::new();
        for (index, fallback) in spec.fallbacks.iter().enumerate() {
            let here = place.field("fallbacks").item(index);
            let Some(target) = self.fallback(fallback, &here) else { continue };
            for deployment in target.deployments.items().iter().chain(&target.fallbacks) {
                let mut taken = deployments.iter().map(|(taken, _)| taken).chain(&fallbacks);
                if !taken.any(|taken| taken.is_same(deployment)) && fallbacks.len() < MOST_FALLBACKS {
                    fallbacks.push(deployment.clone());
                }
            }
        }
        let routing = routing::check(&spec.routing, &place.field("routing"), self.found);
        let shadow =
            spec.shadow.as_ref().and_then(|shadow| self.shadow(name, shadow, &place.field("shadow")));
        let (name, kind, deployments) = (Arc::from(name), TargetKind::Alias, Rotation::new(deployments));
        let (heal_json, shadow) = (spec.heal_json, shadow.map(Arc::new));
        let target = ModelTarget { name, kind, deployments, fallbacks, routing, heal_json, shadow };
        (resource.whole && self.found.errors() == errors_before).then_some(target)
    }

    /// A deployment; `None` when it is wrong (reported) or its provider was left out (then it is skipped).
    fn deployment(&mut self, spec: &DeploymentSpec, place: &Place<'_>) -> Option<Deployment> {
        let of = |field| if place.is_scalar() { place.clone() } else { place.field(field) };
        let here = of("provider");
        let Some(provider) = self.providers.good.get(&*spec.provider) else {
            if self.providers.left_out.contains(&spec.provider) {
                self.skipped(&here, &spec.provider);
                return None;
            }
            let known = || self.providers.good.keys().map(|name| &**name);
            let near = if self.found.is_full() { Vec::new() } else { nearest(&spec.provider, known(), 1) };
            let hint = match near.first() {
                Some(near) if place.is_scalar() => format!("write `{near}/{}`", spec.model),
                Some(near) => format!("write `{near}`"),
                None if known().next().is_none() => "declare it under `providers`".to_owned(),
                None => format!("configured are {}", words(known().take(12))),
            };
            let message = format!("{}: no such provider is configured", here.with_value());
            here.error(self.found, message, Some(hint));
            return None;
        };
        let here = of("model");
        let model = match provider.model(&spec.model) {
            Some(model) => Arc::clone(model),
            None if !is_model_id(&spec.model) => {
                here.error(self.found, format!("{} is no model id", here.with_value()), None);
                return None;
            }
            None => self.unlisted(&here, provider, &spec.model),
        };
        Some(Deployment::new(provider, &model))
    }

    /// What a fallback's name stands for; `None` when it is wrong (reported) or was left out (then it is skipped).
    fn fallback(&mut self, name: &str, place: &Place<'_>) -> Option<Arc<ModelTarget>> {
        if self.declared.contains_key(name) {
            let target = self.targets.get(name).cloned().flatten();
            if target.is_none() {
                self.skipped(place, name);
            }
            return target;
        }
        if let Some(target) = self.others.get(name) {
            return Some(Arc::clone(target));
        }
        let (provider, native_id) = name.split_once('/').unwrap_or((name, ""));
        if self.providers.left_out.contains(provider) {
            self.skipped(place, provider);
            return None;
        }
        if let Some(provider) = self.providers.good.get(provider).filter(|_| is_model_id(native_id)) {
            let model = self.unlisted(place, provider, native_id);
            let deployment = Deployment::new(provider, &model);
            return Some(Arc::new(ModelTarget::single(name, TargetKind::Qualified, deployment)));
        }
        let hint = if self.found.is_full() {
            None
        } else {
            let known =
                self.others.keys().map(|name| &**name).chain(self.declared.keys().map(String::as_str));
            nearest(name, known, 1).first().map(|near| format!("write {}", shown(near)))
        };
        place.error(self.found, format!("{}: no model is called so", place.with_value()), hint);
        None
    }

    /// How copies of the alias's requests are sent; `None` when it is wrong (reported).
    fn shadow(&mut self, alias: &str, spec: &ShadowSpec, place: &Place<'_>) -> Option<Shadow> {
        // Nobody waits for a candidate, so an alias may come later, or be this one.
        if !self.declared.contains_key(&spec.model) {
            self.fallback(&spec.model, &place.field("model"))?;
        }
        let mut billionths = |field: &str, decimal: Option<&Decimal>, usual, most, hint: &str| {
            let Some(decimal) = decimal else { return Some(usual) };
            // Nine decimals of a whole are the unit of both: prices per million tokens are read in the same one.
            let read = PerToken::per_million(&decimal.0).map(|read| read.0).filter(|read| *read <= most);
            if read.is_none() {
                let here = place.field(field);
                here.error(
                    self.found,
                    format!("{} is not possible", here.with_value()),
                    Some(hint.to_owned()),
                );
            }
            read
        };
        let percent = spec.percent.as_ref();
        let share = billionths(
            "percent",
            percent,
            SHADOW_ALL / 20,
            SHADOW_ALL,
            "write 0 to 100, such as `5` or `0.1`",
        );
        let cost = spec.max_cost_per_day.as_ref();
        let nanos =
            billionths("max_cost_per_day", cost, 1_000_000_000, u64::MAX, "write dollars, such as `1.00`");
        Some(Shadow {
            alias: Arc::from(alias),
            model: Arc::from(&*spec.model),
            share: share?,
            max_per_minute: spec.max_per_minute,
            max_nanos_per_day: nanos?,
            max_concurrent: spec.max_concurrent,
        })
    }

    fn skipped(&mut self, place: &Place<'_>, name: &str) {
        let message = format!("{} is skipped because {} was left out", place.path, shown(name));
        place.warn(self.found, message, None);
    }

    /// A model that the provider's list does not have works all the same; but where there is a list, it is most
    /// likely a slip, and price and limits are not known.
    fn unlisted(&mut self, place: &Place<'_>, provider: &Provider, name: &str) -> Arc<ServedModel> {
        // Of a server that is asked, not all models are known yet.
        if !provider.models.is_empty() && provider.model_source.is_none() {
            let known =
                provider.models.values().flat_map(|model| model.aliases.iter().chain([&model.native_id]));
            let known = known.map(|name| &**name);
            let near = if self.found.is_full() { Vec::new() } else { nearest(name, known, 1) };
            let hint = match near.first() {
                Some(near) => format!("write {} if that is meant", shown(near)),
                None => {
                    format!("list it under `providers.{}.models` to give its limits and price", provider.id)
                }
            };
            let message = format!("{} is not among the models of `{}`", place.with_value(), provider.id);
            place.warn(self.found, message, Some(hint));
        }
        Arc::new(ServedModel::unlisted(name))
    }
}
