//! How the gateway looks by itself whether a provider's deployments are well, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

/// Questions of the gateway's own to deployments. They are charged to no key and leave no record.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeSpec {
    /// What is asked: nothing (`off`); for the list of models, which costs nothing and tells that the server is there, so that the
    /// next exchange may look (`models`); for an answer of one token, which the provider charges and which tells that the
    /// deployment is well (`call`).
    pub how: ProbeHow,
    /// Which deployments are asked: those whose breaker is open (`failing`), or those that were used within the last half hour
    /// as well (`always`). Without it: `failing`.
    #[serde(default)]
    pub when: ProbeWhen,
    /// How often each is asked, in milliseconds, give or take a fifth.
    #[serde(default = "every")]
    #[schemars(range(min = 500, max = 3_600_000))]
    pub every_ms: u64,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProbeHow {
    /// Nothing.
    Off,
    /// For its list of models.
    Models,
    /// For an answer of one token.
    Call,
}

/// Which deployments are asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProbeWhen {
    /// Those whose breaker is open.
    #[default]
    Failing,
    /// The same, and those that were used within the last half hour.
    Always,
}

fn every() -> u64 {
    10_000
}
