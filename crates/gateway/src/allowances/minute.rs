//! What was sent within the last minute, in a few numbers.

/// How long one slot is.
const SLOT_MS: u64 = 5_000;
/// Slots that cover a minute wherever in a slot it begins.
const SLOTS: usize = 13;

/// Requests and tokens of the last minute; never less than there were.
#[derive(Debug, Default)]
pub(super) struct Minute {
    slots: [Spent; SLOTS],
    /// The slot of the last one that was counted, since the clock began.
    last: u64,
}

/// Requests and tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spent {
    pub requests: u64,
    pub tokens: u64,
}

impl Minute {
    /// Counts more.
    pub fn add(&mut self, now_ms: u64, more: Spent) {
        self.turn(now_ms);
        if let Some(slot) = self.slots.get_mut(place(self.last)) {
            slot.requests = slot.requests.saturating_add(more.requests);
            slot.tokens = slot.tokens.saturating_add(more.tokens);
        }
    }

    /// What the last minute has seen.
    pub fn sum(&mut self, now_ms: u64) -> Spent {
        self.turn(now_ms);
        self.slots.iter().fold(Spent::default(), |sum, slot| Spent {
            requests: sum.requests.saturating_add(slot.requests),
            tokens: sum.tokens.saturating_add(slot.tokens),
        })
    }

    /// How long until the first of what it holds is forgotten.
    pub fn eases_in(&mut self, now_ms: u64) -> u64 {
        self.turn(now_ms);
        let oldest = (0..SLOTS as u64).rev().find(|age| {
            let slot = self.last.checked_sub(*age).and_then(|slot| self.slots.get(place(slot)));
            slot.is_some_and(|slot| *slot != Spent::default())
        });
        oldest.map_or(0, |age| (SLOTS as u64 - age) * SLOT_MS - now_ms % SLOT_MS)
    }

    /// Forgets what is over.
    fn turn(&mut self, now_ms: u64) {
        let now = now_ms / SLOT_MS;
        for passed in 0..now.saturating_sub(self.last).min(SLOTS as u64) {
            if let Some(slot) = self.slots.get_mut(place(now - passed)) {
                *slot = Spent::default();
            }
        }
        self.last = self.last.max(now);
    }
}

fn place(slot: u64) -> usize {
    usize::try_from(slot % SLOTS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_remembered_and_no_more_than_a_slot_longer() {
        let mut minute = Minute::default();
        let one = Spent { requests: 1, tokens: 10 };
        minute.add(1_000, one);
        minute.add(31_000, one);
        assert_eq!(minute.sum(60_999), Spent { requests: 2, tokens: 20 });
        assert_eq!(minute.eases_in(60_999), 4_001);
        assert_eq!(minute.sum(65_000), one);
        assert_eq!(minute.sum(95_000), Spent::default());
        assert_eq!(minute.eases_in(95_000), 0);
        minute.add(10_000_000, one);
        assert_eq!(minute.sum(10_000_001), one);
    }
}
