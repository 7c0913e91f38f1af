//! What one configuration made of all exchanges: counts, cost, times and shares.
//!
//! In: how each exchange ended. Out: sums that cannot overflow, in bounded room.

use std::collections::BTreeMap;

use yumen_telemetry::{ExchangeRecord, Spread};

use super::report::{Deployed, Refusal, Side, Times};

/// Deployments, and refusals, that are told apart.
const TOLD_MOST: usize = 1024;
/// Under what the others are counted.
const OTHERS: &str = "(others)";

/// Sums of one configuration.
#[derive(Debug, Default)]
pub struct Tally {
    served: u64,
    failed: u64,
    refused: u64,
    left: u64,
    tries: u64,
    cost: u64,
    unpriced: u64,
    first_token: Spread,
    total: Spread,
    deployments: BTreeMap<(String, String), Deployed>,
    refusals: BTreeMap<(String, String), Refusal>,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy)]
pub enum Fate<'f> {
    /// It was answered.
    Served {
        /// By whom: the provider's id and its own id of the model.
        by: (&'f str, &'f str),
        /// Microseconds to the first token of a stream, and to the end.
        first_us: Option<u64>,
        /// To the end, where it is known.
        total_us: Option<u64>,
    },
    /// Nobody answered, or the answer broke off.
    Failed,
    /// The client left.
    Left,
    /// The gateway refused it.
    Refused {
        /// The error's code.
        code: &'f str,
        /// What was said.
        message: &'f str,
    },
}

impl Tally {
    /// Counts one exchange. `cost` is none where an upstream answered whose price nobody knows.
    pub fn add(&mut self, record: &ExchangeRecord, fate: Fate<'_>, tries: u64, cost: Option<u64>) {
        self.tries = self.tries.saturating_add(tries);
        self.cost = self.cost.saturating_add(cost.unwrap_or(0));
        match fate {
            Fate::Served { by, first_us, total_us } => {
                self.served += 1;
                self.unpriced += u64::from(cost.is_none());
                first_us.into_iter().for_each(|us| self.first_token.add(us));
                total_us.into_iter().for_each(|us| self.total.add(us));
                let deployed = entry(&mut self.deployments, by);
                deployed.exchanges += 1;
                deployed.cost_nanos = deployed.cost_nanos.saturating_add(cost.unwrap_or(0));
            }
            Fate::Failed => self.failed += 1,
            Fate::Left => {
                self.left += 1;
                self.unpriced += u64::from(cost.is_none());
            }
            Fate::Refused { code, message } => {
                self.refused += 1;
                let refusal = entry(&mut self.refusals, (code, &record.model_requested));
                refusal.exchanges += 1;
                if refusal.message.is_empty() {
                    message.clone_into(&mut refusal.message);
                }
            }
        }
    }

    #[cfg(test)]
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// All of it, and what each deployment served.
    pub fn told(self) -> (Side, BTreeMap<(String, String), Deployed>) {
        let exchanges =
            [self.failed, self.refused, self.left].into_iter().fold(self.served, u64::saturating_add);
        let per_1000 = u128::from(self.cost).saturating_mul(1000) / u128::from(exchanges.max(1));
        let refusals =
            self.refusals.into_iter().map(|((code, model), refusal)| Refusal { code, model, ..refusal });
        let mut refusals: Vec<Refusal> = refusals.collect();
        refusals.sort_by_key(|refusal| std::cmp::Reverse(refusal.exchanges));
        let side = Side {
            exchanges,
            served: self.served,
            failed: self.failed,
            refused: self.refused,
            client_gone: self.left,
            tries: self.tries,
            cost_nanos: self.cost,
            cost_per_1000_nanos: u64::try_from(per_1000).unwrap_or(u64::MAX),
            unpriced: self.unpriced,
            first_token_us: times(&self.first_token),
            total_us: times(&self.total),
            refusals,
        };
        (side, self.deployments)
    }
}

fn times(spread: &Spread) -> Option<Times> {
    let of = |share| spread.percentile(share);
    Some(Times { p50: of(50)?, p90: of(90)?, p99: of(99)? })
}

/// What is counted under two names; of too many under one for all others.
fn entry<'t, T: Default>(told: &'t mut BTreeMap<(String, String), T>, names: (&str, &str)) -> &'t mut T {
    let mut key = (names.0.to_owned(), names.1.to_owned());
    if told.len() >= TOLD_MOST && !told.contains_key(&key) {
        key = (OTHERS.to_owned(), String::new());
    }
    told.entry(key).or_default()
}
