//! Credentials that a provider has refused or limited rest for a while, as a whole or for one model; others serve
//! meanwhile.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use foldhash::HashMap;

/// How long a credential rests that was refused (401, 402, 403): it will not get better by itself soon.
pub const REST_REFUSED: Duration = Duration::from_secs(300);
/// How long a credential rests for a model that it could not pay for (402): the next request may ask for less.
pub const REST_UNPAID: Duration = Duration::from_secs(30);
/// How long a limited credential (429) rests when the provider does not say.
pub const REST_LIMITED: Duration = Duration::from_secs(10);
/// No rest is longer than this, whatever the provider says.
pub const REST_MOST: Duration = Duration::from_secs(3600);
/// Models of one credential that rest at the same time: clients may choose their names.
const MODELS_MOST: usize = 64;

/// Which credentials rest, for which model, and until when.
#[derive(Debug, Default)]
pub struct Resting {
    // Looked at without the lock while nothing rests, which is nearly always.
    count: AtomicUsize,
    rests: Mutex<HashMap<u64, Rests>>,
}

/// What of one credential rests.
#[derive(Debug, Default)]
struct Rests {
    whole: Option<Instant>,
    models: Vec<(Box<str>, Instant)>,
}

impl Resting {
    /// Sends a credential to rest: for this native model, or as a whole when there is none.
    pub fn rest(&self, credential: u64, model: Option<&str>, for_how_long: Duration) {
        let mut rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        rests.retain(|_, of_one| of_one.forget(now));
        rests.entry(credential).or_default().add(model, now + for_how_long.min(REST_MOST));
        self.count.store(rests.len(), Ordering::Relaxed);
    }

    /// Whether it rests now for this native model.
    pub fn rests(&self, credential: u64, model: &str) -> bool {
        self.rests_for(credential, model).is_some()
    }

    /// How long it still rests for this native model; nothing where it does not.
    pub fn rests_for(&self, credential: u64, model: &str) -> Option<Duration> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        rests.get(&credential)?.left(model, Instant::now())
    }
}

impl Rests {
    fn add(&mut self, model: Option<&str>, end: Instant) {
        let Some(model) = model else {
            self.whole = self.whole.max(Some(end));
            return;
        };
        if let Some((_, until)) = self.models.iter_mut().find(|(name, _)| **name == *model) {
            *until = end.max(*until);
            return;
        }
        if self.models.len() >= MODELS_MOST
            && let Some(soonest) =
                (0..self.models.len()).min_by_key(|place| self.models.get(*place).map(|rest| rest.1))
        {
            self.models.swap_remove(soonest);
        }
        self.models.push((model.into(), end));
    }

    fn left(&self, model: &str, now: Instant) -> Option<Duration> {
        let of_model = self.models.iter().find(|(name, _)| **name == *model).map(|(_, end)| *end);
        let left = self.whole.max(of_model)?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// Drops what is over; says whether anything is left.
    fn forget(&mut self, now: Instant) -> bool {
        self.whole = self.whole.filter(|end| *end > now);
        self.models.retain(|(_, end)| *end > now);
        self.whole.is_some() || !self.models.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_limit_of_one_model_does_not_rest_the_whole_credential() {
        let resting = Resting::default();
        resting.rest(1, Some("limited"), LONG);
        assert!(resting.rests(1, "limited"));
        assert!(!resting.rests(1, "other") && !resting.rests(2, "limited"));
        resting.rest(1, None, LONG);
        assert!(resting.rests(1, "other") && !resting.rests(2, "other"));
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let resting = Resting::default();
        resting.rest(1, None, Duration::ZERO);
        resting.rest(2, Some("m"), Duration::ZERO);
        assert!(!resting.rests(1, "m") && !resting.rests(2, "m"));
        resting.rest(3, None, LONG);
        assert_eq!(resting.rests.lock().unwrap().len(), 1);
    }

    #[test]
    fn a_shorter_rest_does_not_end_a_longer_one() {
        let resting = Resting::default();
        for model in [None, Some("m")] {
            resting.rest(1, model, LONG);
            resting.rest(1, model, Duration::ZERO);
        }
        assert!(resting.rests(1, "m") && resting.rests(1, "other"));
    }

    #[test]
    fn invented_model_names_take_no_room() {
        let resting = Resting::default();
        resting.rest(1, Some("real"), REST_MOST);
        for number in 0..10 * MODELS_MOST {
            resting.rest(1, Some(&number.to_string()), LONG);
        }
        assert_eq!(resting.rests.lock().unwrap().get(&1).unwrap().models.len(), MODELS_MOST);
        assert!(resting.rests(1, "real"), "the longest rest stays");
    }
}
