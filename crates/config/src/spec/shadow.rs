//! Shadow traffic as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Decimal;

/// A candidate that is asked a copy of some requests, to compare it with what answers them. No client gets its answers or
/// waits for them.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShadowSpec {
    /// The public name of the candidate: an alias or a model.
    #[schemars(length(min = 1, max = 256))]
    pub model: String,
    /// How many in a hundred requests are copied, drawn for each, such as `5` or `0.1`. Without it: 5.
    #[serde(default)]
    pub percent: Option<Decimal>,
    /// Most copies per minute; at once there may be as many.
    #[serde(default = "sixty")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_per_minute: u32,
    /// What copies may cost in US dollars in one day of UTC; when it is spent, no more begin on that day. Without it: 1.
    #[serde(default)]
    pub max_cost_per_day: Option<Decimal>,
    /// Most copies under way at the same time.
    #[serde(default = "sixteen")]
    #[schemars(range(min = 1, max = 1024))]
    pub max_concurrent: u32,
}

fn sixty() -> u32 {
    60
}

fn sixteen() -> u32 {
    16
}
