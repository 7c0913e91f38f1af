//! Choosing and ordering listed models after a query.
//!
//! In: models by name and a [`ModelQuery`]. Out: those that it asks for, in its order, and one page of them.

use std::cmp::Reverse;

use super::query::{ModelQuery, Sort};
use super::{Listed, average};
use crate::snapshot::Deployment;

const DAY_SECONDS: i64 = 86_400;

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Page<'s> {
    /// Its models.
    pub models: Vec<Listed<'s>>,
    /// How many there are on all pages.
    pub total: usize,
    /// Where the next page begins, if there is one, and how many models a page has.
    pub next: Option<(usize, usize)>,
}

impl ModelQuery {
    /// The models that are asked for, on one page. `now` is in Unix seconds.
    pub fn page<'s>(&self, models: Vec<Listed<'s>>, now: i64) -> Page<'s> {
        let mut models = models;
        models.retain(|model| self.matches(*model, now));
        self.order(&mut models);
        let total = models.len();
        let limit = self.limit.unwrap_or(total);
        let models: Vec<Listed<'s>> = models.into_iter().skip(self.offset).take(limit).collect();
        let end = self.offset.saturating_add(models.len());
        let next = (end < total && !models.is_empty()).then_some((end, limit));
        Page { models, total, next }
    }

    /// Whether a model is asked for.
    pub fn matches(&self, model: Listed<'_>, now: i64) -> bool {
        self.holds_of_names(model)
            && self.context.is_none_or(|least| model.context().is_some_and(|context| context >= least))
            && self.holds_of_price(model)
            && (self.outputs.is_empty() || model.outputs().iter().any(|output| self.outputs.contains(output)))
            && (self.input.is_empty() || self.input.iter().all(|modality| model.input().has(modality)))
            && self.distillable.is_none_or(|wanted| (model.distillable() == Some(true)) == wanted)
            && self.age_days.hold(
                model.released().map(|day| now.saturating_sub(day.unix_seconds()).div_euclid(DAY_SECONDS)),
            )
            && (!self.keeps_nothing
                || model.deployments().any(|deployment| deployment.provider.keeps_nothing()))
            && (self.parameters.is_empty() || {
                let taken = model.parameters();
                self.parameters.iter().all(|parameter| taken.has(parameter))
            })
    }

    fn holds_of_names(&self, model: Listed<'_>) -> bool {
        let by_provider = |deployment: &Deployment| {
            let provider = &deployment.provider;
            let names = [&provider.id, &provider.kind, &provider.name];
            names.into_iter().any(|name| self.providers.contains(&name.to_lowercase()))
        };
        self.text.as_ref().is_none_or(|text| {
            model.name.to_lowercase().contains(text) || model.title().to_lowercase().contains(text)
        }) && (self.authors.is_empty()
            || model.author().is_some_and(|author| self.authors.contains(&author.to_lowercase())))
            && self
                .family
                .as_ref()
                .is_none_or(|family| model.family().to_lowercase().starts_with(family.as_str()))
            && (self.providers.is_empty() || model.deployments().any(by_provider))
    }

    fn holds_of_price(&self, model: Listed<'_>) -> bool {
        let price = model.price();
        self.price.hold(price.map(|price| price.input))
            && self.output_price.hold(price.map(|price| price.output))
    }

    /// What is not known comes last in every order; equal ones stay by name.
    fn order(&self, models: &mut [Listed<'_>]) {
        match self.sort {
            None => {}
            Some(Sort::Newest) => {
                // A model of which no day is known is at least as new as what it has learnt.
                models.sort_by_cached_key(|model| Reverse(model.released().or_else(|| model.knowledge())));
            }
            Some(Sort::PriceUp) => models.sort_by_cached_key(|model| {
                let price = model.price().map(average);
                (price.is_none(), price)
            }),
            Some(Sort::PriceDown) => models.sort_by_cached_key(|model| Reverse(model.price().map(average))),
            Some(Sort::ContextDown) => models.sort_by_cached_key(|model| Reverse(model.context())),
        }
    }
}
