//! Metrics: what is counted from records, and what is read when Prometheus asks.
//!
//! In: records through [`MetricsObserver`] (off the request path) and readings of live state as closures. Out:
//! OpenMetrics text. Label sets are bounded; no request ever waits for a metric.

mod bounded;
mod exchanges;
mod health;
mod readings;
mod shadows;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub use exchanges::MetricsObserver;
pub use health::ReadHealth;
pub use readings::Reading;
pub use shadows::ReadShadows;

use exchanges::Exchanges;
use health::Health;
use readings::Readings;
use shadows::Shadows;

/// The media type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Which build is running.
#[derive(Debug, Clone)]
pub struct BuildInfo {
    /// The version of the binary.
    pub version: String,
    /// The commit it was built from, or `unknown`.
    pub commit: String,
}

/// Everything that `/metrics` shows.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    exchanges: Exchanges,
}

impl Metrics {
    /// Metrics of one process; `readings` and `health` are taken at each scrape, so they must be cheap and must not block.
    pub fn new(
        build: &BuildInfo,
        readings: Vec<(Reading, Box<dyn Fn() -> i64 + Send + Sync>)>,
        health: ReadHealth,
    ) -> Self {
        let mut registry = Registry::default();
        let labels = vec![("version", build.version.clone()), ("commit", build.commit.clone())];
        registry.register("yumen_build", "The build that is running", Info::new(labels));
        let exchanges = Exchanges::register(&mut registry);
        registry.register_collector(Box::new(Readings::new(readings)));
        registry.register_collector(Box::new(Health(health)));
        Self { registry, exchanges }
    }

    /// The same with what came of requests that were drawn for a copy.
    pub fn with_shadows(mut self, shadows: ReadShadows) -> Self {
        self.registry.register_collector(Box::new(Shadows(shadows)));
        self
    }

    /// An observer that counts records into these metrics.
    pub fn observer(&self) -> MetricsObserver {
        MetricsObserver::new(self.exchanges.clone())
    }

    /// The text that Prometheus reads.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string fails only when memory does.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests;
