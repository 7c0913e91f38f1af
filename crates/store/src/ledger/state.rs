//! What the ledger says of itself; read at each scrape, so it is atomics.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How the way from the spool to the database goes.
#[derive(Debug, Default)]
pub(crate) struct LedgerState {
    stored: AtomicU64,
    damaged: AtomicU64,
    database_down: AtomicBool,
}

impl LedgerState {
    pub(crate) fn count_stored(&self, records: u64) {
        self.stored.fetch_add(records, Ordering::Relaxed);
    }

    pub(crate) fn count_damaged(&self) {
        self.damaged.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes whether the database takes records and tells whether that is news.
    pub(crate) fn set_database_up(&self, up: bool) -> bool {
        self.database_down.swap(!up, Ordering::Relaxed) == up
    }

    pub(crate) fn stored(&self) -> u64 {
        self.stored.load(Ordering::Relaxed)
    }

    pub(crate) fn damaged(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }

    pub(crate) fn is_database_up(&self) -> bool {
        !self.database_down.load(Ordering::Relaxed)
    }
}
