//! What records tell of the deployments that they name: how often each failed and when, and how long its answers took.
//!
//! In: records, in the order of time. Out: figures to draw from. Their room is bounded, whatever the number of records.

use std::collections::{BTreeMap, HashMap};

use yumen_config::{FailureClass, Word as _};
use yumen_telemetry::{AttemptRecord, ExchangeRecord, HealStatus, Outcome, TokenCounts};

use super::dice::Dice;

/// Deployments, and names of models, that are told apart; clients may invent them.
const NAMES_MOST: usize = 4096;
/// Answers of one deployment from which is drawn.
const KEPT_MOST: usize = 512;
/// Times into which the whole is divided, so that a failure falls into the time of an outage.
const SLOTS_MOST: i64 = 512;
/// The shortest of them: a quarter of an hour.
const SLOT_US_LEAST: i64 = 900_000_000;
/// So many tries at the usual rate are added to those of a slot, for one of which nothing is recorded.
const USUAL_TRIES: f64 = 1.0;
/// A time that a record cannot exceed: a year.
const TIME_US_MOST: u64 = 31_536_000_000_000;

/// The cause of a try that another one was faster than.
pub const HEDGED: &str = "hedged";

/// What came of a try, as its record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It was answered.
    Answered,
    /// It failed.
    Failed(FailureClass),
    /// It was given up before an end: the client left, the gateway stopped, or another one was faster. Or it only went on with
    /// what another one had begun.
    Unknown,
}

impl Told {
    /// What the record of a try says.
    pub fn of(attempt: &AttemptRecord) -> Self {
        // It said the end of an answer that another one had begun: neither its times nor its length are an answer's.
        if attempt.rescue {
            return Self::Unknown;
        }
        let Some(cause) = attempt.cause.as_deref() else { return Self::Answered };
        let class = FailureClass::ALL.iter().find(|class| class.word() == cause);
        class.map_or(Self::Unknown, |class| Self::Failed(*class))
    }

    /// Whether it tells how a deployment does with whatever it is asked, and not only what it made of one request.
    fn is_of_all(self) -> bool {
        match self {
            Self::Answered => true,
            Self::Unknown => false,
            Self::Failed(class) => !matches!(
                class,
                FailureClass::BadRequest
                    | FailureClass::ContextTooLong
                    | FailureClass::ContentPolicy
                    | FailureClass::SchemaUnmet
                    | FailureClass::NotConvertible
                    | FailureClass::FileNotFetched
            ),
        }
    }
}

/// An answer: how long it took from the try on, and how much it said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answer {
    /// To the first token, of a stream.
    pub first_us: Option<u64>,
    /// To its end.
    pub total_us: u64,
    /// Tokens.
    pub output: u64,
}

impl Answer {
    /// The answer that a record tells of, by the try that gave it.
    pub fn of(record: &ExchangeRecord, attempt: &AttemptRecord) -> Self {
        let since = |us: u64| us.saturating_sub(attempt.started_us).min(TIME_US_MOST);
        let total_us = since(record.total_us);
        let first = record.first_byte_us.filter(|_| record.streamed);
        Self {
            first_us: first.map(|us| since(us).min(total_us)),
            total_us,
            output: own_tokens(record).output,
        }
    }
}

/// What an exchange has used but for the answers that were put aside. The parts of one that broke off and was gone on with are one
/// answer; what a try has used that lost to a faster one is in the exchange's cost alone.
pub fn own_tokens(record: &ExchangeRecord) -> TokenCounts {
    let mut own = record.tokens;
    let is_aside = |attempt: &&AttemptRecord| Told::of(attempt) == Told::Failed(FailureClass::SchemaUnmet);
    let asides = record.attempts.iter().filter(is_aside);
    asides.filter_map(|attempt| attempt.tokens).for_each(|tokens| own.remove(&tokens));
    own
}

/// Whether the answer that the client got did not fit the schema that was asked for.
pub fn is_unfit(record: &ExchangeRecord) -> bool {
    let heal = record.heal.as_deref();
    heal.is_some_and(|heal| heal.schema_valid == Some(false) || heal.status == HealStatus::Failed)
}

/// How long a try took that failed.
pub fn failed_us(attempt: &AttemptRecord) -> u64 {
    attempt.duration_us.min(TIME_US_MOST)
}

/// Some of many, each as likely as the others.
#[derive(Debug)]
pub struct Sample<T> {
    kept: Vec<T>,
    all: u64,
}

impl<T> Default for Sample<T> {
    fn default() -> Self {
        Self { kept: Vec::new(), all: 0 }
    }
}

impl<T: Copy> Sample<T> {
    fn add(&mut self, one: T, dice: &Dice) {
        self.all += 1;
        if self.kept.len() < KEPT_MOST {
            self.kept.push(one);
        } else if let Some(place) = usize::try_from(dice.below(self.all)).ok()
            && let Some(place) = self.kept.get_mut(place)
        {
            *place = one;
        }
    }

    /// One of them.
    pub fn draw(&self, dice: &Dice) -> Option<T> {
        let place = usize::try_from(dice.below(self.kept.len() as u64)).ok()?;
        self.kept.get(place).copied()
    }

    /// Of how many.
    pub fn all(&self) -> u64 {
        self.all
    }
}

/// What is known of one deployment.
#[derive(Debug, Default)]
pub struct Observed {
    /// The provider's id.
    pub provider: String,
    /// The provider's own id of the model.
    pub model: String,
    /// The name under which its model was recorded, once it has answered.
    pub name: Option<String>,
    /// Tries that tell something.
    pub tries: u64,
    /// Those of them that failed, by how.
    pub failed: BTreeMap<FailureClass, u64>,
    /// Answers that broke off, of all.
    pub broken: u64,
    /// All answers.
    pub answers: u64,
    /// Tries and failures by the slot of time.
    slots: BTreeMap<i64, (u32, u32)>,
    /// How long failures took.
    pub failed_us: Sample<u64>,
    /// Streams.
    pub streamed: Sample<Answer>,
    /// Answers that came as a whole.
    pub whole: Sample<Answer>,
}

impl Observed {
    /// All that failed.
    pub fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    /// Tries and failures to draw from at a time: those of its slot, with some at the usual rate.
    pub fn at(&self, slot: i64) -> (f64, f64) {
        let (tries, failed) = self.slots.get(&slot).copied().unwrap_or_default();
        let usual = if self.tries == 0 { 0.0 } else { self.failures() as f64 / self.tries as f64 };
        (f64::from(tries) + USUAL_TRIES, USUAL_TRIES.mul_add(usual, f64::from(failed)))
    }

    /// Answers of one manner.
    pub fn answered(&self, streamed: bool) -> &Sample<Answer> {
        if streamed { &self.streamed } else { &self.whole }
    }
}

/// Tokens of exchanges that were completed.
#[derive(Debug, Clone, Copy, Default)]
struct Tokens {
    exchanges: u64,
    input: u128,
    output: u128,
}

impl Tokens {
    fn add(&mut self, record: &ExchangeRecord) {
        self.exchanges += 1;
        self.input += u128::from(record.tokens.input);
        self.output += u128::from(record.tokens.output);
    }

    fn mean(&self) -> (u64, u64) {
        let exchanges = u128::from(self.exchanges.max(1));
        let mean = |sum: u128| u64::try_from(sum / exchanges).unwrap_or(u64::MAX);
        (mean(self.input), mean(self.output))
    }
}

/// What records tell of deployments.
#[derive(Debug)]
pub struct Seen {
    since_us: i64,
    slot_us: i64,
    all: Vec<Observed>,
    places: HashMap<String, HashMap<String, usize>>,
    models: HashMap<String, Tokens>,
    tokens: Tokens,
    dice: Dice,
}

impl Seen {
    /// Nothing yet, of this time.
    pub fn new(since_us: i64, until_us: i64, seed: u64) -> Self {
        let slot_us = (until_us.saturating_sub(since_us) / SLOTS_MOST).max(SLOT_US_LEAST);
        Self {
            since_us,
            slot_us,
            all: Vec::new(),
            places: HashMap::new(),
            models: HashMap::new(),
            tokens: Tokens::default(),
            dice: Dice::new(seed),
        }
    }

    /// Takes a record in.
    pub fn observe(&mut self, record: &ExchangeRecord) {
        let slot = self.slot(record.started_at_us);
        for attempt in &record.attempts {
            let told = Told::of(attempt);
            if !told.is_of_all() {
                continue;
            }
            let Some(place) = self.place(&attempt.provider, &attempt.model) else { continue };
            let Self { all, dice, .. } = self;
            let Some(observed) = all.get_mut(place) else { continue };
            observed.tries += 1;
            let counts = observed.slots.entry(slot).or_default();
            counts.0 = counts.0.saturating_add(1);
            match told {
                Told::Failed(class) => {
                    counts.1 = counts.1.saturating_add(1);
                    *observed.failed.entry(class).or_default() += 1;
                    observed.failed_us.add(failed_us(attempt), dice);
                }
                _ => answered(observed, record, attempt, dice),
            }
        }
        if record.outcome == Outcome::Completed && record.tokens.input > 0 {
            self.tokens.add(record);
            let has_room = self.models.len() < NAMES_MOST;
            match self.models.get_mut(&record.model_requested) {
                Some(tokens) => tokens.add(record),
                None if has_room => {
                    self.models.entry(record.model_requested.clone()).or_default().add(record)
                }
                None => {}
            }
        }
    }

    /// In which slot of the time something was.
    pub fn slot(&self, at_us: i64) -> i64 {
        at_us.saturating_sub(self.since_us).div_euclid(self.slot_us).clamp(0, SLOTS_MOST)
    }

    /// All deployments that records name.
    pub fn all(&self) -> &[Observed] {
        &self.all
    }

    /// The place of a deployment among them.
    pub fn find(&self, provider: &str, model: &str) -> Option<usize> {
        self.places.get(provider)?.get(model).copied()
    }

    /// Mean tokens, input and output, of completed exchanges that asked for a model; of all where none did.
    pub fn usual_tokens(&self, model: &str) -> (u64, u64) {
        self.models.get(model).unwrap_or(&self.tokens).mean()
    }

    fn place(&mut self, provider: &str, model: &str) -> Option<usize> {
        if let Some(place) = self.find(provider, model) {
            return Some(place);
        }
        if self.all.len() >= NAMES_MOST {
            return None;
        }
        let place = self.all.len();
        self.places.entry(provider.to_owned()).or_default().insert(model.to_owned(), place);
        self.all.push(Observed {
            provider: provider.to_owned(),
            model: model.to_owned(),
            ..Observed::default()
        });
        Some(place)
    }
}

fn answered(observed: &mut Observed, record: &ExchangeRecord, attempt: &AttemptRecord, dice: &Dice) {
    observed.answers += 1;
    if observed.name.is_none() {
        observed.name.clone_from(&record.model_served);
    }
    match record.outcome {
        Outcome::Failed => observed.broken += 1,
        Outcome::Completed => {
            let answer = Answer::of(record, attempt);
            match answer.first_us {
                Some(_) => observed.streamed.add(answer, dice),
                None if !record.streamed => observed.whole.add(answer, dice),
                None => {}
            }
        }
        Outcome::Refused | Outcome::ClientGone => {}
    }
}
