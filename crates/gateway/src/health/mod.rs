//! How deployments do: what is learnt of each while it serves, in bounded memory beside the Snapshot.
//!
//! In: how tries ended and how long they took. Out: standings and figures for `resolve`, metrics and people. It never
//! looks at a request, and never sends anything by itself.

mod breaker;
mod figures;
mod histogram;
mod smooth;
mod window;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

pub use breaker::Standing;
pub use figures::{Figures, Opened};
#[cfg(test)]
use window::Counts;

/// Deployments of which anything is known at the same time: clients may invent models of a provider.
const DEPLOYMENTS_MOST: usize = 4096;
const SHARDS: usize = 16;

/// What is known of all deployments.
#[derive(Debug)]
pub struct Health {
    epoch: Instant,
    shards: [RwLock<HashMap<u64, Arc<Figures>>>; SHARDS],
}

impl Default for Health {
    fn default() -> Self {
        Self { epoch: Instant::now(), shards: Default::default() }
    }
}

impl Health {
    /// Milliseconds of the clock by which everything here is dated.
    pub fn at(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX)
    }

    /// The figures of a deployment, if there are any yet.
    pub fn known(&self, deployment: u64) -> Option<Arc<Figures>> {
        self.shard(deployment).read().unwrap_or_else(PoisonError::into_inner).get(&deployment).cloned()
    }

    /// The figures of a deployment, which begin with this if there are none. Of too many the one that has been quiet
    /// longest gives way.
    pub fn of(&self, deployment: u64) -> Arc<Figures> {
        if let Some(known) = self.known(deployment) {
            return known;
        }
        let mut shard = self.shard(deployment).write().unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= DEPLOYMENTS_MOST / SHARDS && !shard.contains_key(&deployment) {
            let quiet = shard.iter().filter(|(_, figures)| figures.open() == 0);
            if let Some(id) = quiet.min_by_key(|(_, figures)| figures.last_used()).map(|(id, _)| *id) {
                shard.remove(&id);
            }
        }
        Arc::clone(shard.entry(deployment).or_default())
    }

    fn shard(&self, deployment: u64) -> &RwLock<HashMap<u64, Arc<Figures>>> {
        let slot = usize::try_from(deployment % SHARDS as u64).unwrap_or(0);
        self.shards.get(slot).unwrap_or(&self.shards[0])
    }
}

#[cfg(test)]
mod tests;
