//! How an exchange was routed: part of its record.

use serde::{Deserialize, Serialize};

/// How an exchange was routed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RouteRecord {
    /// In which order deployments were to be tried, such as `price`.
    pub strategy: String,
    /// The rule that decided, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Rules before it that could not be evaluated, or name models that nothing serves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed_rules: Vec<String>,
    /// The preset that was put on the request, as `NAME@VERSION`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// What the last message of the user was about, where a rule wanted to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Whether the first deployment was chosen because it last served this session.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sticky: bool,
    /// The deployments that were looked at: those of the plan in its order, then the others.
    pub considered: Vec<ConsideredRecord>,
}

/// A deployment that was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsideredRecord {
    /// The provider's id.
    pub provider: String,
    /// The provider's own id of the model.
    pub model: String,
    /// Why it was not to be tried: a word such as `max_price`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out: Option<String>,
    /// Why it came after others: a word such as `open` or `tools`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind: Option<String>,
}
