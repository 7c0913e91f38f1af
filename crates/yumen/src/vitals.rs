//! What the metrics page reads: live numbers of the rooms, wired to the names under which they are shown.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use yumen_gateway::{Gateway, Gauges};
use yumen_store::Ledger;
use yumen_telemetry::{BuildInfo, Metrics, ReadHealth, Reading};

use crate::logging::Logs;
use crate::reload::Reloads;

type Read = Box<dyn Fn() -> i64 + Send + Sync>;
type Readings = Vec<(Reading, Read)>;

/// What the metrics page reads; each part is put in as soon as it is there.
#[derive(Default)]
pub struct Vitals {
    /// The ledger.
    pub ledger: Arc<OnceLock<Ledger>>,
    /// The data plane.
    pub gauges: Arc<OnceLock<Arc<Gauges>>>,
    /// Reloads of the file.
    pub reloads: Arc<OnceLock<Arc<Reloads>>>,
    /// How deployments do.
    pub gateway: Arc<OnceLock<Arc<Gateway>>>,
}

impl Vitals {
    /// The metrics of this process.
    pub fn metrics(&self, logs: &Logs) -> Metrics {
        let build = BuildInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("YUMEN_COMMIT").unwrap_or("unknown").to_owned(),
        };
        let mut readings = self.of_the_data_plane();
        readings.extend(self.of_the_ledger());
        readings.extend(self.of_the_process(logs));
        let gateway = Arc::clone(&self.gateway);
        let shadows = move || gateway.get().map(|gateway| gateway.shadow_counts()).unwrap_or_default();
        Metrics::new(&build, readings, self.health()).with_shadows(Box::new(shadows))
    }

    /// Reads how deployments and credentials do.
    pub fn health(&self) -> ReadHealth {
        let gateway = Arc::clone(&self.gateway);
        Box::new(move || gateway.get().map(|gateway| gateway.health()).unwrap_or_default())
    }

    fn of_the_data_plane(&self) -> Readings {
        let gauge = |read: fn(&Gauges) -> i64| -> Read {
            let gauges = Arc::clone(&self.gauges);
            Box::new(move || gauges.get().map_or(0, |gauges| read(gauges)))
        };
        vec![
            (Reading::ExchangesInFlight, gauge(|gauges| gauges.in_flight.load(Ordering::Relaxed))),
            (
                Reading::ClientConnections,
                gauge(|gauges| i64::try_from(gauges.connections.load(Ordering::Relaxed)).unwrap_or(i64::MAX)),
            ),
            (
                Reading::UpstreamConnectionsActive,
                gauge(|gauges| {
                    let open = gauges.upstream_open.load(Ordering::Relaxed);
                    (open - gauges.upstream_idle.load(Ordering::Relaxed)).max(0)
                }),
            ),
            (Reading::UpstreamConnectionsIdle, gauge(|gauges| gauges.upstream_idle.load(Ordering::Relaxed))),
            (Reading::RecordsLost, gauge(|gauges| shown(&gauges.records_lost))),
            (Reading::RefusalsUnrecorded, gauge(|gauges| shown(&gauges.refusals_unrecorded))),
        ]
    }

    fn of_the_ledger(&self) -> Readings {
        let ledger = |read: fn(&Ledger) -> u64| -> Read {
            let ledger = Arc::clone(&self.ledger);
            Box::new(move || ledger.get().map_or(0, |ledger| i64::try_from(read(ledger)).unwrap_or(i64::MAX)))
        };
        vec![
            (Reading::SpoolBytes, ledger(Ledger::spool_bytes)),
            (Reading::SpoolSegments, ledger(|ledger| ledger.spool_segments() as u64)),
            (
                Reading::SpoolOldestAge,
                ledger(|ledger| ledger.spool_oldest_age_us().unsigned_abs() / 1_000_000),
            ),
            (Reading::SpoolDamaged, ledger(Ledger::damaged_frames)),
            (Reading::RecordsStored, ledger(Ledger::records_stored)),
            (Reading::DatabaseUp, ledger(|ledger| u64::from(ledger.is_database_up()))),
        ]
    }

    fn of_the_process(&self, logs: &Logs) -> Readings {
        let reload = |read: fn(&Reloads) -> &AtomicI64| -> Read {
            let reloads = Arc::clone(&self.reloads);
            Box::new(move || reloads.get().map_or(0, |reloads| read(reloads).load(Ordering::Relaxed)))
        };
        let (of_exchanges, of_process) = (logs.exchanges.dropped(), logs.process_dropped());
        vec![
            (Reading::ConfigReloadsOk, reload(|reloads| &reloads.ok)),
            (Reading::ConfigReloadsFailed, reload(|reloads| &reloads.failed)),
            (Reading::ExchangeLogDropped, Box::new(move || shown(&of_exchanges))),
            (
                Reading::ProcessLogDropped,
                Box::new(move || i64::try_from(of_process.dropped_lines()).unwrap_or(i64::MAX)),
            ),
        ]
    }
}

fn shown(counter: &AtomicU64) -> i64 {
    i64::try_from(counter.load(Ordering::Relaxed)).unwrap_or(i64::MAX)
}
