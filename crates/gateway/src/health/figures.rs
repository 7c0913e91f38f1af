//! What is known of one deployment.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use yumen_telemetry::{HealthReport, Uptime};

use super::breaker::{Admitted, Breaker, Standing};
use super::histogram::Histogram;
use super::probed::{Probed, Probes};
use super::saved::SavedFigures;
use super::smooth::Smooth;
use super::window::{Counts, Window};

/// The time by which a deployment is judged.
const RECENT_MS: u64 = 30_000;
const FIVE_MINUTES_MS: u64 = 300_000;
const HALF_HOUR_MS: u64 = 1_800_000;
const DAY_MS: u64 = 86_400_000;
/// Tries anew that are always allowed within the recent time.
const RETRIES_LEAST: u32 = 10;
/// Answers from which one can tell who is slow.
const ENOUGH: u64 = 20;

/// What is known of one deployment. What `resolve` reads of every candidate is read without a lock.
#[derive(Debug)]
pub struct Figures {
    called: Called,
    open: AtomicU32,
    used_ms: AtomicU64,
    breaker: Breaker,
    probes: Probes,
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
    /// Tries made anew of exchanges that it had failed.
    retries: Window<30, 10_000>,
    /// What was spent at others because it was slow, in hundredths of an exchange.
    hedges: Window<30, 10_000>,
    /// Exchanges that it lost to others because it was slow.
    lost: Window<30, 10_000>,
}

/// How what the figures are of is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    pub provider: Arc<str>,
    /// The provider's own id of the model; none for a credential.
    pub model: Option<Arc<str>>,
    /// The credential's label.
    pub credential: Option<Arc<str>>,
}

impl Called {
    pub fn model(provider: &Arc<str>, model: &Arc<str>) -> Self {
        Self { provider: Arc::clone(provider), model: Some(Arc::clone(model)), credential: None }
    }

    pub fn credential(provider: &Arc<str>, label: &str) -> Self {
        Self { provider: Arc::clone(provider), model: None, credential: Some(Arc::from(label)) }
    }
}

/// An exchange that is open at a deployment; dropping it ends that.
#[derive(Debug)]
pub struct Opened {
    figures: Arc<Figures>,
    probe: bool,
    told: bool,
}

impl Figures {
    /// Figures of what is called so.
    pub fn new(called: Called) -> Self {
        Self {
            called,
            open: AtomicU32::default(),
            used_ms: AtomicU64::default(),
            breaker: Breaker::default(),
            probes: Probes::default(),
            first_token: Smooth::default(),
            total: Smooth::default(),
            throughput: Smooth::default(),
            success: Smooth::default(),
            history: Mutex::default(),
        }
    }

    /// Exchanges that are open.
    pub fn open(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }

    /// What they are of.
    pub fn called(&self) -> &Called {
        &self.called
    }

    /// When it was last used.
    pub fn last_used(&self) -> u64 {
        self.used_ms.load(Ordering::Relaxed)
    }

    /// How it stands. While the gateway itself looks whether it is well again, no exchange needs to.
    pub fn standing(&self, now_ms: u64) -> Standing {
        match self.breaker.standing(now_ms) {
            Standing::Due if self.probes.is_guarded(now_ms) => Standing::Open,
            standing => standing,
        }
    }

    /// How it stands for the gateway's own questions.
    pub fn standing_for_probes(&self, now_ms: u64) -> Standing {
        self.breaker.standing(now_ms)
    }

    /// Leaves it to the gateway's own questions for a moment to tell whether it is well again.
    pub fn guard(&self, now_ms: u64) {
        self.probes.guard(now_ms);
    }

    /// A question of the gateway's own has ended so.
    pub fn probed(&self, now_ms: u64, told: Probed) {
        self.probes.count(told);
        let recent = || self.history().minutes.sum(now_ms, RECENT_MS);
        match told {
            Probed::Well => self.breaker.succeeded(recent()),
            Probed::There | Probed::Refused => {
                self.probes.release();
                self.breaker.due(now_ms);
            }
            Probed::Failed => self.breaker.failed(now_ms, recent(), None),
        }
    }

    /// Opens an exchange at it; `None` when nobody is to try it now. With `anyway` it is tried all the same.
    pub fn enter(self: &Arc<Self>, now_ms: u64, anyway: bool) -> Option<Opened> {
        let admitted = match self.standing(now_ms) {
            Standing::Open => Admitted::No,
            _ => self.breaker.admit(now_ms),
        };
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

    /// Counts a try anew, unless there have been enough: `percent` in a hundred of the tries of the last half minute, beside
    /// the few that are always allowed.
    pub fn may_retry(&self, now_ms: u64, percent: u32) -> bool {
        let mut history = self.history();
        let tries = u64::from(history.minutes.sum(now_ms, RECENT_MS).all());
        let made = u64::from(history.retries.sum(now_ms, RECENT_MS).all());
        let may = made < u64::from(RETRIES_LEAST) + tries * u64::from(percent) / 100;
        if may {
            history.retries.add(now_ms, true);
        }
        may
    }

    /// After how many milliseconds it is slower than `of_hundred` in a hundred of its answers of the last five minutes, by
    /// their first tokens or their ends; `None` until enough are known.
    pub fn slow_after_ms(&self, now_ms: u64, of_hundred: u32, streamed: bool) -> Option<u64> {
        let history = self.history();
        let times = if streamed { &history.first_token_ms } else { &history.total_ms };
        (times.count(now_ms) >= ENOUGH).then(|| times.percentile(now_ms, of_hundred))?
    }

    /// Counts a second try beside it, which costs so many hundredths of one here, unless those of the last five minutes would
    /// cost more than `percent` in a hundred of what was done here. One is always allowed.
    pub fn may_hedge(&self, now_ms: u64, percent: u32, hundredths: u32) -> bool {
        let mut history = self.history();
        let of = |window: &Window<30, 10_000>| u64::from(window.sum(now_ms, FIVE_MINUTES_MS).all());
        let done = of(&history.minutes) + of(&history.lost);
        let spent = of(&history.hedges);
        let may = spent == 0 || spent + u64::from(hundredths) <= done * u64::from(percent);
        if may {
            history.hedges.add_many(now_ms, true, hundredths);
        }
        may
    }

    /// All of it.
    pub fn report(&self, now_ms: u64) -> HealthReport {
        let history = self.history();
        let all = |histogram: &Histogram| {
            let of = |share| histogram.percentile(now_ms, share);
            Some([of(50)?, of(75)?, of(90)?, of(99)?])
        };
        let tenths = |share| history.throughput.percentile(now_ms, share).map(|tenths| tenths as f64 / 10.0);
        let throughput = || Some([tenths(50)?, tenths(25)?, tenths(10)?, tenths(1)?]);
        let text = |name: &Option<Arc<str>>| name.as_deref().unwrap_or_default().to_owned();
        HealthReport {
            provider: self.called.provider.to_string(),
            model: text(&self.called.model),
            credential: text(&self.called.credential),
            open: self.open(),
            state: self.standing(now_ms).word().to_owned(),
            uptime_5m: history.minutes.sum(now_ms, FIVE_MINUTES_MS).into(),
            uptime_30m: history.half_hour.sum(now_ms, HALF_HOUR_MS).into(),
            uptime_1d: history.day.sum(now_ms, DAY_MS).into(),
            first_token_ms: all(&history.first_token_ms),
            total_ms: all(&history.total_ms),
            tokens_per_second: throughput(),
            allowances: Vec::new(),
            probes: self.probes.report(),
        }
    }

    /// What is to be known after a restart.
    pub(super) fn saved(&self, id: u64, now_ms: u64) -> SavedFigures {
        let history = self.history();
        let text = |name: &Option<Arc<str>>| name.as_deref().map(str::to_owned);
        SavedFigures {
            id,
            provider: self.called.provider.to_string(),
            model: text(&self.called.model),
            credential: text(&self.called.credential),
            used_ago: now_ms.saturating_sub(self.last_used()),
            minutes: history.minutes.saved(now_ms),
            half_hour: history.half_hour.saved(now_ms),
            day: history.day.saved(now_ms),
            first_token_ms: history.first_token_ms.saved(now_ms),
            total_ms: history.total_ms.saved(now_ms),
            throughput: history.throughput.saved(now_ms),
            means: self.means().map(Smooth::mean),
        }
    }

    /// Takes up what was known before a restart.
    pub(super) fn restore(&self, now_ms: u64, saved: &SavedFigures) {
        let seen_ms = now_ms.saturating_sub(saved.used_ago);
        self.used_ms.store(seen_ms, Ordering::Relaxed);
        for (smooth, mean) in self.means().into_iter().zip(saved.means) {
            if let Some(mean) = mean.filter(|mean| mean.is_finite() && *mean > 0.0) {
                smooth.add(seen_ms, mean, false);
            }
        }
        let mut history = self.history();
        history.minutes.restore(now_ms, &saved.minutes);
        history.half_hour.restore(now_ms, &saved.half_hour);
        history.day.restore(now_ms, &saved.day);
        history.first_token_ms.restore(now_ms, &saved.first_token_ms);
        history.total_ms.restore(now_ms, &saved.total_ms);
        history.throughput.restore(now_ms, &saved.throughput);
    }

    fn means(&self) -> [&Smooth; 4] {
        [&self.first_token, &self.total, &self.throughput, &self.success]
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

impl From<Counts> for Uptime {
    fn from(Counts { good, bad }: Counts) -> Self {
        Self { good, bad }
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

    /// It was given up because another one was faster: it would have needed at least so long.
    pub fn given_up(&self, now_ms: u64, took_us: u64, streamed: bool) {
        let (smooth, mut history) = (&self.figures, self.figures.history());
        history.lost.add(now_ms, true);
        if streamed {
            smooth.first_token.add(now_ms, took_us as f64, true);
            history.first_token_ms.add(now_ms, took_us / 1000);
        } else {
            smooth.total.add(now_ms, took_us as f64, true);
            history.total_ms.add(now_ms, took_us / 1000);
        }
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
