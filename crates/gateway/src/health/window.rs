//! Successes and failures of the last while, in slots of equal length.

use super::saved::SavedSlot;

/// How many there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Counts {
    pub good: u32,
    pub bad: u32,
}

impl Counts {
    /// All of them.
    pub fn all(self) -> u32 {
        self.good.saturating_add(self.bad)
    }
}

/// `SLOTS` slots of `SLOT_MS` milliseconds.
#[derive(Debug)]
pub struct Window<const SLOTS: usize, const SLOT_MS: u64> {
    slots: [(u64, Counts); SLOTS],
}

impl<const SLOTS: usize, const SLOT_MS: u64> Default for Window<SLOTS, SLOT_MS> {
    fn default() -> Self {
        Self { slots: [(0, Counts::default()); SLOTS] }
    }
}

impl<const SLOTS: usize, const SLOT_MS: u64> Window<SLOTS, SLOT_MS> {
    /// Counts one more.
    pub fn add(&mut self, now_ms: u64, good: bool) {
        self.add_many(now_ms, good, 1);
    }

    /// Counts so many more.
    pub fn add_many(&mut self, now_ms: u64, good: bool, many: u32) {
        let number = now_ms / SLOT_MS;
        let place = usize::try_from(number % SLOTS as u64).unwrap_or(0);
        let Some((held, counts)) = self.slots.get_mut(place) else { return };
        if *held != number {
            (*held, *counts) = (number, Counts::default());
        }
        let count = if good { &mut counts.good } else { &mut counts.bad };
        *count = count.saturating_add(many);
    }

    /// What there is, dated by how long ago a slot began.
    pub fn saved(&self, now_ms: u64) -> Vec<SavedSlot> {
        let ago = |number: u64| now_ms.saturating_sub(number * SLOT_MS);
        let held = self.slots.iter().filter(|(_, counts)| counts.all() > 0);
        held.map(|(number, counts)| (ago(*number), counts.good, counts.bad))
            .filter(|(ago, ..)| *ago < SLOTS as u64 * SLOT_MS)
            .collect()
    }

    /// Takes up what was saved.
    pub fn restore(&mut self, now_ms: u64, saved: &[SavedSlot]) {
        for (ago, good, bad) in saved.iter().filter(|(ago, ..)| *ago < SLOTS as u64 * SLOT_MS) {
            let number = now_ms.saturating_sub(*ago) / SLOT_MS;
            let place = usize::try_from(number % SLOTS as u64).unwrap_or(0);
            if let Some(slot) = self.slots.get_mut(place) {
                *slot = (number, Counts { good: *good, bad: *bad });
            }
        }
    }

    /// The sum over the last `over_ms`, to a slot's length.
    pub fn sum(&self, now_ms: u64, over_ms: u64) -> Counts {
        let number = now_ms / SLOT_MS;
        let first = number.saturating_sub((over_ms / SLOT_MS).saturating_sub(1));
        let recent = self.slots.iter().filter(|(held, _)| (first..=number).contains(held));
        recent.fold(Counts::default(), |sum, (_, counts)| Counts {
            good: sum.good.saturating_add(counts.good),
            bad: sum.bad.saturating_add(counts.bad),
        })
    }
}
