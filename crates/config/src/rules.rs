//! Rules and presets, checked: what the data plane does with a request that meets a condition.
//!
//! In: what [`crate::parse_and_check`] has compiled and looked up. Out: values to read. It never evaluates anything itself.

use std::sync::Arc;

use crate::cel::{Attribute, Program};
use crate::routing::Preferences;

/// Rules in their order: the first whose condition holds decides.
#[derive(Debug, Default)]
pub struct Rules {
    /// The rules.
    pub list: Vec<Rule>,
}

impl Rules {
    /// Whether some rule reads an attribute.
    pub fn read(&self, attribute: Attribute) -> bool {
        self.list.iter().any(|rule| rule.when.as_ref().is_some_and(|when| when.reads(attribute)))
    }
}

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// Its name, as records and metrics have it.
    pub name: Arc<str>,
    /// Its condition; without one it always holds.
    pub when: Option<Program>,
    /// What happens then.
    pub then: Then,
    /// What is wished of the choice then.
    pub routing: Arc<Preferences>,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// The models of the request stay.
    Keep,
    /// These models are asked, in this order.
    Models(Vec<Arc<str>>),
    /// A preset is put on the request.
    Preset(Arc<str>),
    /// The request is refused with this message.
    Deny(Arc<str>),
}

/// What requests can be given under one name.
#[derive(Debug, Clone, PartialEq)]
pub struct Preset {
    /// Its name.
    pub name: Arc<str>,
    /// Its name and version, as records have it.
    pub label: Arc<str>,
    /// The models that it asks, in this order; none leaves those of the request.
    pub models: Vec<Arc<str>>,
    /// What is wished of the choice.
    pub routing: Arc<Preferences>,
    /// What stands before the request's own system prompt.
    pub system: Option<Arc<str>>,
    /// What is set where the request does not say it.
    pub parameters: PresetParameters,
}

/// What a preset sets where a request does not say it.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs)]
pub struct PresetParameters {
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<u64>,
    pub max_tokens: Option<u64>,
    pub seed: Option<u64>,
    pub frequency_penalty: Option<f64>,
    pub presence_penalty: Option<f64>,
    pub stop: Vec<String>,
    pub reasoning_effort: Option<Effort>,
}

/// How much a model is to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
}

impl Preset {
    /// Whether it changes the body of a request.
    pub fn changes_the_body(&self) -> bool {
        self.system.is_some() || self.parameters != PresetParameters::default()
    }
}
