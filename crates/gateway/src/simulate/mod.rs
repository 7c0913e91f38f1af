//! What another configuration would have made of recorded exchanges: the same choice as in production, played again in
//! simulated time with recorded prices of the configuration and recorded times and failures of the deployments.
//!
//! In: a Snapshot, and records in the order of time, twice: first to a [`Seen`], which learns what deployments do, then to a
//! [`Simulation`]. Out: a [`Report`], with everything on which it rests. It sends nothing, reads no clock, and draws from a
//! seed, so that the same records give the same report. It never looks at what a request said, for no record holds that.

mod assumptions;
mod basis;
mod course;
mod dice;
mod endings;
mod report;
mod seen;
mod tally;

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use yumen_config::{Snapshot, VirtualKey};
use yumen_llm::usage::{Units, Usage};
use yumen_telemetry::{AttemptRecord, ExchangeRecord, Outcome, TokenCounts};

use crate::affinity::Affinity;
use crate::health::Health;
use crate::kinds::llm::{Live, Plan, Replay};
use crate::rejection::Code;
use assumptions::Counts;
use basis::Basis;
use course::{Course, End, World};
use dice::Dice;
use endings::Endings;
use tally::{Fate, Tally};

pub use basis::Ground;
pub use report::{Assumption, Change, Deployed, Figures, Refusal, Report, Share, Side, Times};
pub use seen::Seen;
use seen::own_tokens;

/// The latest moment that a record may tell, in milliseconds since the epoch: the year 2286, as ids have it.
const AT_MS_MOST: u64 = 9_999_999_999_000;

/// Refusals that another configuration may not make: the choice of models and deployments decides them.
const CHOICES: [Code; 4] =
    [Code::ModelNotFound, Code::ModelNotAllowed, Code::NoEndpoints, Code::DeniedByRule];

/// A configuration, and what it makes of the records so far.
#[derive(Debug)]
pub struct Simulation<'s> {
    snapshot: &'s Snapshot,
    replay: Replay<'s>,
    keys: HashMap<Arc<str>, Arc<VirtualKey>>,
    seen: &'s Seen,
    seed: u64,
    health: Health,
    affinity: Affinity,
    bases: HashMap<u64, Rc<Basis>>,
    names: HashMap<u64, (Arc<str>, Arc<str>)>,
    endings: Endings,
    now_ms: u64,
    records: u64,
    left_out: BTreeMap<String, u64>,
    recorded: Tally,
    simulated: Tally,
    counts: Counts,
}

impl<'s> Simulation<'s> {
    /// Nothing yet, with these settings, in which all virtual keys are.
    pub fn new(snapshot: &'s Snapshot, seen: &'s Seen, seed: u64) -> Self {
        let keys = snapshot.keys.iter().map(|(_, key)| (Arc::clone(&key.id), Arc::clone(key))).collect();
        Self {
            snapshot,
            replay: Replay::new(snapshot),
            keys,
            seen,
            seed,
            health: Health::default(),
            affinity: Affinity::default(),
            bases: HashMap::new(),
            names: HashMap::new(),
            endings: Endings::default(),
            now_ms: 0,
            records: 0,
            left_out: BTreeMap::new(),
            recorded: Tally::default(),
            simulated: Tally::default(),
            counts: Counts::default(),
        }
    }

    /// Plays an exchange again.
    pub fn replay(&mut self, record: &ExchangeRecord) {
        let number = self.records;
        self.records += 1;
        if let Some(why) = why_left_out(record) {
            return self.leave_out(why);
        }
        let at_ms = u64::try_from(record.started_at_us.div_euclid(1000)).unwrap_or(0).min(AT_MS_MOST);
        self.now_ms = self.now_ms.max(at_ms);
        self.endings.pass(self.now_ms);
        let dice = Dice::of(self.seed, number);
        let usage = self.usage(record);
        let key = record.key_id.as_deref().and_then(|id| self.keys.get(id)).cloned();
        let is_unknown = key.is_none();
        let key = key.unwrap_or_else(|| Arc::new(stranger(record)));
        let live = Live {
            health: &self.health,
            affinity: &self.affinity,
            now_ms: self.now_ms,
            draw: &|end| dice.below(end),
            // What providers told of their limits stands in no record.
            is_limited: &|_, _| false,
        };
        let Some(replayed) = self.replay.choose(&live, &key, record, usage.input) else {
            return self.leave_out(record.operation.clone());
        };
        self.counts.unknown_key += u64::from(is_unknown);
        self.counts.guessed_rules += u64::from(replayed.is_guessed);
        self.counts.usual_tokens += u64::from(!is_counted(record));
        self.count_recorded(record);
        match replayed.plan {
            Ok(plan) => self.run(record, &usage, &plan, &dice),
            Err(refused) => {
                let (code, message) = (refused.code.row().name, &*refused.message);
                self.simulated.add(record, Fate::Refused { code, message }, 0, Some(0));
            }
        }
    }

    /// What is told in the end, beside what another simulation of the same records told, or else the records themselves.
    pub fn report(self, baseline: Option<Simulation<'_>>) -> Report {
        let has_servers = self.snapshot.providers.values().any(|provider| provider.model_source.is_some());
        let mut assumptions = self.counts.told(has_servers);
        let Self { seed, records, left_out, recorded, simulated, bases, names, .. } = self;
        let is_simulated = baseline.is_some();
        let (before, deployed_before) = baseline.map_or(recorded, |baseline| baseline.simulated).told();
        let (after, deployed_after) = simulated.told();
        let figures: HashMap<_, _> = names
            .iter()
            .filter_map(|(id, (provider, model))| Some(((&**provider, &**model), bases.get(id)?)))
            .collect();
        let of = |provider: &str, model: &str| {
            let basis = figures.get(&(provider, model))?;
            let [failures, streams, whole] = basis.grounds();
            Some(Figures { tries: basis.tries, failures, streams, whole })
        };
        let deployments = report::shares(&deployed_before, &deployed_after, of);
        assumptions.extend(assumptions::of_deployments(&deployments));
        Report {
            object: "simulation",
            baseline: if is_simulated { "simulated" } else { "recorded" },
            seed,
            records,
            left_out,
            change: Change::between(&before, &after),
            before,
            after,
            deployments,
            assumptions,
        }
    }

    #[cfg(test)]
    fn simulated_failures(&self) -> u64 {
        self.simulated.failed()
    }

    fn leave_out(&mut self, why: String) {
        *self.left_out.entry(why).or_default() += 1;
    }

    /// What an exchange uses: as it was counted, else what others of its model use.
    fn usage(&self, record: &ExchangeRecord) -> Usage {
        if is_counted(record) {
            let web_searches = record.units.web_searches.unwrap_or(0);
            return Usage { web_searches, ..usage_of(&own_tokens(record)) };
        }
        let (input, output) = self.seen.usual_tokens(&record.model_requested);
        Usage { input, output, ..Usage::default() }
    }

    /// Counts an exchange as it was.
    fn count_recorded(&mut self, record: &ExchangeRecord) {
        let tries = record.attempts.len() as u64;
        let by = record.attempts.last().map(|last| (&*last.provider, &*last.model));
        let fate = match (record.outcome, by) {
            (Outcome::Completed, Some(by)) => Fate::Served {
                by,
                first_us: record.first_byte_us.filter(|_| record.streamed),
                total_us: Some(record.total_us),
            },
            (Outcome::Refused, _) => {
                Fate::Refused { code: record.error_code.as_deref().unwrap_or_default(), message: "" }
            }
            (Outcome::ClientGone, _) => Fate::Left,
            _ => Fate::Failed,
        };
        let cost = match fate {
            Fate::Refused { .. } | Fate::Failed => Some(record.cost_nanos.unwrap_or(0)),
            _ => record.cost_nanos,
        };
        self.recorded.add(record, fate, tries, cost);
    }

    /// Lets the steps of a plan be tried, and counts what comes of it.
    fn run(&mut self, record: &ExchangeRecord, usage: &Usage, plan: &Plan, dice: &Dice) {
        let world = World {
            seen: self.seen,
            settings: &self.snapshot.gateway,
            health: &self.health,
            bases: &mut self.bases,
            endings: &mut self.endings,
        };
        let mut course = Course::new(world, record, usage.output, self.now_ms, dice);
        let end = course.run(plan);
        let (tries, is_drawn, beside) = (course.tries, course.is_drawn, course.beside);
        self.counts.drawn += u64::from(is_drawn);
        let is_part = |attempt: &AttemptRecord| attempt.tokens.is_some() || attempt.rescue;
        self.counts.parts += u64::from(record.attempts.iter().any(is_part));
        self.counts.hedged += u64::from(plan.survival.hedge.is_some() && plan.steps.len() > 1);
        let cost = |price: Option<yumen_llm::price::Price>, usage: &Usage| {
            price.and_then(|price| price.cost_of(Some(usage), &Units::default()))
        };
        // A sum of which a part is not known is none.
        let mut parts =
            beside.iter().map(|(deployment, tokens)| cost(deployment.model.price, &usage_of(tokens)));
        let beside = parts.try_fold(0_u64, |sum, part| Some(sum.saturating_add(part?)));
        let with_beside =
            |cost: Option<u64>| cost.zip(beside).map(|(cost, beside)| cost.saturating_add(beside));
        match end {
            End::Answered(served) => {
                let deployment = &served.deployment;
                let by = (&*deployment.provider.id, &*deployment.model.native_id);
                if self.bases.contains_key(&deployment.id) {
                    let name =
                        || (Arc::clone(&deployment.provider.id), Arc::clone(&deployment.model.native_id));
                    self.names.entry(deployment.id).or_insert_with(name);
                }
                let price = deployment.model.price;
                let own = served.tokens.as_ref().map(usage_of);
                let usage = own.as_ref().unwrap_or(usage);
                let answer_nanos = cost(price, usage);
                let cost_nanos = with_beside(answer_nanos);
                let was = record.attempts.last().map(|last| (&*last.provider, &*last.model));
                if was != Some(by) {
                    self.counts.elsewhere(usage, answer_nanos, cost(price, &uncached(usage)));
                }
                if served.is_broken {
                    return self.simulated.add(record, Fate::Failed, tries, Some(cost_nanos.unwrap_or(0)));
                }
                self.counts.untimed += u64::from(served.answer.is_none());
                let fate = Fate::Served {
                    by,
                    first_us: served.answer.and_then(|answer| answer.first_us).filter(|_| record.streamed),
                    total_us: served.answer.map(|answer| answer.total_us),
                };
                self.simulated.add(record, fate, tries, cost_nanos);
            }
            End::Left(deployment) => {
                self.counts.left += 1;
                self.simulated.add(record, Fate::Left, tries, cost(deployment.model.price, usage));
            }
            End::Refused => {
                self.counts.refused_again += 1;
                self.simulated.add(record, Fate::Failed, tries, Some(beside.unwrap_or(0)));
            }
            End::Failed => self.simulated.add(record, Fate::Failed, tries, Some(beside.unwrap_or(0))),
        }
    }
}

/// Why an exchange is not replayed, if it is not: no choice of a deployment is to be made for it.
fn why_left_out(record: &ExchangeRecord) -> Option<String> {
    let code = record.error_code.as_deref().unwrap_or("unknown");
    match record.outcome {
        Outcome::Refused if CHOICES.iter().any(|choice| choice.row().name == code) => None,
        Outcome::Refused => Some(format!("refused: {code}")),
        Outcome::Failed if record.attempts.is_empty() => Some(format!("failed before a try: {code}")),
        Outcome::ClientGone if record.attempts.is_empty() => Some("client gone before a try".to_owned()),
        Outcome::Completed if record.attempts.is_empty() => Some("answered by the gateway itself".to_owned()),
        _ => None,
    }
}

/// Whether its tokens are recorded.
fn is_counted(record: &ExchangeRecord) -> bool {
    record.tokens.input > 0 || record.outcome == Outcome::Completed
}

/// A key that the settings do not know: it may do all.
fn stranger(record: &ExchangeRecord) -> VirtualKey {
    let text = |text: &Option<String>| Arc::from(text.as_deref().unwrap_or_default());
    VirtualKey { id: text(&record.key_id), name: text(&record.key_name), ..VirtualKey::for_all() }
}

fn usage_of(tokens: &TokenCounts) -> Usage {
    Usage {
        input: tokens.input,
        cached_input: tokens.cached_input,
        cache_write: tokens.cache_write,
        cache_write_1h: 0,
        output: tokens.output,
        reasoning: tokens.reasoning,
        ..Usage::default()
    }
}

/// The same where nothing comes from a provider's cache.
fn uncached(usage: &Usage) -> Usage {
    Usage { cached_input: 0, ..*usage }
}

#[cfg(test)]
mod tests;
