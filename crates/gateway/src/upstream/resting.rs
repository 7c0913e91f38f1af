//! Credentials that a provider has refused or limited rest for a while; others serve meanwhile.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a credential rests that was refused (401, 403): it will not get better by itself soon.
pub const REST_REFUSED: Duration = Duration::from_secs(300);
/// How long a limited credential (429) rests when the provider does not say.
pub const REST_LIMITED: Duration = Duration::from_secs(10);
/// No rest is longer than this, whatever the provider says.
pub const REST_MOST: Duration = Duration::from_secs(3600);

/// Which credentials rest, and until when.
#[derive(Debug, Default)]
pub struct Resting {
    // Looked at without the lock while nothing rests, which is nearly always.
    count: AtomicUsize,
    until: Mutex<HashMap<u64, Instant>>,
}

impl Resting {
    /// Sends a credential to rest.
    pub fn rest(&self, credential: u64, for_how_long: Duration) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        until.retain(|_, end| *end > now);
        until.insert(credential, now + for_how_long.min(REST_MOST));
        self.count.store(until.len(), Ordering::Relaxed);
    }

    /// Whether it rests now.
    pub fn rests(&self, credential: u64) -> bool {
        if self.count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.get(&credential).is_some_and(|end| *end > Instant::now())
    }
}
