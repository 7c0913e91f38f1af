//! Which deployment a session or conversation was last served by, so that it finds its provider's cache again.
//!
//! In: keys that say nothing of anybody, and ids of deployments. Out: the deployment of a key. It is bounded and forgets
//! what has been idle; nothing depends on what it remembers.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use foldhash::HashMap;

/// How long a session may be idle: so long do providers keep what they have cached, at most twice this is remembered.
const IDLE_MS: u64 = 600_000;
/// Sessions that one shard remembers before it forgets the older half.
const SESSIONS_MOST: usize = 8192;
const SHARDS: usize = 16;

/// Sessions and their deployments.
#[derive(Debug, Default)]
pub struct Affinity {
    shards: [Mutex<Remembered>; SHARDS],
}

/// Two generations: what is used moves to the younger one, the older one is dropped as a whole.
#[derive(Debug, Default)]
struct Remembered {
    young: HashMap<u64, u64>,
    old: HashMap<u64, u64>,
    since_ms: u64,
}

impl Affinity {
    /// The deployment that last served a session.
    pub fn deployment(&self, session: u64, now_ms: u64) -> Option<u64> {
        let mut shard = self.shard(session).lock().unwrap_or_else(PoisonError::into_inner);
        shard.turn(now_ms);
        shard.young.get(&session).or_else(|| shard.old.get(&session)).copied()
    }

    /// A session was served by a deployment.
    pub fn remember(&self, session: u64, deployment: u64, now_ms: u64) {
        let mut shard = self.shard(session).lock().unwrap_or_else(PoisonError::into_inner);
        shard.turn(now_ms);
        shard.young.insert(session, deployment);
    }

    /// Its deployment did not answer.
    pub fn forget(&self, session: u64) {
        let mut shard = self.shard(session).lock().unwrap_or_else(PoisonError::into_inner);
        shard.young.remove(&session);
        shard.old.remove(&session);
    }

    fn shard(&self, session: u64) -> &Mutex<Remembered> {
        let slot = usize::try_from(session % SHARDS as u64).unwrap_or(0);
        self.shards.get(slot).unwrap_or(&self.shards[0])
    }
}

impl Remembered {
    fn turn(&mut self, now_ms: u64) {
        let passed = now_ms.saturating_sub(self.since_ms);
        if passed < IDLE_MS && self.young.len() < SESSIONS_MOST {
            return;
        }
        self.old = std::mem::take(&mut self.young);
        if passed >= 2 * IDLE_MS {
            self.old.clear();
        }
        self.since_ms = now_ms;
    }
}

/// A key for what belongs together.
pub fn key_of(parts: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_remembered_until_they_are_idle() {
        let affinity = Affinity::default();
        affinity.remember(1, 10, 0);
        affinity.remember(17, 20, 0);
        assert_eq!(affinity.deployment(1, IDLE_MS - 1), Some(10));
        assert_eq!(affinity.deployment(1, IDLE_MS), Some(10));
        affinity.remember(1, 11, IDLE_MS);
        assert_eq!(affinity.deployment(17, 2 * IDLE_MS), None, "it was idle");
        assert_eq!(affinity.deployment(1, 2 * IDLE_MS), Some(11));
        affinity.forget(1);
        assert_eq!(affinity.deployment(1, 2 * IDLE_MS), None);
    }

    #[test]
    fn invented_sessions_take_no_more_room_than_there_is() {
        let affinity = Affinity::default();
        for session in 0..40 * SESSIONS_MOST as u64 {
            affinity.remember(session, 1, 0);
        }
        let held = |shard: &Mutex<Remembered>| {
            let shard = shard.lock().unwrap();
            shard.young.len() + shard.old.len()
        };
        assert!(affinity.shards.iter().all(|shard| held(shard) <= 2 * SESSIONS_MOST));
    }
}
