//! Rules and presets as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Decimal, RoutingSpec, named};
use crate::routing::Strategy;
pub use crate::rules::Effort;

/// A rule: what happens with a request for which its condition holds. The first rule that holds decides.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// Its name, as records and metrics have it; no other rule may have it.
    #[schemars(length(min = 1, max = 100))]
    pub name: String,
    /// The condition, an expression of CEL such as `tokens > 20000 && key.name == "batch"`. Without it the rule always holds.
    #[serde(default)]
    pub when: Option<String>,
    /// What happens then: at most one of `model`, `models`, `preset` and `deny`.
    pub then: ThenSpec,
}

/// What a rule does.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ThenSpec {
    /// The public name of the model that is asked in place of those of the request.
    #[schemars(length(min = 1, max = 256))]
    pub model: Option<String>,
    /// Public names of models that are asked in place of those of the request, in this order.
    #[schemars(length(max = 9))]
    pub models: Vec<String>,
    /// The preset that is put on the request.
    #[schemars(length(min = 1, max = 100))]
    pub preset: Option<String>,
    /// The request is refused with this message (403, `denied_by_rule`).
    #[schemars(length(min = 1, max = 500))]
    pub deny: Option<String>,
    /// In which order deployments are tried; the same as `routing.strategy`.
    #[schemars(schema_with = "named::optional::<Strategy>")]
    pub strategy: Option<Strategy>,
    /// How deployments are chosen; of what only orders, this counts before what the request itself wishes.
    pub routing: RoutingSpec,
}

/// A preset: models, preferences, a system prompt and parameters under one name. It is asked for as the model
/// `@preset/NAME`, behind a model's name as `MODEL@preset/NAME`, by the member `preset` of a request, or by a rule.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PresetSpec {
    /// Its version, as records have it: `NAME@VERSION`.
    #[schemars(length(min = 1, max = 40))]
    pub version: Option<String>,
    /// The public name of the model that is asked.
    #[schemars(length(min = 1, max = 256))]
    pub model: Option<String>,
    /// Public names of models that are asked, in this order, in place of `model`.
    #[schemars(length(max = 9))]
    pub models: Vec<String>,
    /// How deployments are chosen; of what only orders, what the request itself wishes counts before this.
    pub routing: RoutingSpec,
    /// What stands before the request's own system prompt.
    #[schemars(length(min = 1, max = 100_000))]
    pub system: Option<String>,
    /// What is set where the request does not say it.
    pub parameters: ParametersSpec,
}

/// What a preset sets where a request does not say it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ParametersSpec {
    /// 0 to 2.
    pub temperature: Option<Decimal>,
    /// 0 to 1.
    pub top_p: Option<Decimal>,
    /// Of how many of the likeliest tokens one is taken.
    #[schemars(range(min = 1))]
    pub top_k: Option<u64>,
    /// The most tokens of an answer.
    #[schemars(range(min = 1))]
    pub max_tokens: Option<u64>,
    /// What a repeatable answer begins with.
    pub seed: Option<u64>,
    /// -2 to 2.
    pub frequency_penalty: Option<Decimal>,
    /// -2 to 2.
    pub presence_penalty: Option<Decimal>,
    /// Texts at which an answer ends.
    #[schemars(length(max = 16))]
    pub stop: Vec<String>,
    /// How much the model is to think.
    #[schemars(schema_with = "named::optional::<Effort>")]
    pub reasoning_effort: Option<Effort>,
}
