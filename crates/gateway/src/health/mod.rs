//! How deployments do: what is learnt of each while it serves, in bounded memory beside the Snapshot.
//!
//! In: how tries ended and how long they took. Out: standings and figures for `resolve`, metrics and people. It never
//! looks at a request, and never sends anything by itself.

mod breaker;
mod figures;
mod histogram;
mod probed;
mod saved;
mod smooth;
mod window;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use foldhash::HashMap;
use yumen_config::{Credential, Deployment, Provider};
use yumen_telemetry::HealthReport;

pub use breaker::Standing;
use figures::Called;
pub use figures::{Figures, Opened};
pub use probed::Probed;
pub use saved::{SavedFigures, SavedHealth};

/// Deployments of which anything is known at the same time: clients may invent models of a provider.
const DEPLOYMENTS_MOST: usize = 4096;
const SHARDS: usize = 16;
/// What the clock here shows when the process begins: what is restored happened before that.
const BEFORE_MS: u64 = 7 * 86_400_000;

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
        let since = u64::try_from(now.saturating_duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX);
        BEFORE_MS.saturating_add(since)
    }

    /// The figures of a deployment, if there are any yet.
    pub fn known(&self, deployment: u64) -> Option<Arc<Figures>> {
        self.shard(deployment).read().unwrap_or_else(PoisonError::into_inner).get(&deployment).cloned()
    }

    /// The figures of a deployment, which begin with this if there are none. Of too many the one that has been quiet
    /// longest gives way.
    pub fn of(&self, deployment: &Deployment) -> Arc<Figures> {
        let called = || Called::model(&deployment.provider.id, &deployment.model.native_id);
        self.entry(deployment.id, called)
    }

    /// The same of a credential.
    pub fn of_credential(&self, provider: &Provider, credential: &Credential) -> Arc<Figures> {
        self.entry(credential.id, || Called::credential(&provider.id, &credential.label))
    }

    fn entry(&self, deployment: u64, called: impl FnOnce() -> Called) -> Arc<Figures> {
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
        Arc::clone(shard.entry(deployment).or_insert_with(|| Arc::new(Figures::new(called()))))
    }

    /// How all of them do, those that were used last before the others.
    pub fn reports(&self, now: Instant) -> Vec<(u64, HealthReport)> {
        let now_ms = self.at(now);
        let mut all = self.all();
        all.sort_by_key(|(_, figures)| std::cmp::Reverse(figures.last_used()));
        all.iter().map(|(id, figures)| (*id, figures.report(now_ms))).collect()
    }

    /// How one does, if anything is known of it.
    pub fn report(&self, deployment: u64, now: Instant) -> Option<HealthReport> {
        Some(self.known(deployment)?.report(self.at(now)))
    }

    /// All of it as it is to be known after a restart.
    pub fn saved(&self, now: Instant) -> Vec<SavedFigures> {
        let now_ms = self.at(now);
        self.all().iter().map(|(id, figures)| figures.saved(*id, now_ms)).collect()
    }

    /// Takes up what was known before a restart, `passed_ms` ago.
    pub fn restore(&self, now: Instant, passed_ms: u64, saved: Vec<SavedFigures>) {
        let now_ms = self.at(now);
        for mut one in saved.into_iter().take(DEPLOYMENTS_MOST) {
            one.grow_older(passed_ms);
            self.entry(one.id, || one.called()).restore(now_ms, &one);
        }
    }

    /// The figures of all of them.
    pub fn all(&self) -> Vec<(u64, Arc<Figures>)> {
        let shards = self.shards.iter();
        let read = shards.map(|shard| shard.read().unwrap_or_else(PoisonError::into_inner));
        read.flat_map(|shard| {
            shard.iter().map(|(id, figures)| (*id, Arc::clone(figures))).collect::<Vec<_>>()
        })
        .collect()
    }

    fn shard(&self, deployment: u64) -> &RwLock<HashMap<u64, Arc<Figures>>> {
        let slot = usize::try_from(deployment % SHARDS as u64).unwrap_or(0);
        self.shards.get(slot).unwrap_or(&self.shards[0])
    }
}

#[cfg(test)]
mod tests;
