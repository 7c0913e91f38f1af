//! Limits that live in memory beside the Snapshot, keyed by the virtual key's id, and survive a reload.
//!
//! In: a virtual key and the time. Out: a permit, or when to come back. It never looks at a request.

mod rate;

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use foldhash::HashMap;
use foldhash::fast::RandomState;
use yumen_config::VirtualKey;

pub use rate::SlidingMinute;

const SHARDS: usize = 16;

/// The counters of all keys that have a limit.
#[derive(Debug)]
pub struct Limits {
    epoch: Instant,
    hasher: RandomState,
    shards: [Mutex<HashMap<Arc<str>, Arc<KeyCounters>>>; SHARDS],
}

#[derive(Debug, Default)]
struct KeyCounters {
    rate: Mutex<SlidingMinute>,
    open: AtomicU32,
}

/// Why there is no permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Too many requests in the last minute.
    Rate {
        /// When the next one will be let in.
        retry_after: Duration,
    },
    /// Too many exchanges open.
    Concurrency,
}

/// The right to one exchange; dropping it gives its place back.
#[derive(Debug)]
pub struct Permit {
    counters: Option<Arc<KeyCounters>>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(counters) = &self.counters {
            counters.open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { epoch: Instant::now(), hasher: RandomState::default(), shards: Default::default() }
    }
}

impl Limits {
    /// Lets one exchange of `key` in, or says why not. A refused request counts against nothing.
    pub fn admit(&self, key: &VirtualKey, now: Instant) -> Result<Permit, Refusal> {
        if key.requests_per_minute.is_none() && key.concurrency.is_none() {
            return Ok(Permit { counters: None });
        }
        let counters = self.counters(&key.id);
        let before = counters.open.fetch_add(1, Ordering::Relaxed);
        // From here on the place is given back by the permit's drop, also when the key is refused below.
        let permit = Permit { counters: Some(Arc::clone(&counters)) };
        if key.concurrency.is_some_and(|most| before >= most) {
            return Err(Refusal::Concurrency);
        }
        if let Some(most) = key.requests_per_minute {
            let elapsed = now.saturating_duration_since(self.epoch);
            let mut rate = counters.rate.lock().unwrap_or_else(PoisonError::into_inner);
            rate.take(most, elapsed).map_err(|retry_after| Refusal::Rate { retry_after })?;
        }
        Ok(permit)
    }

    fn counters(&self, id: &Arc<str>) -> Arc<KeyCounters> {
        let slot = usize::try_from(self.hasher.hash_one(id) % SHARDS as u64).unwrap_or(0);
        let shard = self.shards.get(slot).unwrap_or(&self.shards[0]);
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counters) = shard.get(id) {
            return Arc::clone(counters);
        }
        Arc::clone(shard.entry(Arc::clone(id)).or_default())
    }
}
