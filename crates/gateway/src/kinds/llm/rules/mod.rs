//! Rules of the operator: the first one whose condition holds for a request decides.
//!
//! In: a call, who makes it, and the settings. Out: which rule decides, and which could not be evaluated. A rule is the
//! operator's word: what it names needs no further permission of the key. It never sends anything.

mod facts;
mod texts;

use std::sync::Arc;

use http::HeaderMap;
use serde_json::json;
use smallvec::SmallVec;
use yumen_config::cel::{Facts, Fault};
use yumen_config::{Rule, Snapshot, Then};
use yumen_telemetry::RouteRecord;

use super::call::Call;
use super::preset;
use super::resolve::{Ask, Named, split_variant};
use crate::rejection::{Code, Rejection};
pub use facts::{PARTS, Request};
pub use texts::Texts;

/// What the rules make of a request.
#[derive(Debug, Default)]
pub struct Looked<'s> {
    /// The rule that decides.
    pub rule: Option<&'s Rule>,
    /// Rules before it that could not be evaluated, or name models that nothing serves.
    pub failed: SmallVec<[(Arc<str>, Failed); 1]>,
    /// What the last message is about, where somebody wanted to know.
    pub category: Option<Arc<str>>,
    /// Whether a rule wants to know that, and no one has said.
    pub wants_category: bool,
}

/// Why a rule was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// Its condition could not be evaluated.
    #[error("its condition could not be evaluated: {0}")]
    Condition(Fault),
    /// No provider serves any of its models.
    #[error("nothing serves its models")]
    Models,
}

/// Looks which rule decides.
pub fn look<'s>(snapshot: &'s Snapshot, request: &Request<'_>) -> Looked<'s> {
    look_with(snapshot, request.call, request)
}

/// The same for a call of which `facts` tells what conditions read.
pub fn look_with<'s>(snapshot: &'s Snapshot, call: &Call, facts: &dyn Facts) -> Looked<'s> {
    let mut looked = Looked::default();
    // What continues a response that a provider keeps stays with its model.
    let is_bound = call.memory.as_ref().is_some_and(|memory| memory.is_bound());
    for rule in &snapshot.rules.list {
        let holds = rule.when.as_ref().map_or(Ok(true), |when| when.holds(facts));
        match holds {
            Ok(false) => {}
            Ok(true) if is_bound && !matches!(rule.then, Then::Keep | Then::Deny(_)) => {}
            Ok(true) if !is_served(snapshot, rule) => {
                looked.failed.push((Arc::clone(&rule.name), Failed::Models))
            }
            Ok(true) => {
                looked.rule = Some(rule);
                break;
            }
            Err(Fault::Unknown(_)) => {
                looked.wants_category = true;
                break;
            }
            Err(fault) => looked.failed.push((Arc::clone(&rule.name), Failed::Condition(fault))),
        }
    }
    looked
}

fn is_served(snapshot: &Snapshot, rule: &Rule) -> bool {
    match &rule.then {
        Then::Models(models) => {
            models.iter().any(|name| snapshot.target(split_variant(snapshot, name).0).is_some())
        }
        _ => true,
    }
}

impl Looked<'_> {
    /// What is told of it, if there is anything.
    pub fn record(&self, call: &Call) -> Option<RouteRecord> {
        let preset = call.preset.as_ref().map(|preset| preset.label.to_string());
        let is_told = self.rule.is_some() || !self.failed.is_empty() || self.category.is_some();
        (is_told || preset.is_some()).then(|| RouteRecord {
            rule: self.rule.map(|rule| rule.name.to_string()),
            failed_rules: self.failed.iter().map(|(name, _)| name.to_string()).collect(),
            preset,
            category: self.category.as_ref().map(ToString::to_string),
            ..RouteRecord::default()
        })
    }

    /// The call as the rule has it, or the rule's refusal.
    pub fn obeyed(&self, snapshot: &Snapshot, call: Box<Call>) -> Result<Box<Call>, Rejection> {
        let Some(rule) = self.rule else { return Ok(call) };
        match &rule.then {
            Then::Keep | Then::Models(_) => Ok(call),
            Then::Deny(message) => {
                let mut refused = Rejection::new(Code::DeniedByRule, &**message);
                refused.metadata = Some(json!({ "rule": rule.name }));
                Err(refused)
            }
            Then::Preset(name) => {
                let Some(found) = snapshot.presets.get(name) else { return Ok(call) };
                let mut call = preset::put_on(snapshot, call, found)?;
                if let Some((first, others)) = preset::models(snapshot, found) {
                    (call.model, call.variant) = first;
                    call.fallbacks = others;
                }
                Ok(call)
            }
        }
    }

    /// What is asked for once the rule has spoken.
    pub fn ask<'a>(&'a self, snapshot: &Snapshot, call: &'a Call, headers: &'a HeaderMap) -> Ask<'a> {
        let mut ask = Ask::of(call, headers);
        let Some(rule) = self.rule else { return ask };
        ask.rule = Some(&rule.routing);
        if let Then::Models(models) = &rule.then {
            let named = models.iter().map(|name| {
                let (name, variant) = split_variant(snapshot, name);
                Named { name, variant }
            });
            ask.models = named.collect();
        }
        ask
    }
}
