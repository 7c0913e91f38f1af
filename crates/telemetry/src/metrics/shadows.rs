//! What came of the requests that were drawn for a copy, read at the moment of the scrape.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use crate::shadow::ShadowCount;

/// Those that are shown: graphs are kept for long.
const SHOWN_MOST: usize = 2000;

/// Reads all counts.
pub type ReadShadows = Box<dyn Fn() -> Vec<ShadowCount> + Send + Sync>;

pub(super) struct Shadows(pub(super) ReadShadows);

impl fmt::Debug for Shadows {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Shadows")
    }
}

impl Collector for Shadows {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let counts = (self.0)();
        if counts.is_empty() {
            return Ok(());
        }
        let help = "Requests that were drawn for a copy to a candidate, by alias and result";
        let mut metric = encoder.encode_descriptor("yumen_shadows", help, None, MetricType::Counter)?;
        for ShadowCount { alias, result, count } in counts.into_iter().take(SHOWN_MOST) {
            let labels = [("alias", alias.as_str()), ("result", result)];
            ConstCounter::new(count).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
