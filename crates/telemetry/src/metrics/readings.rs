//! Live state, read at the moment of the scrape.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// What can be read at a scrape; the name, the label and the sentence of each metric live here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reading {
    /// Exchanges that have begun and not ended.
    ExchangesInFlight,
    /// Open connections from clients.
    ClientConnections,
    /// Connections to upstreams that carry an exchange.
    UpstreamConnectionsActive,
    /// Connections to upstreams that wait for the next exchange.
    UpstreamConnectionsIdle,
    /// Bytes of records that have not reached the database.
    SpoolBytes,
    /// Segment files of the spool.
    SpoolSegments,
    /// Seconds for which some record has waited in the spool.
    SpoolOldestAge,
    /// Damaged frames found in the spool.
    SpoolDamaged,
    /// Records written to the database.
    RecordsStored,
    /// Records that could not be kept.
    RecordsLost,
    /// Refusals that left no record because the spool had no room for new work.
    RefusalsUnrecorded,
    /// 1 while the database takes records, else 0.
    DatabaseUp,
    /// Changes of the configuration that were taken on.
    ConfigReloadsOk,
    /// Changes of the configuration that were refused.
    ConfigReloadsFailed,
    /// Lines of the exchange log that were dropped because nobody read it.
    ExchangeLogDropped,
    /// The same for the operational log.
    ProcessLogDropped,
}

/// How a reading is shown.
struct Shown {
    name: &'static str,
    help: &'static str,
    counter: bool,
    label: Option<(&'static str, &'static str)>,
}

impl Reading {
    fn shown(self) -> Shown {
        let gauge = |name, help| Shown { name, help, counter: false, label: None };
        let counter = |name, help| Shown { name, help, counter: true, label: None };
        let labelled = |shown: Shown, key, value| Shown { label: Some((key, value)), ..shown };
        let connections = || gauge("yumen_upstream_connections", "Open connections to upstreams by state");
        let reloads = || counter("yumen_config_reloads", "Changes of the configuration by result");
        let log_dropped =
            || counter("yumen_log_lines_dropped", "Log lines dropped because the log was not read, by log");
        match self {
            Self::ExchangesInFlight => gauge("yumen_exchanges_in_flight", "Exchanges that have not ended"),
            Self::ClientConnections => gauge("yumen_client_connections", "Open connections from clients"),
            Self::UpstreamConnectionsActive => labelled(connections(), "state", "active"),
            Self::UpstreamConnectionsIdle => labelled(connections(), "state", "idle"),
            Self::SpoolBytes => gauge("yumen_spool_bytes", "Bytes of records waiting for the database"),
            Self::SpoolSegments => gauge("yumen_spool_segments", "Segment files of the spool"),
            Self::SpoolOldestAge => {
                gauge("yumen_spool_oldest_age_seconds", "How long some record has waited for the database")
            }
            Self::SpoolDamaged => counter("yumen_spool_damaged_frames", "Damaged frames found in the spool"),
            Self::RecordsStored => counter("yumen_records_stored", "Records written to the database"),
            Self::RecordsLost => counter("yumen_records_lost", "Records that could not be kept"),
            Self::RefusalsUnrecorded => counter(
                "yumen_refusals_unrecorded",
                "Refusals that left no record because the spool was full",
            ),
            Self::DatabaseUp => gauge("yumen_database_up", "Whether the database takes records"),
            Self::ConfigReloadsOk => labelled(reloads(), "result", "ok"),
            Self::ConfigReloadsFailed => labelled(reloads(), "result", "failed"),
            Self::ExchangeLogDropped => labelled(log_dropped(), "log", "exchange"),
            Self::ProcessLogDropped => labelled(log_dropped(), "log", "process"),
        }
    }
}

type Read = Box<dyn Fn() -> i64 + Send + Sync>;

/// All readings of a process, grouped by metric as the text format demands.
pub(super) struct Readings {
    metrics: BTreeMap<&'static str, Vec<(Shown, Read)>>,
}

impl Readings {
    pub(super) fn new(readings: Vec<(Reading, Read)>) -> Self {
        let mut metrics: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (reading, read) in readings {
            let shown = reading.shown();
            metrics.entry(shown.name).or_default().push((shown, read));
        }
        Self { metrics }
    }
}

impl fmt::Debug for Readings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.metrics.keys()).finish()
    }
}

impl Collector for Readings {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        for (name, readings) in &self.metrics {
            let Some((first, _)) = readings.first() else { continue };
            let kind = if first.counter { MetricType::Counter } else { MetricType::Gauge };
            let mut metric = encoder.encode_descriptor(name, first.help, None, kind)?;
            if first.label.is_none() {
                let total = readings.iter().map(|(_, read)| read()).sum();
                encode(total, first.counter, metric)?;
                continue;
            }
            for (shown, read) in readings {
                let labels = shown.label.as_slice();
                encode(read(), shown.counter, metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

fn encode(value: i64, counter: bool, series: MetricEncoder<'_>) -> fmt::Result {
    if counter {
        ConstCounter::new(u64::try_from(value).unwrap_or(0)).encode(series)
    } else {
        ConstGauge::new(value).encode(series)
    }
}
