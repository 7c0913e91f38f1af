//! How deployments and credentials do, read at the moment of the scrape.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::health::{HealthReport, Left, ProbeReport};

/// Those that are shown: clients may invent models of a provider, and graphs are kept for long.
const SHOWN_MOST: usize = 500;

/// Reads all reports, those that were used last before the others.
pub type ReadHealth = Box<dyn Fn() -> Vec<HealthReport> + Send + Sync>;

pub(super) struct Health(pub(super) ReadHealth);

impl fmt::Debug for Health {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Health")
    }
}

/// A figure of a report, with a further label where one metric has several.
type Figure = fn(&HealthReport) -> Vec<(Option<(&'static str, &'static str)>, f64)>;

const FIGURES: [(&str, &str, Figure); 6] = [
    ("yumen_upstream_open_exchanges", "Exchanges that are open, by deployment or credential", |report| {
        vec![(None, f64::from(report.open))]
    }),
    (
        "yumen_upstream_state",
        "Breaker of a deployment or credential: 0 closed, 1 shaky, 2 half open, 3 open or resting",
        |report| vec![(None, report.severity() as f64)],
    ),
    ("yumen_upstream_success_ratio", "Share of exchanges that succeeded, by time", |report| {
        let windows = [("5m", report.uptime_5m), ("30m", report.uptime_30m), ("1d", report.uptime_1d)];
        let share = |(window, uptime): (&'static str, crate::Uptime)| {
            Some((Some(("window", window)), uptime.success()?))
        };
        windows.into_iter().filter_map(share).collect()
    }),
    ("yumen_upstream_first_token_seconds", "Time to the first token over five minutes", |report| {
        seconds(report.first_token_ms)
    }),
    ("yumen_upstream_total_seconds", "Time of whole exchanges over five minutes", |report| {
        seconds(report.total_ms)
    }),
    ("yumen_upstream_tokens_per_second", "Tokens per second that a share of exchanges reached", |report| {
        quantiles(report.tokens_per_second)
    }),
];

fn seconds(ms: Option<[u64; 4]>) -> Vec<(Option<(&'static str, &'static str)>, f64)> {
    quantiles(ms.map(|all| all.map(|ms| ms as f64 / 1000.0)))
}

fn quantiles(figures: Option<[f64; 4]>) -> Vec<(Option<(&'static str, &'static str)>, f64)> {
    let shares = ["0.5", "0.75", "0.9", "0.99"];
    let figures = figures.into_iter().flatten();
    shares.into_iter().zip(figures).map(|(share, figure)| (Some(("quantile", share)), figure)).collect()
}

impl Collector for Health {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let mut reports = (self.0)();
        let probes = by_provider(&reports);
        reports.truncate(SHOWN_MOST);
        for (name, help, figure) in FIGURES {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for report in &reports {
                for (label, value) in figure(report) {
                    let mut labels = vec![
                        ("provider", report.provider.as_str()),
                        ("model", &report.model),
                        ("credential", &report.credential),
                    ];
                    labels.extend(label);
                    let series: MetricEncoder<'_> = metric.encode_family(&labels)?;
                    ConstGauge::new(value).encode(series)?;
                }
            }
        }
        encode_allowances(&mut encoder, &reports)?;
        encode_probes(&mut encoder, &probes)
    }
}

/// A figure of what is left of a limit.
type OfLeft = fn(Left) -> Option<f64>;

const ALLOWANCES: [(&str, &str, OfLeft); 2] = [
    ("yumen_credential_remaining", "What is left of a credential's limit, by unit", |left| {
        Some(left.left as f64)
    }),
    ("yumen_credential_limit", "A credential's limit, by unit", |left| left.limit.map(|limit| limit as f64)),
];

fn encode_allowances(encoder: &mut DescriptorEncoder<'_>, reports: &[HealthReport]) -> fmt::Result {
    for (name, help, figure) in ALLOWANCES {
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        let all = reports.iter().flat_map(|report| report.allowances.iter().map(move |one| (report, one)));
        for (report, allowance) in all.take(SHOWN_MOST) {
            for (unit, left) in [("requests", allowance.requests), ("tokens", allowance.tokens)] {
                let Some(value) = left.and_then(figure) else { continue };
                let labels = [
                    ("provider", report.provider.as_str()),
                    ("credential", &report.credential),
                    ("model", &allowance.model),
                    ("unit", unit),
                ];
                ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
            }
        }
    }
    Ok(())
}

fn encode_probes(encoder: &mut DescriptorEncoder<'_>, probes: &BTreeMap<String, ProbeReport>) -> fmt::Result {
    let help = "The gateway's own questions to deployments, by how they ended";
    let mut metric = encoder.encode_descriptor("yumen_probes", help, None, MetricType::Counter)?;
    for (provider, counts) in probes {
        for (result, count) in [("good", counts.good), ("refused", counts.refused), ("failed", counts.failed)]
        {
            let labels = [("provider", provider.as_str()), ("result", result)];
            ConstCounter::new(u64::from(count)).encode(metric.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

/// The probes of each provider.
fn by_provider(reports: &[HealthReport]) -> BTreeMap<String, ProbeReport> {
    let mut all: BTreeMap<String, ProbeReport> = BTreeMap::new();
    for (report, probes) in reports.iter().filter_map(|report| Some((report, report.probes?))) {
        let counts = all.entry(report.provider.clone()).or_default();
        counts.good = counts.good.saturating_add(probes.good);
        counts.refused = counts.refused.saturating_add(probes.refused);
        counts.failed = counts.failed.saturating_add(probes.failed);
    }
    all
}
