//! How deployments and credentials do, as it is told: by the metrics page, the control listener and the command line.

use serde::{Deserialize, Serialize};

/// Successes and failures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Uptime {
    pub good: u32,
    pub bad: u32,
}

impl Uptime {
    /// The share of successes; none where there was nothing.
    pub fn success(self) -> Option<f64> {
        let all = f64::from(self.good) + f64::from(self.bad);
        (all > 0.0).then(|| f64::from(self.good) / all)
    }
}

/// How one deployment does, or one credential.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthReport {
    /// The provider's id.
    pub provider: String,
    /// The provider's own id of the model; empty for a credential.
    pub model: String,
    /// The credential's label; empty for a deployment.
    pub credential: String,
    /// Exchanges that are open.
    pub open: u32,
    /// `closed`, `shaky`, `half_open` or `open`; of a credential also `resting`.
    pub state: String,
    /// Successes and failures of the last five minutes.
    pub uptime_5m: Uptime,
    /// The same of the last thirty minutes.
    pub uptime_30m: Uptime,
    /// The same of the last day.
    pub uptime_1d: Uptime,
    /// Milliseconds to the first token of streams that 50, 75, 90 and 99 in a hundred did not exceed, over five minutes.
    pub first_token_ms: Option<[u64; 4]>,
    /// The same for whole exchanges.
    pub total_ms: Option<[u64; 4]>,
    /// Tokens per second that 50, 75, 90 and 99 in a hundred reached.
    pub tokens_per_second: Option<[f64; 4]>,
    /// What is left of a credential's limits, as far as its provider or the configuration tells them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowances: Vec<AllowanceReport>,
    /// How the gateway's own questions to a deployment ended, where it asks any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probes: Option<ProbeReport>,
}

/// What is left of a credential's limits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AllowanceReport {
    /// The provider's own id of the model; empty where the limit is one of all models.
    pub model: String,
    /// Requests.
    pub requests: Option<Left>,
    /// Tokens: of several limits the one that is nearest to its end.
    pub tokens: Option<Left>,
}

/// What is left of one limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Left {
    /// What is left.
    pub left: u64,
    /// The whole of it, where it is told.
    pub limit: Option<u64>,
    /// Milliseconds until all of it is there again; of a limit of the configuration's, until more of it is.
    pub resets_in_ms: u64,
}

/// How the gateway's own questions to a deployment ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProbeReport {
    /// It has answered.
    pub good: u32,
    /// It is there, but refused the question.
    pub refused: u32,
    /// It has failed.
    pub failed: u32,
}

impl HealthReport {
    /// The state as a number for graphs: 0 is good, 3 is the worst.
    pub fn severity(&self) -> i64 {
        match self.state.as_str() {
            "closed" => 0,
            "shaky" => 1,
            "half_open" => 2,
            _ => 3,
        }
    }
}
