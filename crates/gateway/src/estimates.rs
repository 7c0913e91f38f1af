//! How far estimates of prompts are from what providers report, by model.
//!
//! In: requests whose tokens a provider has reported. Out: estimates of others for the same model, moved by what was learnt.
//! A factor moves slowly, so that one odd prompt changes little, and stays within bounds, so that no provider can make
//! estimates absurd. What is kept is bounded, lives in memory only and survives a reload.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::HashMap;
use yumen_llm::tokens::Gauge;

/// Models of which something is kept; of further ones nothing is learnt.
const MODELS_MOST: usize = 4096;
/// A request shorter than this says more of its frame than of its texts.
const TOKENS_LEAST: u64 = 16;
/// Looking at a request costs, more so at a long one: of those up to this size the first are all learnt from, later one in
/// so many; of longer ones, up to the longest, one in more.
const SHORT_BYTES: usize = 2048;
const SHORT_ONE_IN: u64 = 8;
const LONG_ONE_IN: u64 = 64;
const LONGEST_BYTES: usize = 256 << 10;
/// What a factor of one is, and how far it may be from it.
const ONE: u64 = 1000;
const FACTOR: std::ops::RangeInclusive<u64> = ONE / 4..=ONE * 4;
/// Requests of which the plain mean is taken, and the share of each later one.
const FIRST: u64 = 16;

/// What was learnt of all models.
#[derive(Debug, Default)]
pub struct Estimates(Mutex<HashMap<Arc<str>, Learnt>>);

#[derive(Debug)]
struct Learnt {
    gauge: Gauge,
    /// Thousandths of what was estimated; of no request yet it is one.
    factor: u64,
    /// Requests that it was learnt from, up to [`FIRST`].
    requests: u64,
    /// Requests that have passed, short and long.
    passed: [u64; 2],
}

impl Estimates {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Learnt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// About how many tokens a request is to a model.
    pub fn estimate(&self, model: Option<&str>, body: &[u8]) -> u64 {
        let model = model.unwrap_or_default();
        let known = self.lock().get(model).map(|learnt| (learnt.gauge, learnt.factor));
        let (gauge, factor) = known.unwrap_or_else(|| (Gauge::of(model), ONE));
        gauge.estimate_json(body).saturating_mul(factor).div_ceil(ONE)
    }

    /// Learns from a request whose tokens were reported.
    pub fn learn(&self, model: &Arc<str>, body: &[u8], reported: u64) {
        let Some(gauge) = self.wanted(model, body.len()) else { return };
        let estimated = gauge.estimate_json(body);
        if estimated < TOKENS_LEAST || reported == 0 {
            return;
        }
        let seen = reported.saturating_mul(ONE) / estimated;
        let seen = seen.clamp(*FACTOR.start(), *FACTOR.end());
        if let Some(learnt) = self.lock().get_mut(model) {
            learnt.requests = (learnt.requests + 1).min(FIRST);
            let rest = learnt.requests - 1;
            learnt.factor = (learnt.factor * rest + seen + learnt.requests / 2) / learnt.requests;
        }
    }

    /// The gauge of a model when such a request is to be learnt from.
    fn wanted(&self, model: &Arc<str>, bytes: usize) -> Option<Gauge> {
        if bytes > LONGEST_BYTES {
            return None;
        }
        let mut models = self.lock();
        if !models.contains_key(model) {
            if models.len() >= MODELS_MOST {
                return None;
            }
            let gauge = Gauge::of(model);
            models.insert(Arc::clone(model), Learnt { gauge, factor: ONE, requests: 0, passed: [0; 2] });
        }
        let learnt = models.get_mut(model)?;
        let [short, long] = &mut learnt.passed;
        let (passed, first, one_in) = match bytes {
            ..=SHORT_BYTES => (short, FIRST, SHORT_ONE_IN),
            _ => (long, 1, LONG_ONE_IN),
        };
        *passed += 1;
        (*passed <= first || *passed % one_in == 0).then_some(learnt.gauge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(words: usize) -> Vec<u8> {
        format!(r#"{{"messages":[{{"role":"user","content":"{}"}}]}}"#, "caravan ".repeat(words)).into_bytes()
    }

    #[test]
    fn estimates_come_to_what_is_reported() {
        let (estimates, model) = (Estimates::default(), Arc::<str>::from("acme/one"));
        let (short, other) = (body(100), body(150));
        let before = estimates.estimate(Some(&model), &short);
        estimates.learn(&model, &short, before * 2);
        assert_eq!(estimates.estimate(Some(&model), &short), before * 2, "the first is taken as it is");
        for _ in 0..800 {
            estimates.learn(&model, &short, before * 3);
        }
        let after = estimates.estimate(Some(&model), &short);
        assert!(after > before * 29 / 10 && after <= before * 3, "{before} {after}");
        assert_eq!(estimates.estimate(Some("acme/other"), &short), before, "of others nothing was learnt");
        assert!(estimates.estimate(Some(&model), &other) > after);
    }

    #[test]
    fn one_odd_report_changes_little_and_none_makes_estimates_absurd() {
        let (estimates, model) = (Estimates::default(), Arc::<str>::from("acme/one"));
        let short = body(100);
        let before = estimates.estimate(Some(&model), &short);
        for _ in 0..100 {
            estimates.learn(&model, &short, before);
        }
        estimates.learn(&model, &short, u64::MAX);
        let after = estimates.estimate(Some(&model), &short);
        assert!(after < before * 13 / 10, "{before} {after}");
        for reported in [u64::MAX, 1] {
            (0..2000).for_each(|_| estimates.learn(&model, &short, reported));
            let after = estimates.estimate(Some(&model), &short);
            assert!(after <= before * 4 + 4 && after >= before / 5, "{before} {after}");
        }
    }

    #[test]
    fn what_says_little_teaches_nothing() {
        let (estimates, model) = (Estimates::default(), Arc::<str>::from("acme/one"));
        let (short, long) = (body(100), body(1000));
        let before = estimates.estimate(Some(&model), &short);
        estimates.learn(&model, &body(1), 1000);
        estimates.learn(&model, &short, 0);
        estimates.learn(&model, &body(40_000), 1);
        assert_eq!(estimates.estimate(Some(&model), &short), before);
        estimates.learn(&model, &long, estimates.estimate(Some(&model), &long) * 2);
        let once = estimates.estimate(Some(&model), &short);
        assert!(once > before, "the first long one is looked at");
        for _ in 2..LONG_ONE_IN {
            estimates.learn(&model, &long, 1);
        }
        assert_eq!(estimates.estimate(Some(&model), &short), once, "and the next after some");
        estimates.learn(&model, &long, 1);
        assert!(estimates.estimate(Some(&model), &short) < once);
    }

    #[test]
    fn no_more_models_are_kept_than_are_bounded() {
        let estimates = Estimates::default();
        for number in 0..MODELS_MOST + 10 {
            estimates.learn(&Arc::from(format!("acme/{number}")), &body(100), 400);
        }
        assert_eq!(estimates.lock().len(), MODELS_MOST);
    }
}
