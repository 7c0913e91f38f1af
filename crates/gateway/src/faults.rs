//! Rules that could not be evaluated, said in the log once in a while.
//!
//! In: a rule and what went wrong. Out: a line for the log, for each rule at most once a minute. Records and metrics count
//! each of them.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a rule's faults stay unsaid after one that was said.
const INTERVAL: Duration = Duration::from_secs(60);
/// Rules that are remembered; a configuration holds fewer.
const RULES_MOST: usize = 512;

/// When the faults of each rule were last said.
#[derive(Debug, Default)]
pub struct RuleFaults {
    said: Mutex<HashMap<Arc<str>, Instant>>,
}

impl RuleFaults {
    /// Says that a rule was passed over, unless that was said a moment ago.
    pub fn note(&self, rule: &Arc<str>, why: &dyn Display, now: Instant) {
        if self.is_due(rule, now) {
            tracing::warn!(rule = &**rule, "a rule was passed over: {why}");
        }
    }

    fn is_due(&self, rule: &Arc<str>, now: Instant) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.get(rule).is_some_and(|last| now.saturating_duration_since(*last) < INTERVAL) {
            return false;
        }
        if said.len() >= RULES_MOST {
            said.clear();
        }
        said.insert(Arc::clone(rule), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_said_once_in_a_while() {
        let faults = RuleFaults::default();
        let (one, other): (Arc<str>, Arc<str>) = ("one".into(), "other".into());
        let now = Instant::now();
        assert_eq!([&one, &one, &other].map(|rule| faults.is_due(rule, now)), [true, false, true]);
        assert!(faults.is_due(&one, now + INTERVAL) && !faults.is_due(&one, now + INTERVAL));
    }
}
