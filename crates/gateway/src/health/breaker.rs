//! Whether a deployment is to be tried: closed, open for a while, then one probe at a time.
//!
//! In: outcomes of tries that tell of the deployment itself, never of a request. Out: a standing, read without a lock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::window::Counts;

/// Failures in a row that open the breaker.
const IN_A_ROW: u32 = 5;
/// Exchanges of the last half minute from which their share of failures says something.
const ENOUGH: u32 = 20;
/// How long it is open at first; each time that a probe fails twice as long.
const FIRST_MS: u64 = 1_000;
/// How long it is open at most: whoever is well again serves again within this time.
const LONGEST_MS: u64 = 4_000;
/// The longest that a deployment may ask for.
const ASKED_MOST_MS: u64 = 60_000;
/// After this time a probe of which nothing was heard no longer keeps others back.
const PROBE_MS: u64 = 30_000;
/// How long failures of late count against a deployment.
const SHAKY_MS: u64 = 30_000;

const CLOSED: u64 = 0;
const OPEN: u64 = 1;
const PROBING: u64 = 2;

/// How a deployment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It has answered of late, or nothing is known.
    Well,
    /// It has failed significantly within the last half minute.
    Shaky,
    /// It fails. A single exchange may look whether it is well again.
    Due,
    /// It fails, and nobody is to try it now.
    Open,
}

impl Standing {
    /// The word that people read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Well => "closed",
            Self::Shaky => "shaky",
            Self::Due => "half_open",
            Self::Open => "open",
        }
    }
}

/// Whether a try is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted {
    /// As any other.
    Freely,
    /// As the one that looks whether it is well again.
    AsProbe,
    /// Not now.
    No,
}

/// The breaker of one deployment.
#[derive(Debug, Default)]
pub struct Breaker {
    /// Its state in the lowest two bits, and until when it is open, or since when it is probed: one word, so that of several
    /// that ask for the probe exactly one gets it.
    word: AtomicU64,
    /// Until when it is shaky.
    shaky_ms: AtomicU64,
    in_a_row: AtomicU32,
    opened: AtomicU32,
}

impl Breaker {
    /// How it stands.
    pub fn standing(&self, now_ms: u64) -> Standing {
        self.standing_of(self.word.load(Ordering::Acquire), now_ms)
    }

    fn standing_of(&self, word: u64, now_ms: u64) -> Standing {
        let moment = word >> 2;
        match word & 3 {
            OPEN if now_ms < moment => Standing::Open,
            OPEN => Standing::Due,
            PROBING if now_ms < moment + PROBE_MS => Standing::Open,
            PROBING => Standing::Due,
            _ if now_ms < self.shaky_ms.load(Ordering::Relaxed) => Standing::Shaky,
            _ => Standing::Well,
        }
    }

    /// Asks to try it; of several that ask when it is due one is let through.
    pub fn admit(&self, now_ms: u64) -> Admitted {
        let word = self.word.load(Ordering::Acquire);
        match self.standing_of(word, now_ms) {
            Standing::Well | Standing::Shaky => Admitted::Freely,
            Standing::Open => Admitted::No,
            Standing::Due => {
                let probing = now_ms << 2 | PROBING;
                match self.word.compare_exchange(word, probing, Ordering::AcqRel, Ordering::Acquire) {
                    Ok(_) => Admitted::AsProbe,
                    Err(_) => Admitted::No,
                }
            }
        }
    }

    /// A try has succeeded.
    pub fn succeeded(&self, recent: Counts) {
        self.in_a_row.store(0, Ordering::Relaxed);
        if self.word.load(Ordering::Relaxed) != CLOSED && self.word.swap(CLOSED, Ordering::AcqRel) != CLOSED {
            self.opened.store(0, Ordering::Relaxed);
        }
        if !is_significant(recent) {
            self.shaky_ms.store(0, Ordering::Relaxed);
        }
    }

    /// A try has failed. `retry_after_ms` is how long the deployment asked to be left alone.
    pub fn failed(&self, now_ms: u64, recent: Counts, retry_after_ms: Option<u64>) {
        let in_a_row = self.in_a_row.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if is_significant(recent) || in_a_row > 1 {
            self.shaky_ms.store(now_ms + SHAKY_MS, Ordering::Relaxed);
        }
        let many = recent.all() >= ENOUGH && recent.bad * 2 >= recent.all();
        let state = self.word.load(Ordering::Acquire) & 3;
        // What had begun before it opened tells nothing new.
        if state == OPEN || !(state == PROBING || in_a_row >= IN_A_ROW || many || retry_after_ms.is_some()) {
            return;
        }
        let opened = self.opened.fetch_add(1, Ordering::Relaxed).min(16);
        let own = (FIRST_MS << opened).min(LONGEST_MS);
        let open_ms = retry_after_ms.map_or(own, |asked| asked.clamp(own, ASKED_MOST_MS));
        self.word.store((now_ms + open_ms) << 2 | OPEN, Ordering::Release);
    }

    /// Its server is there: who asks next may look whether it is well.
    pub fn due(&self, now_ms: u64) {
        let word = self.word.load(Ordering::Acquire);
        if word & 3 == OPEN {
            let due = now_ms << 2 | OPEN;
            let _ = self.word.compare_exchange(word, due, Ordering::AcqRel, Ordering::Acquire);
        }
    }

    /// A probe ended without telling anything of the deployment: the next one may look.
    pub fn undecided(&self, now_ms: u64) {
        let word = self.word.load(Ordering::Acquire);
        if word & 3 == PROBING {
            let due = now_ms << 2 | OPEN;
            let _ = self.word.compare_exchange(word, due, Ordering::AcqRel, Ordering::Acquire);
        }
    }
}

/// Whether failures of the last half minute are more than chance: a fifth of five or more.
fn is_significant(recent: Counts) -> bool {
    recent.all() >= 5 && recent.bad * 5 >= recent.all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Counts = Counts { good: 0, bad: 0 };

    #[test]
    fn five_failures_in_a_row_open_it_and_one_probe_closes_it() {
        let breaker = Breaker::default();
        for at in 0..4 {
            breaker.failed(at, NONE, None);
            assert!(breaker.standing(at) <= Standing::Shaky);
        }
        breaker.failed(4, NONE, None);
        assert_eq!((breaker.standing(4), breaker.standing(1003)), (Standing::Open, Standing::Open));
        assert_eq!(breaker.admit(1003), Admitted::No);
        assert_eq!(breaker.admit(1004), Admitted::AsProbe);
        assert_eq!((breaker.admit(1004), breaker.admit(1500)), (Admitted::No, Admitted::No));
        breaker.succeeded(NONE);
        assert_eq!(breaker.admit(1500), Admitted::Freely);
    }

    #[test]
    fn probes_that_fail_keep_it_open_for_longer_but_never_for_long() {
        let breaker = Breaker::default();
        (0..5).for_each(|_| breaker.failed(0, NONE, None));
        let mut now = 0;
        for open_ms in [1000, 2000, 4000, 4000] {
            assert_eq!(breaker.standing(now + open_ms - 1), Standing::Open);
            now += open_ms;
            assert_eq!(breaker.admit(now), Admitted::AsProbe);
            breaker.failed(now, NONE, None);
        }
        assert_eq!(breaker.admit(now + 4000), Admitted::AsProbe);
        breaker.undecided(now + 4001);
        assert_eq!(breaker.admit(now + 4002), Admitted::AsProbe, "another one may look");
        assert_eq!(breaker.admit(now + 4002 + PROBE_MS), Admitted::AsProbe, "nothing was heard of that one");
    }

    #[test]
    fn what_a_deployment_asks_for_is_granted_up_to_a_minute() {
        let breaker = Breaker::default();
        breaker.failed(0, NONE, Some(10_000));
        assert_eq!((breaker.standing(9_999), breaker.standing(10_000)), (Standing::Open, Standing::Due));
        let greedy = Breaker::default();
        greedy.failed(0, NONE, Some(u64::MAX / 2));
        assert_eq!(greedy.standing(ASKED_MOST_MS), Standing::Due);
    }

    #[test]
    fn half_of_many_open_it_and_a_fifth_of_some_make_it_shaky() {
        let breaker = Breaker::default();
        breaker.failed(0, Counts { good: 4, bad: 1 }, None);
        assert_eq!((breaker.standing(1), breaker.standing(SHAKY_MS)), (Standing::Shaky, Standing::Well));
        breaker.succeeded(Counts { good: 9, bad: 1 });
        assert_eq!(breaker.standing(1), Standing::Well);
        breaker.failed(0, Counts { good: 10, bad: 10 }, None);
        assert_eq!(breaker.standing(1), Standing::Open);
    }
}
