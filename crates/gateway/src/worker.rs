//! What all workers share, and what each has for itself.
//!
//! A worker is one thread with a runtime of its own: its connections, its upstream pool and its record writer
//! are touched by no other thread, so a request never waits for another core - but for a token that another request is
//! asking a provider for already. Only OpenRouter's long lists are made elsewhere, and prompts counted for those
//! who ask for it.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;
use yumen_config::{KeyHasher, Snapshot};
use yumen_telemetry::{
    AppendError, ExchangeRecord, GenerationLookup, HealthReport, ObjectOwners, Outcome, RecordSink,
    RecordWriter, ResponseKeeper,
};

use crate::affinity::Affinity;
use crate::allowances::Allowances;
use crate::egress::Room;
use crate::estimates::Estimates;
use crate::faults::RuleFaults;
use crate::gauges::Gauges;
use crate::health::{Health, SavedHealth};
use crate::intents::Intents;
use crate::limits::Limits;
use crate::proofs::Proofs;
use crate::upstream::{AccessTokens, Pool, Resting};

/// Long lists that are made, and prompts that are counted, at the same time.
const LISTINGS_MOST: usize = 2;

/// What all workers share.
pub struct Gateway {
    /// The live settings, swapped whole.
    pub snapshot: ArcSwap<Snapshot>,
    /// Hashes presented virtual keys.
    pub hasher: KeyHasher,
    /// Counters of the keys' limits.
    pub limits: Limits,
    /// How deployments do.
    pub health: Health,
    /// How credentials do.
    pub credentials: Health,
    /// Which deployment a session was last served by.
    pub affinity: Affinity,
    /// What messages were told to be about.
    pub intents: Intents,
    /// Rules that could not be evaluated.
    pub rule_faults: RuleFaults,
    /// Credentials that rest.
    pub resting: Resting,
    /// What is left of credentials' limits.
    pub allowances: Allowances,
    /// Access tokens that credentials have been exchanged for.
    pub access_tokens: Arc<AccessTokens>,
    /// Where records go.
    pub sink: Arc<dyn RecordSink>,
    /// Where records are found.
    pub lookup: Arc<dyn GenerationLookup>,
    /// Who owns which files, batches, jobs and responses at providers.
    pub owners: Arc<dyn ObjectOwners>,
    /// Responses that are kept here.
    pub keeper: Arc<dyn ResponseKeeper>,
    /// The Unix second at which the store last took nothing of an answer.
    pub store_failed_at: AtomicI64,
    /// Proofs of reasoning for clients that cannot carry them.
    pub proofs: Arc<Proofs>,
    /// The room that files fetched for requests share.
    pub file_room: Arc<Room>,
    /// What providers report beside what was estimated.
    pub estimates: Estimates,
    /// Turns in which long lists are made and prompts are counted.
    pub listings: Semaphore,
    /// Numbers for the metrics page.
    pub gauges: Arc<Gauges>,
    /// Set when the process is to stop: new work is refused.
    pub draining: AtomicBool,
}

impl Gateway {
    /// A gateway that serves `snapshot`.
    pub fn new(
        snapshot: Arc<Snapshot>,
        hasher: KeyHasher,
        sink: Arc<dyn RecordSink>,
        lookup: Arc<dyn GenerationLookup>,
        owners: Arc<dyn ObjectOwners>,
        keeper: Arc<dyn ResponseKeeper>,
    ) -> Self {
        Self {
            snapshot: ArcSwap::new(snapshot),
            hasher,
            limits: Limits::default(),
            health: Health::default(),
            credentials: Health::default(),
            affinity: Affinity::default(),
            intents: Intents::default(),
            rule_faults: RuleFaults::default(),
            resting: Resting::default(),
            allowances: Allowances::default(),
            access_tokens: Arc::default(),
            sink,
            lookup,
            owners,
            keeper,
            store_failed_at: AtomicI64::new(0),
            proofs: Arc::default(),
            file_room: Arc::default(),
            estimates: Estimates::default(),
            listings: Semaphore::new(LISTINGS_MOST),
            gauges: Arc::default(),
            draining: AtomicBool::new(false),
        }
    }

    /// How deployments and credentials do, those that were used last before the others.
    pub fn health(&self) -> Vec<HealthReport> {
        let now = Instant::now();
        let mut allowances = self.allowances.reports();
        let rested = |(id, mut report): (u64, HealthReport)| {
            if self.resting.rests(id, "") {
                "resting".clone_into(&mut report.state);
            }
            report.allowances = allowances.remove(&id).unwrap_or_default();
            report
        };
        let deployments = self.health.reports(now).into_iter().map(|(_, report)| report);
        deployments.chain(self.credentials.reports(now).into_iter().map(rested)).collect()
    }

    /// The same as it is to be known after a restart.
    pub fn saved_health(&self) -> SavedHealth {
        let now = Instant::now();
        SavedHealth { deployments: self.health.saved(now), credentials: self.credentials.saved(now) }
    }

    /// Takes up what was known before a restart, so long ago.
    pub fn restore_health(&self, saved: SavedHealth, passed: Duration) {
        let (now, passed_ms) = (Instant::now(), u64::try_from(passed.as_millis()).unwrap_or(u64::MAX));
        self.health.restore(now, passed_ms, saved.deployments);
        self.credentials.restore(now, passed_ms, saved.credentials);
    }

    /// Puts new settings in place of the live ones; exchanges under way keep those they began with.
    pub fn publish(&self, snapshot: Arc<Snapshot>) {
        self.snapshot.store(snapshot);
    }
}

/// How many refusals of callers without a known key one worker records in each second; all others are counted.
const STRANGERS_PER_SECOND: u64 = 50;

/// Counts the refusals of strangers in this second.
#[derive(Debug)]
struct Strangers {
    since: Instant,
    second: AtomicU64,
    taken: AtomicU64,
}

impl Default for Strangers {
    fn default() -> Self {
        Self { since: Instant::now(), second: AtomicU64::new(0), taken: AtomicU64::new(0) }
    }
}

impl Strangers {
    /// Whether one more is recorded. Only its own worker asks.
    fn take(&self) -> bool {
        let second = self.since.elapsed().as_secs();
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.taken.store(0, Ordering::Relaxed);
        }
        self.taken.fetch_add(1, Ordering::Relaxed) < STRANGERS_PER_SECOND
    }
}

/// What one worker has for itself.
pub struct Worker {
    /// What it shares with the others.
    pub gateway: Arc<Gateway>,
    /// Its upstream connections.
    pub pool: Arc<Pool>,
    writer: Mutex<Box<dyn RecordWriter>>,
    dice: AtomicU64,
    strangers: Strangers,
}

/// For what is no exchange of anybody's.
struct NoRecords;

impl RecordWriter for NoRecords {
    fn append(&mut self, _: &ExchangeRecord) -> Result<(), AppendError> {
        Ok(())
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Worker")
    }
}

impl Worker {
    /// A worker with a record writer of its own.
    pub fn new(gateway: &Arc<Gateway>) -> Result<Self, AppendError> {
        let seed = getrandom::u64().map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok(Self {
            pool: Arc::new(Pool::new(Arc::clone(&gateway.gauges))),
            writer: Mutex::new(gateway.sink.writer()?),
            dice: AtomicU64::new(seed),
            strangers: Strangers::default(),
            gateway: Arc::clone(gateway),
        })
    }

    /// A worker that asks for the gateway itself, and keeps no records.
    pub fn without_records(gateway: &Arc<Gateway>) -> Option<Self> {
        Some(Self {
            pool: Arc::new(Pool::new(Arc::clone(&gateway.gauges))),
            writer: Mutex::new(Box::new(NoRecords)),
            dice: AtomicU64::new(getrandom::u64().ok()?),
            strangers: Strangers::default(),
            gateway: Arc::clone(gateway),
        })
    }

    /// Appends a record; a failure is counted and logged with the record itself, so that it is not lost unseen.
    /// While the spool takes no new work, refusals are only counted: its last room is for exchanges under way. Those of
    /// callers whom nobody knows are only counted much earlier, and when they come faster than anybody would read them.
    pub fn append(&self, record: &ExchangeRecord) {
        let sink = &self.gateway.sink;
        let counted_only = record.outcome == Outcome::Refused
            && (!sink.has_room()
                || record.key_id.is_none() && !(sink.has_ample_room() && self.strangers.take()));
        if counted_only {
            self.gateway.gauges.refusals_unrecorded.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let result = self.writer.lock().unwrap_or_else(PoisonError::into_inner).append(record);
        if let Err(error) = result {
            self.gateway.gauges.records_lost.fetch_add(1, Ordering::Relaxed);
            let record = serde_json::to_string(record).unwrap_or_default();
            tracing::error!(%error, record, "a record could not be kept");
        }
    }

    /// A new generation id: `gen-<unix seconds>-<20 characters>`. The first four of these tell the time within
    /// the second, so that ids sort by time; the others are random.
    pub fn generation_id(&self, since_epoch: Duration) -> String {
        const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let digit = |number: u64| {
            char::from(DIGITS.get(usize::try_from(number % 62).unwrap_or(0)).copied().unwrap_or(b'0'))
        };
        let mut id = String::with_capacity(36);
        id.push_str("gen-");
        push_decimal(&mut id, since_epoch.as_secs());
        id.push('-');
        let micros = u64::from(since_epoch.subsec_micros());
        for place in [238_328, 3_844, 62, 1] {
            id.push(digit(micros / place));
        }
        for _ in 0..2 {
            let mut random = self.random();
            for _ in 0..8 {
                id.push(digit(random));
                random /= 62;
            }
        }
        id
    }

    /// A random number from `least` up to `most`, for pauses.
    pub fn between(&self, least: f64, most: f64) -> f64 {
        let share = (self.random() >> 11) as f64 / (1_u64 << 53) as f64;
        least + share * (most - least)
    }

    /// A random number below `end`, for lotteries.
    pub fn below(&self, end: u64) -> u64 {
        self.random() % end.max(1)
    }

    /// A random number (splitmix64): for ids and lotteries, never for secrets.
    fn random(&self) -> u64 {
        let mut state = self.dice.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        state ^ (state >> 31)
    }
}

fn push_decimal(text: &mut String, number: u64) {
    use std::fmt::Write as _;
    // Writing to a string cannot fail.
    let _ = write!(text, "{number}");
}

#[cfg(test)]
mod tests;
