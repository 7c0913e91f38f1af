//! What is known of one deployment.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::breaker::{Admitted, Breaker, Standing};
use super::histogram::Histogram;
use super::smooth::Smooth;
use super::window::{Counts, Window};

/// The time by which a deployment is judged.
const RECENT_MS: u64 = 30_000;
const FIVE_MINUTES_MS: u64 = 300_000;
const HALF_HOUR_MS: u64 = 1_800_000;
const DAY_MS: u64 = 86_400_000;

/// What is known of one deployment. What `resolve` reads of every candidate is read without a lock.
#[derive(Debug, Default)]
pub struct Figures {
    open: AtomicU32,
    used_ms: AtomicU64,
    breaker: Breaker,
    first_token: Smooth,
    total: Smooth,
    throughput: Smooth,
    success: Smooth,
    history: Mutex<History>,
}

#[derive(Debug, Default)]
struct History {
    minutes: Window<30, 10_000>,
    half_hour: Window<30, 60_000>,
    day: Window<48, 1_800_000>,
    first_token_ms: Histogram,
    total_ms: Histogram,
    /// Tenths of tokens per second.
    throughput: Histogram,
}

/// A deployment's figures for people.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Exchanges that are open.
    pub open: u32,
    /// The breaker's word.
    pub breaker: &'static str,
    /// Successes and failures of the last 5 minutes, 30 minutes and day.
    pub uptime: [Counts; 3],
    /// Milliseconds to the first token: of 50, 75, 90 and 99 in a hundred, over the last five minutes.
    pub first_token_ms: Option<[u64; 4]>,
    /// The same for whole exchanges.
    pub total_ms: Option<[u64; 4]>,
    /// Tokens per second: of 50, 75, 90 and 99 in a hundred at least so many.
    pub throughput: Option<[f64; 4]>,
}

/// An exchange that is open at a deployment; dropping it ends that.
#[derive(Debug)]
pub struct Opened {
    figures: Arc<Figures>,
    probe: bool,
    told: bool,
}

impl Figures {
    /// Exchanges that are open.
    pub fn open(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }

    /// When it was last used.
    pub(super) fn last_used(&self) -> u64 {
        self.used_ms.load(Ordering::Relaxed)
    }

    /// How it stands.
    pub fn standing(&self, now_ms: u64) -> Standing {
        self.breaker.standing(now_ms)
    }

    /// Opens an exchange at it; `None` when nobody is to try it now. With `anyway` it is tried all the same.
    pub fn enter(self: &Arc<Self>, now_ms: u64, anyway: bool) -> Option<Opened> {
        let admitted = self.breaker.admit(now_ms);
        if admitted == Admitted::No && !anyway {
            return None;
        }
        self.open.fetch_add(1, Ordering::Relaxed);
        self.used_ms.store(now_ms, Ordering::Relaxed);
        Some(Opened { figures: Arc::clone(self), probe: admitted == Admitted::AsProbe, told: false })
    }

    /// Microseconds to the first token as lately seen, where streams were; else of whole answers. Lower the longer
    /// nothing has been seen.
    pub fn latency_us(&self, now_ms: u64) -> Option<f64> {
        self.first_token.sunk(now_ms).or_else(|| self.total.sunk(now_ms))
    }

    /// Tokens per second as lately seen.
    pub fn tokens_per_second(&self) -> Option<f64> {
        self.throughput.mean()
    }

    /// The rate of success as lately seen.
    pub fn success_rate(&self) -> Option<f64> {
        self.success.mean()
    }

    /// Milliseconds to the first token that `of_hundred` in a hundred did not exceed in the last five minutes.
    pub fn first_token_ms(&self, now_ms: u64, of_hundred: u32) -> Option<u64> {
        self.history().first_token_ms.percentile(now_ms, of_hundred)
    }

    /// Tokens per second that `of_hundred` in a hundred reached in the last five minutes.
    pub fn throughput_of(&self, now_ms: u64, of_hundred: u32) -> Option<f64> {
        self.history()
            .throughput
            .percentile(now_ms, 100 - of_hundred.min(99))
            .map(|tenths| tenths as f64 / 10.0)
    }

    /// Successes and failures of the last 5 minutes, 30 minutes and day.
    pub fn uptime(&self, now_ms: u64) -> [Counts; 3] {
        let history = self.history();
        [
            history.minutes.sum(now_ms, FIVE_MINUTES_MS),
            history.half_hour.sum(now_ms, HALF_HOUR_MS),
            history.day.sum(now_ms, DAY_MS),
        ]
    }

    /// All of it.
    pub fn report(&self, now_ms: u64) -> Report {
        let history = self.history();
        let all = |histogram: &Histogram| {
            let of = |share| histogram.percentile(now_ms, share);
            Some([of(50)?, of(75)?, of(90)?, of(99)?])
        };
        let tenths = |share| history.throughput.percentile(now_ms, share).map(|tenths| tenths as f64 / 10.0);
        let throughput = || Some([tenths(50)?, tenths(25)?, tenths(10)?, tenths(1)?]);
        Report {
            open: self.open(),
            breaker: self.standing(now_ms).word(),
            uptime: [
                history.minutes.sum(now_ms, FIVE_MINUTES_MS),
                history.half_hour.sum(now_ms, HALF_HOUR_MS),
                history.day.sum(now_ms, DAY_MS),
            ],
            first_token_ms: all(&history.first_token_ms),
            total_ms: all(&history.total_ms),
            throughput: throughput(),
        }
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one more; gives what the last half minute has been like.
    fn count(&self, now_ms: u64, good: bool) -> Counts {
        self.success.add(now_ms, if good { 1.0 } else { f64::MIN_POSITIVE }, false);
        let mut history = self.history();
        history.minutes.add(now_ms, good);
        history.half_hour.add(now_ms, good);
        history.day.add(now_ms, good);
        history.minutes.sum(now_ms, RECENT_MS)
    }
}

impl Opened {
    /// Its first content, or its whole answer, has come: it is well. A stream may still break off.
    pub fn answered(&mut self, now_ms: u64) {
        self.told = true;
        let recent = self.figures.history().minutes.sum(now_ms, RECENT_MS);
        self.figures.breaker.succeeded(recent);
    }

    /// The first token of a stream has come.
    pub fn first_token(&self, now_ms: u64, took_us: u64) {
        self.figures.first_token.add(now_ms, took_us as f64, true);
        self.figures.history().first_token_ms.add(now_ms, took_us / 1000);
    }

    /// What it answered has ended well: `output` tokens came in `spent_us`.
    pub fn completed(&self, now_ms: u64, took_us: u64, output: u64, spent_us: u64) {
        self.figures.count(now_ms, true);
        self.figures.total.add(now_ms, took_us as f64, true);
        let mut history = self.figures.history();
        history.total_ms.add(now_ms, took_us / 1000);
        // Fewer tokens, or such that came in one piece, tell nothing of a rate.
        if output >= 8 && spent_us >= 1000 {
            let rate = output as f64 * 1_000_000.0 / spent_us as f64;
            history.throughput.add(now_ms, (rate * 10.0) as u64);
            drop(history);
            self.figures.throughput.add(now_ms, rate, false);
        }
    }

    /// The client left after it had answered: that is a success, and tells nothing of how long it takes.
    pub fn left(&self, now_ms: u64) {
        self.figures.count(now_ms, true);
    }

    /// It has failed in a way that tells of the deployment, before its answer or in the middle.
    pub fn failed(&mut self, now_ms: u64, retry_after_ms: Option<u64>) {
        self.told = true;
        let recent = self.figures.count(now_ms, false);
        self.figures.breaker.failed(now_ms, recent, retry_after_ms);
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.figures.open.fetch_sub(1, Ordering::Relaxed);
        if self.probe && !self.told {
            self.figures.breaker.undecided(self.figures.used_ms.load(Ordering::Relaxed));
        }
    }
}
