//! Durations and rates of the last five minutes, kept so that shares of a hundred can be told to a fifth.
//!
//! In: whole numbers. Out: percentiles. Buckets grow by a fourth of an octave, so a figure is told at most 19 % too high.

use super::saved::SavedBucket;

/// Buckets: sixteen octaves in four steps each.
const BUCKETS: usize = 64;
const SLOTS: usize = 5;
const SLOT_MS: u64 = 60_000;

/// Counts of the last five minutes by size.
#[derive(Debug)]
pub struct Histogram {
    slots: [(u64, [u16; BUCKETS]); SLOTS],
}

impl Default for Histogram {
    fn default() -> Self {
        Self { slots: [(0, [0; BUCKETS]); SLOTS] }
    }
}

impl Histogram {
    /// Adds one figure.
    pub fn add(&mut self, now_ms: u64, figure: u64) {
        let number = now_ms / SLOT_MS;
        let place = usize::try_from(number % SLOTS as u64).unwrap_or(0);
        let Some((held, counts)) = self.slots.get_mut(place) else { return };
        if *held != number {
            (*held, *counts) = (number, [0; BUCKETS]);
        }
        if let Some(count) = counts.get_mut(bucket(figure)) {
            *count = count.saturating_add(1);
        }
    }

    /// What there is, dated by how long ago a slot began.
    pub fn saved(&self, now_ms: u64) -> Vec<SavedBucket> {
        let mut saved = Vec::new();
        for (number, counts) in &self.slots {
            let ago = now_ms.saturating_sub(number * SLOT_MS);
            let held =
                counts.iter().enumerate().filter(|(_, count)| **count > 0 && ago < SLOTS as u64 * SLOT_MS);
            saved.extend(held.map(|(bucket, count)| (ago, u8::try_from(bucket).unwrap_or(u8::MAX), *count)));
        }
        saved
    }

    /// Takes up what was saved.
    pub fn restore(&mut self, now_ms: u64, saved: &[SavedBucket]) {
        for (ago, bucket, count) in saved.iter().filter(|(ago, ..)| *ago < SLOTS as u64 * SLOT_MS) {
            let number = now_ms.saturating_sub(*ago) / SLOT_MS;
            let place = usize::try_from(number % SLOTS as u64).unwrap_or(0);
            let Some((held, counts)) = self.slots.get_mut(place) else { continue };
            if *held != number {
                (*held, *counts) = (number, [0; BUCKETS]);
            }
            if let Some(held) = counts.get_mut(usize::from(*bucket)) {
                *held = *count;
            }
        }
    }

    /// How many figures there are.
    pub fn count(&self, now_ms: u64) -> u64 {
        let number = now_ms / SLOT_MS;
        let first = number.saturating_sub(SLOTS as u64 - 1);
        let recent = self.slots.iter().filter(|(held, _)| (first..=number).contains(held));
        recent.flat_map(|(_, counts)| counts).map(|count| u64::from(*count)).sum()
    }

    /// The figure that `of_hundred` of a hundred do not exceed; none where nothing was counted.
    pub fn percentile(&self, now_ms: u64, of_hundred: u32) -> Option<u64> {
        let number = now_ms / SLOT_MS;
        let first = number.saturating_sub(SLOTS as u64 - 1);
        let recent = || self.slots.iter().filter(|(held, _)| (first..=number).contains(held));
        let at = |bucket: usize| {
            recent().map(|(_, counts)| u64::from(counts.get(bucket).copied().unwrap_or(0))).sum::<u64>()
        };
        let all: u64 = (0..BUCKETS).map(at).sum();
        if all == 0 {
            return None;
        }
        let wanted = (all * u64::from(of_hundred)).div_ceil(100).max(1);
        let mut seen = 0;
        (0..BUCKETS)
            .find(|bucket| {
                seen += at(*bucket);
                seen >= wanted
            })
            .map(upper)
    }
}

fn bucket(figure: u64) -> usize {
    let figure = figure.max(1);
    let octave = figure.ilog2();
    // The two bits behind the first one.
    let quarter = if octave >= 2 { (figure >> (octave - 2)) & 3 } else { (figure << (2 - octave)) & 3 };
    let place = u64::from(octave) * 4 + quarter;
    usize::try_from(place).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

/// The upper end of a bucket.
fn upper(bucket: usize) -> u64 {
    let (octave, quarter) = ((bucket / 4) as u32, (bucket % 4) as u64);
    ((1_u64 << octave) * (5 + quarter)).div_ceil(4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percentiles_are_those_of_the_last_five_minutes() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(0, 50), None);
        for figure in 1..=100 {
            histogram.add(0, figure * 10);
        }
        let p50 = histogram.percentile(0, 50).unwrap();
        assert!((500..=600).contains(&p50), "{p50}");
        assert!(histogram.percentile(0, 99).unwrap() >= 990);
        assert!(histogram.percentile(299_999, 50).is_some());
        assert_eq!(histogram.percentile(300_000, 50), None);
    }

    proptest! {
        #[test]
        fn a_figure_is_told_at_most_a_fourth_too_high(figure in 4_u64..60_000) {
            let told = upper(bucket(figure));
            prop_assert!(told >= figure && told * 4 <= figure * 5 + 4, "{} told as {}", figure, told);
        }

        #[test]
        fn any_figure_has_a_bucket(figure in any::<u64>()) {
            prop_assert!(bucket(figure) < BUCKETS);
        }
    }
}
