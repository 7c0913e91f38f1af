//! What a simulation tells: both sides, the shares of deployments, and on what it rests.

use std::collections::BTreeMap;

use serde::Serialize;

use super::basis::Ground;

/// What a simulation tells. Money is in whole nano-dollars, times in microseconds.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Always `simulation`.
    pub object: &'static str,
    /// What `before` is: `recorded`, or `simulated` with a configuration of its own.
    pub baseline: &'static str,
    /// The number from which everything was drawn.
    pub seed: u64,
    /// Records that were read.
    pub records: u64,
    /// Those of them that were not replayed, by why.
    pub left_out: BTreeMap<String, u64>,
    /// As it was.
    pub before: Side,
    /// As it would have been.
    pub after: Side,
    /// How both differ.
    pub change: Change,
    /// The deployments that served before or would serve after, those with the largest shares first.
    pub deployments: Vec<Share>,
    /// On what it rests, each with how many exchanges it concerns.
    pub assumptions: Vec<Assumption>,
}

/// What one configuration makes of all exchanges.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Side {
    pub exchanges: u64,
    /// Answered to the end.
    pub served: u64,
    /// Not answered by anybody, refused by the provider, or broken off.
    pub failed: u64,
    /// Refused by the gateway.
    pub refused: u64,
    /// Left by the client.
    pub client_gone: u64,
    /// Tries of deployments.
    pub tries: u64,
    /// What everything cost whose price is known.
    pub cost_nanos: u64,
    pub cost_per_1000_nanos: u64,
    /// Exchanges whose cost is not known; they are not in the sums.
    pub unpriced: u64,
    /// To the first token of streams, from the arrival of the request.
    pub first_token_us: Option<Times>,
    /// To the end of all that were served.
    pub total_us: Option<Times>,
    /// What was refused, most first.
    pub refusals: Vec<Refusal>,
}

/// What so many of a hundred did not exceed, to a hundredth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Times {
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
}

/// Exchanges that were refused for one reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The error's code.
    pub code: String,
    /// The model that was asked for.
    pub model: String,
    /// How many.
    pub exchanges: u64,
    /// What the first of them was told; empty where it is not recorded.
    pub message: String,
}

/// What a deployment served.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Deployed {
    pub exchanges: u64,
    pub cost_nanos: u64,
}

/// How both sides differ: after less before. In percent of before, where that is not nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Change {
    pub cost_nanos: i64,
    pub cost_percent: Option<f64>,
    pub failed: i64,
    pub refused: i64,
}

/// A deployment before and after.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Share {
    /// The provider's id.
    pub provider: String,
    /// The provider's own id of the model.
    pub model: String,
    /// As it was.
    pub before: Deployed,
    /// As it would be.
    pub after: Deployed,
    /// Of a hundred exchanges served before, those that it served.
    pub before_percent: f64,
    /// The same after.
    pub after_percent: f64,
    /// From what its behaviour was drawn; absent where nothing had to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub figures: Option<Figures>,
}

/// From what a deployment's behaviour was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Its own tries in the records.
    pub tries: u64,
    /// Whose failures.
    pub failures: Ground,
    /// Whose times of streams.
    pub streams: Ground,
    /// Whose times of whole answers.
    pub whole: Ground,
}

/// Something on which the simulation rests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assumption {
    /// A word for it.
    pub id: &'static str,
    /// How many exchanges it concerns; absent where it concerns all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchanges: Option<u64>,
    /// What is assumed.
    pub text: String,
}

impl Change {
    /// From one side to the other.
    pub fn between(before: &Side, after: &Side) -> Self {
        let less = |after: u64, before: u64| {
            i64::try_from(i128::from(after) - i128::from(before)).unwrap_or(if after > before {
                i64::MAX
            } else {
                i64::MIN
            })
        };
        let cost_nanos = less(after.cost_nanos, before.cost_nanos);
        let percent = || cost_nanos as f64 * 100.0 / before.cost_nanos as f64;
        Self {
            cost_nanos,
            cost_percent: (before.cost_nanos > 0).then(percent),
            failed: less(after.failed, before.failed),
            refused: less(after.refused, before.refused),
        }
    }
}

/// Deployments of both sides, the largest shares first.
pub fn shares(
    before: &BTreeMap<(String, String), Deployed>,
    after: &BTreeMap<(String, String), Deployed>,
    figures: impl Fn(&str, &str) -> Option<Figures>,
) -> Vec<Share> {
    let sum =
        |side: &BTreeMap<_, Deployed>| side.values().map(|one| one.exchanges).fold(0, u64::saturating_add);
    let (all_before, all_after) = (sum(before), sum(after));
    let percent = |one: Deployed, all: u64| one.exchanges as f64 * 100.0 / all.max(1) as f64;
    let both: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let mut shares: Vec<Share> = both
        .into_iter()
        .map(|key| {
            let (was, is) =
                (before.get(key).copied().unwrap_or_default(), after.get(key).copied().unwrap_or_default());
            Share {
                provider: key.0.clone(),
                model: key.1.clone(),
                before: was,
                after: is,
                before_percent: percent(was, all_before),
                after_percent: percent(is, all_after),
                figures: figures(&key.0, &key.1),
            }
        })
        .collect();
    shares.sort_by_key(|share| std::cmp::Reverse(share.after.exchanges.max(share.before.exchanges)));
    shares
}
