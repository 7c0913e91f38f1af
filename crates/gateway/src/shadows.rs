//! How many copies of requests go to candidates, and what they cost.
//!
//! In: an alias whose requests are copied, and the time. Out: whether one more copy may be sent, and what came of those that
//! were drawn. It lives beside the Snapshot, keyed by the alias, and survives a reload; a restart begins anew.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use yumen_config::Shadow;
use yumen_telemetry::ShadowCount;

use crate::limits::SlidingMinute;

/// What comes of a request that was drawn for a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The candidate has answered.
    Answered,
    /// It has not.
    Failed,
    /// There have been enough copies in the last minute.
    Rate,
    /// What may be spent on this day is spent.
    Cost,
    /// There are enough under way.
    Busy,
    /// The answer is too large to be compared.
    Large,
    /// The request is none that can be asked twice, or its answer could not be read.
    Unfit,
}

const WORDS: [&str; 7] =
    ["answered", "failed", "skipped_rate", "skipped_cost", "skipped_busy", "skipped_large", "skipped_unfit"];

/// The meters of all aliases whose requests were ever copied: no more than the settings have named.
#[derive(Debug)]
pub struct Shadows {
    epoch: Instant,
    meters: Mutex<HashMap<Arc<str>, Arc<Meter>>>,
}

impl Default for Shadows {
    fn default() -> Self {
        Self { epoch: Instant::now(), meters: Mutex::default() }
    }
}

#[derive(Debug, Default)]
struct Meter {
    state: Mutex<State>,
    counts: [AtomicU64; WORDS.len()],
}

#[derive(Debug, Default)]
struct State {
    rate: SlidingMinute,
    /// The day of UTC, and what was spent on it.
    day: u64,
    spent_nanos: u64,
    open: u32,
}

impl Meter {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As it is on this day.
    fn on(&self, day: u64) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if state.day != day {
            (state.day, state.spent_nanos) = (day, 0);
        }
        state
    }
}

/// A copy under way; dropping it gives its place back.
#[derive(Debug)]
pub struct Place(Arc<Meter>);

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.open = state.open.saturating_sub(1);
    }
}

impl Shadows {
    fn meter(&self, alias: &Arc<str>) -> Arc<Meter> {
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(meters.entry(Arc::clone(alias)).or_default())
    }

    /// Counts a request that was drawn, or says why it is not to be copied.
    pub fn draw(&self, shadow: &Shadow, now: Instant) -> Result<(), Fate> {
        let (meter, elapsed) = (self.meter(&shadow.alias), now.saturating_duration_since(self.epoch));
        let mut state = meter.on(today());
        if state.spent_nanos >= shadow.max_nanos_per_day {
            return Err(Fate::Cost);
        }
        state.rate.take(shadow.max_per_minute, elapsed).map_err(|_| Fate::Rate)
    }

    /// Takes a place for a copy that is to be sent, or says why it is not.
    pub fn begin(&self, shadow: &Shadow) -> Result<Place, Fate> {
        let meter = self.meter(&shadow.alias);
        let mut state = meter.on(today());
        if state.spent_nanos >= shadow.max_nanos_per_day {
            return Err(Fate::Cost);
        }
        if state.open >= shadow.max_concurrent {
            return Err(Fate::Busy);
        }
        state.open += 1;
        drop(state);
        Ok(Place(meter))
    }

    /// A copy has cost so much. What nobody knows the price of counts nothing.
    pub fn charge(&self, alias: &str, cost_nanos: Option<u64>) {
        let meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(meter), Some(cost)) = (meters.get(alias), cost_nanos) {
            let mut state = meter.on(today());
            state.spent_nanos = state.spent_nanos.saturating_add(cost);
        }
    }

    /// Counts what came of a request that was drawn.
    pub fn count(&self, alias: &Arc<str>, fate: Fate) {
        if let Some(count) = self.meter(alias).counts.get(fate as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What came of all, by alias.
    pub fn counts(&self) -> Vec<ShadowCount> {
        let meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts: Vec<ShadowCount> = meters
            .iter()
            .flat_map(|(alias, meter)| WORDS.iter().zip(&meter.counts).map(move |counted| (alias, counted)))
            .map(|(alias, (result, count))| ShadowCount {
                alias: alias.to_string(),
                result,
                count: count.load(Ordering::Relaxed),
            })
            .collect();
        counts.sort_by(|left, right| left.alias.cmp(&right.alias));
        counts
    }
}

fn today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 86_400
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn shadow() -> Shadow {
        Shadow {
            alias: "a".into(),
            model: "m".into(),
            share: 1,
            max_per_minute: 2,
            max_nanos_per_day: 100,
            max_concurrent: 1,
        }
    }

    #[test]
    fn each_bound_holds_by_itself() {
        let (shadows, shadow, now) = (Shadows::default(), shadow(), Instant::now());
        assert_eq!((shadows.draw(&shadow, now), shadows.draw(&shadow, now)), (Ok(()), Ok(())));
        assert_eq!(shadows.draw(&shadow, now), Err(Fate::Rate));
        assert_eq!(shadows.draw(&shadow, now + Duration::from_secs(61)), Ok(()));
        let place = shadows.begin(&shadow).unwrap();
        assert_eq!(shadows.begin(&shadow).unwrap_err(), Fate::Busy);
        drop(place);
        shadows.charge("a", None);
        shadows.charge("a", Some(99));
        drop(shadows.begin(&shadow).unwrap());
        shadows.charge("a", Some(1));
        assert_eq!(shadows.begin(&shadow).unwrap_err(), Fate::Cost);
        assert_eq!(shadows.draw(&shadow, now + Duration::from_secs(130)), Err(Fate::Cost));
        shadows.meter(&shadow.alias).lock().day -= 1;
        assert!(shadows.begin(&shadow).is_ok(), "another day is another sum");
    }

    #[test]
    fn what_comes_of_them_is_counted_by_word() {
        let (shadows, shadow) = (Shadows::default(), shadow());
        for (place, fate) in
            [Fate::Answered, Fate::Failed, Fate::Rate, Fate::Cost, Fate::Busy, Fate::Large, Fate::Unfit]
                .into_iter()
                .enumerate()
        {
            shadows.count(&shadow.alias, fate);
            let counts = shadows.counts();
            assert_eq!((counts[place].result, counts[place].count), (WORDS[place], 1));
        }
    }
}
