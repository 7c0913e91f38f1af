//! How figures are spread, in room that does not grow with their number.

/// Parts of an octave as a power of two: a figure is told at most a hundredth too high.
const PARTS_BITS: u32 = 7;
const PARTS: usize = 1 << PARTS_BITS;

/// Figures by their size.
#[derive(Debug, Clone, Default)]
pub struct Spread {
    counts: Vec<u64>,
    all: u64,
}

impl Spread {
    /// Counts one more.
    pub fn add(&mut self, figure: u64) {
        let place = place(figure);
        if self.counts.len() <= place {
            self.counts.resize(place + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
            self.all += 1;
        }
    }

    /// The figure that so many of a hundred do not exceed.
    pub fn percentile(&self, of_hundred: u64) -> Option<u64> {
        let wanted = u128::from(self.all) * u128::from(of_hundred);
        let wanted = u64::try_from(wanted.div_ceil(100)).unwrap_or(u64::MAX).max(1);
        let mut seen = 0;
        let place = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        place.map(upper)
    }
}

/// Small figures have a place of their own, larger ones share one with those that begin with the same bits.
fn place(figure: u64) -> usize {
    let octave = figure.checked_ilog2().unwrap_or(0).saturating_sub(PARTS_BITS);
    let within = usize::try_from(figure >> octave).unwrap_or(0);
    octave as usize * PARTS + within
}

/// The largest figure of a place.
fn upper(place: usize) -> u64 {
    let octave = (place / PARTS).saturating_sub(1);
    let within = (place - octave * PARTS) as u128;
    u64::try_from(((within + 1) << octave) - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percentiles() {
        let mut spread = Spread::default();
        assert_eq!(spread.percentile(50), None);
        (1..=100).for_each(|figure| spread.add(figure));
        assert_eq!(
            [50, 90, 99, 100].map(|share| spread.percentile(share)),
            [Some(50), Some(90), Some(99), Some(100)]
        );
    }

    proptest! {
        #[test]
        fn a_figure_is_told_at_most_a_hundredth_too_high(figure in any::<u64>()) {
            let told = upper(place(figure));
            prop_assert!(told >= figure && told - figure <= figure / 100 + 1, "{} told as {}", figure, told);
        }
    }
}
