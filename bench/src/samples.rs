//! Durations of one run and their quantiles.

use std::time::Duration;

/// A bounded run's durations, in nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    nanos: Vec<u64>,
    sorted: bool,
}

impl Samples {
    pub(crate) fn add(&mut self, duration: Duration) {
        self.nanos.push(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
        self.sorted = false;
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.nanos.len()
    }

    /// The sample below which `share` (0 to 1) of all samples lie, in microseconds; `None` without samples.
    pub(crate) fn quantile_us(&mut self, share: f64) -> Option<f64> {
        if !self.sorted {
            self.nanos.sort_unstable();
            self.sorted = true;
        }
        let last = self.nanos.len().checked_sub(1)?;
        let place = (last as f64 * share).round() as usize;
        self.nanos.get(place).map(|nanos| *nanos as f64 / 1_000.0)
    }
}

/// The middle value; `None` without values.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some((sorted.get(sorted.len() / 2 - 1)? + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_medians() {
        let mut samples = Samples::default();
        assert_eq!(samples.quantile_us(0.5), None);
        for micros in [30, 10, 20] {
            samples.add(Duration::from_micros(micros));
        }
        assert_eq!(samples.quantile_us(0.5), Some(20.0));
        assert_eq!(samples.quantile_us(1.0), Some(30.0));
        assert_eq!(median(&[3.0, 1.0]), Some(2.0));
        assert_eq!(median(&[]), None);
    }
}
