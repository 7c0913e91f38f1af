//! What the listener shows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use yumen_telemetry::{HealthReport, Metrics, ReadHealth, RecordSink};

/// The state of the process as seen from outside.
pub struct AdminState {
    metrics: Metrics,
    health: ReadHealth,
    sink: Arc<dyn RecordSink>,
    snapshot_loaded: AtomicBool,
    draining: AtomicBool,
}

impl AdminState {
    /// A process that has loaded no Snapshot yet.
    pub fn new(metrics: Metrics, health: ReadHealth, sink: Arc<dyn RecordSink>) -> Self {
        Self {
            metrics,
            health,
            sink,
            snapshot_loaded: AtomicBool::new(false),
            draining: AtomicBool::new(false),
        }
    }

    /// Tells that there is a Snapshot to work with.
    pub fn set_snapshot_loaded(&self) {
        self.snapshot_loaded.store(true, Ordering::Relaxed);
    }

    /// Tells that the process is about to stop and takes no new work.
    pub fn set_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Why no new work should be sent here; empty when it should.
    pub fn unready_reasons(&self) -> Vec<&'static str> {
        let reasons = [
            (!self.snapshot_loaded.load(Ordering::Relaxed), "no_snapshot"),
            (self.draining.load(Ordering::Relaxed), "draining"),
            (!self.sink.has_room(), "spool_full"),
        ];
        reasons.into_iter().filter_map(|(holds, reason)| holds.then_some(reason)).collect()
    }

    /// How deployments and credentials do.
    pub(crate) fn health(&self) -> Vec<HealthReport> {
        (self.health)()
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}

impl std::fmt::Debug for AdminState {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("AdminState").field("unready", &self.unready_reasons()).finish_non_exhaustive()
    }
}
