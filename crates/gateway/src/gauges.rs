//! Numbers that the metrics page reads when it is asked for.

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize};

/// Live numbers of the data plane; each is written with relaxed atomics and read at scrape time.
#[derive(Debug, Default)]
pub struct Gauges {
    /// Exchanges under way.
    pub in_flight: AtomicI64,
    /// Open client connections.
    pub connections: AtomicUsize,
    /// Open upstream connections.
    pub upstream_open: AtomicI64,
    /// Upstream connections that wait for work.
    pub upstream_idle: AtomicI64,
    /// Records that could not be kept.
    pub records_lost: AtomicU64,
    /// Refusals that left no record, because the spool's last room is kept for exchanges under way.
    pub refusals_unrecorded: AtomicU64,
}
