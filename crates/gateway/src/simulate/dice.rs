//! Numbers drawn from a seed: the same seed draws the same numbers everywhere.

use std::cell::Cell;

/// The step of SplitMix64.
/// <https://prng.di.unimi.it/splitmix64.c>
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Draws numbers.
#[derive(Debug)]
pub struct Dice(Cell<u64>);

impl Dice {
    /// Those of one seed.
    pub fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    /// Those of one of many: the `number`th exchange draws the same whatever was drawn for the others, so that what two
    /// configurations make of it differs by their settings and not by luck.
    pub fn of(seed: u64, number: u64) -> Self {
        let dice = Self::new(seed ^ number.wrapping_mul(STEP));
        Self::new(dice.next())
    }

    /// A number below `end`, or 0.
    pub fn below(&self, end: u64) -> u64 {
        // The high half of a product: every number below `end` is nearly equally likely.
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// Whether what happens so many times out of so many happens now.
    pub fn happens(&self, times: f64, of: f64) -> bool {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64 * of < times
    }

    fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(STEP);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_even_and_repeat() {
        let dice = Dice::new(1);
        let mut seen = [0_u32; 10];
        for _ in 0..10_000 {
            seen[dice.below(10) as usize] += 1;
        }
        assert!(seen.iter().all(|count| (800..1200).contains(count)), "{seen:?}");
        assert_eq!((dice.below(0), dice.below(1)), (0, 0));
        let happened = (0..10_000).filter(|_| dice.happens(1.0, 4.0)).count();
        assert!((2200..2800).contains(&happened), "{happened}");
        assert!(!dice.happens(0.0, 1.0) && dice.happens(1.0, 1.0));
        let draws = |number| (0..4).map(|_| Dice::of(7, number).below(u64::MAX)).collect::<Vec<_>>();
        assert_eq!(draws(1), draws(1));
        assert_ne!(draws(1), draws(2));
    }
}
