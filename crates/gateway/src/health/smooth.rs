//! One figure smoothed over time, read without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// The time in which a figure has lost most of its weight.
const FADES_MS: f64 = 30_000.0;

/// An exponentially weighted mean of what was seen lately. Where a peak counts at once, what is slow is avoided from the first
/// slow answer on. Unseen for a while it sinks, so that nobody is left out for ever.
#[derive(Debug, Default)]
pub struct Smooth {
    /// The mean as the bits of a float; 0 is none.
    mean: AtomicU64,
    seen_ms: AtomicU64,
}

impl Smooth {
    /// Takes a figure in; with `peak` a larger one replaces the mean.
    pub fn add(&self, now_ms: u64, figure: f64, peak: bool) {
        let before = f64::from_bits(self.mean.load(Ordering::Relaxed));
        let passed = now_ms.saturating_sub(self.seen_ms.swap(now_ms, Ordering::Relaxed)) as f64;
        let mean = if before == 0.0 || (peak && figure > before) {
            figure
        } else {
            // What comes in quick succession still moves the mean.
            let kept = (-passed / FADES_MS).exp().min(0.9);
            before.mul_add(kept, figure * (1.0 - kept))
        };
        self.mean.store(mean.max(f64::MIN_POSITIVE).to_bits(), Ordering::Relaxed);
    }

    /// The mean as it stands; none before the first figure.
    pub fn mean(&self) -> Option<f64> {
        let mean = f64::from_bits(self.mean.load(Ordering::Relaxed));
        (mean > 0.0).then_some(mean)
    }

    /// The mean, sunk by how long nothing has been seen.
    pub fn sunk(&self, now_ms: u64) -> Option<f64> {
        let quiet = now_ms.saturating_sub(self.seen_ms.load(Ordering::Relaxed)) as f64;
        let rested = (quiet - FADES_MS).max(0.0) / (4.0 * FADES_MS);
        self.mean().map(|mean| mean * (-rested).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_counts_at_once_and_fades() {
        let smooth = Smooth::default();
        assert_eq!((smooth.mean(), smooth.sunk(5)), (None, None));
        smooth.add(0, 100.0, true);
        smooth.add(10, 900.0, true);
        assert_eq!(smooth.mean(), Some(900.0));
        for at in 1..200 {
            smooth.add(10 + at * 100, 100.0, true);
        }
        assert!(smooth.mean().unwrap() < 110.0);
        smooth.add(30_000, 900.0, false);
        assert!(smooth.mean().unwrap() < 500.0);
        let (soon, late) = (smooth.sunk(50_000).unwrap(), smooth.sunk(600_000).unwrap());
        assert!(soon == smooth.mean().unwrap() && late < soon / 50.0, "{soon} {late}");
    }
}
