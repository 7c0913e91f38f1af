//! What the gateway's own questions to a deployment tell of it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use yumen_telemetry::ProbeReport;

/// How long exchanges leave it to the prober, which says again and again that it is there.
const GUARD_MS: u64 = 2_000;

/// How a question of the gateway's own has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probed {
    /// The deployment has answered as it answers exchanges.
    Well,
    /// Its server is there.
    There,
    /// It is there, and has refused the question.
    Refused,
    /// It has failed.
    Failed,
}

/// Questions to one deployment.
#[derive(Debug, Default)]
pub(super) struct Probes {
    guarded_ms: AtomicU64,
    good: AtomicU32,
    refused: AtomicU32,
    failed: AtomicU32,
}

impl Probes {
    pub fn is_guarded(&self, now_ms: u64) -> bool {
        now_ms < self.guarded_ms.load(Ordering::Relaxed)
    }

    pub fn guard(&self, now_ms: u64) {
        self.guarded_ms.store(now_ms + GUARD_MS, Ordering::Relaxed);
    }

    pub fn release(&self) {
        self.guarded_ms.store(0, Ordering::Relaxed);
    }

    pub fn count(&self, told: Probed) {
        let counter = match told {
            Probed::Well | Probed::There => &self.good,
            Probed::Refused => &self.refused,
            Probed::Failed => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub fn report(&self) -> Option<ProbeReport> {
        let read = |counter: &AtomicU32| counter.load(Ordering::Relaxed);
        let (good, refused, failed) = (read(&self.good), read(&self.refused), read(&self.failed));
        let report = ProbeReport { good, refused, failed };
        (report != ProbeReport::default()).then_some(report)
    }
}
