//! The course of an exchange through a plan: the steps as `dispatch` would try them, with outcomes from the records.
//!
//! In: a plan, a record and figures. Out: who answers, after how long. What was tried in truth ends as it did; only what was
//! not is drawn, so that two configurations that do the same are told to do the same.

use std::collections::HashMap;
use std::rc::Rc;

use smallvec::SmallVec;
use yumen_config::{Deployment, FailureClass, GatewaySettings, Reaction};
use yumen_telemetry::{AttemptRecord, ExchangeRecord, Outcome, TokenCounts, TokenSource};

use super::basis::Basis;
use super::dice::Dice;
use super::endings::{Endings, How};
use super::seen::{Answer, HEDGED, Seen, Told, failed_us, is_unfit, own_tokens};
use crate::health::{Health, Opened};
use crate::kinds::llm::{Failure, Plan, Step};
use crate::rejection::Code;

/// The first pause before another round, as `dispatch` makes it in the mean.
const FIRST_PAUSE_US: u64 = 250_000;
/// Deployments of which it is kept from what is drawn; clients may invent models of a provider.
const BASES_MOST: usize = 4096;

/// How an exchange ends.
#[derive(Debug)]
pub enum End {
    /// A deployment has answered.
    Answered(Box<Served>),
    /// The client has left while a deployment worked.
    Left(Deployment),
    /// Nobody has answered.
    Failed,
    /// The provider has refused what was asked.
    Refused,
}

/// Who answered, and how.
#[derive(Debug)]
pub struct Served {
    /// The deployment.
    pub deployment: Deployment,
    /// Times from the exchange's beginning; none where nothing is known.
    pub answer: Option<Answer>,
    /// What it has used, where a record tells that of this try alone.
    pub tokens: Option<TokenCounts>,
    /// Whether the answer broke off.
    pub is_broken: bool,
}

/// What is known of the world in which exchanges run.
pub struct World<'w> {
    /// What the records tell.
    pub seen: &'w Seen,
    /// Bounds of the configuration.
    pub settings: &'w GatewaySettings,
    /// How deployments do in the simulation.
    pub health: &'w Health,
    /// From what is drawn for each deployment.
    pub bases: &'w mut HashMap<u64, Rc<Basis>>,
    /// Exchanges that are open.
    pub endings: &'w mut Endings,
}

/// The course of one exchange.
pub struct Course<'w, 'r> {
    world: World<'w>,
    record: &'r ExchangeRecord,
    /// Tokens that an answer has.
    output: u64,
    now_ms: u64,
    dice: &'r Dice,
    elapsed_us: u64,
    /// Tries made.
    pub tries: u64,
    /// Whether something was drawn.
    pub is_drawn: bool,
    /// What tries of the record have used beside the answer: answers that were put aside, and second tries beside slow ones.
    pub beside: SmallVec<[(Deployment, TokenCounts); 1]>,
    /// Tries of the record that are not replayed yet.
    left: SmallVec<[&'r AttemptRecord; 4]>,
    again: SmallVec<[&'r Step; 2]>,
    left_out: SmallVec<[&'r Step; 2]>,
    narrowed: SmallVec<[(Reaction, &'r Step); 1]>,
    /// The first answer that did not fit its schema: the answer after all where nobody answers better.
    aside: Option<Box<Served>>,
}

enum Came {
    /// An answer, where its times are known, and whether it breaks off.
    Answer(Option<Answer>, bool),
    /// A failure, after so long, and what was used for it.
    Failure(FailureClass, u64, Option<TokenCounts>),
    /// It was given up for the next one, which was asked beside it after so long.
    GivenUp(u64),
}

/// What follows a failure.
enum Then {
    Credential,
    Step,
    End(End),
}

impl<'w, 'r> Course<'w, 'r> {
    /// At its beginning.
    pub fn new(
        world: World<'w>,
        record: &'r ExchangeRecord,
        output: u64,
        now_ms: u64,
        dice: &'r Dice,
    ) -> Self {
        Self {
            world,
            record,
            output,
            now_ms,
            dice,
            // Reading the request took as long as it did.
            elapsed_us: began_us(record),
            tries: 0,
            is_drawn: false,
            beside: SmallVec::new(),
            left: record.attempts.iter().collect(),
            again: SmallVec::new(),
            left_out: SmallVec::new(),
            narrowed: SmallVec::new(),
            aside: None,
        }
    }

    /// Runs to its end.
    pub fn run(&mut self, plan: &'r Plan) -> End {
        let end = self.all(plan);
        match (end, self.aside.take()) {
            (End::Failed | End::Refused, Some(mut aside)) => {
                // It was kept until it was clear that nobody answers better.
                let elapsed_us = self.elapsed_us;
                aside.answer.iter_mut().for_each(|answer| answer.total_us = answer.total_us.max(elapsed_us));
                End::Answered(aside)
            }
            (end, Some(aside)) => {
                self.beside.extend(aside.tokens.map(|tokens| (aside.deployment.clone(), tokens)));
                end
            }
            (end, None) => end,
        }
    }

    fn all(&mut self, plan: &'r Plan) -> End {
        if self.record.outcome == Outcome::ClientGone {
            return self.leave(plan);
        }
        if let Some(end) = self.round(plan, plan.steps.iter(), plan.steps.len() == 1) {
            return end;
        }
        if self.tries == 0 && !self.left_out.is_empty() {
            let first = std::mem::take(&mut self.left_out);
            if let Some(end) = self.round(plan, first.into_iter().take(1), true) {
                return end;
            }
        }
        for round in 0..self.world.settings.retry_rounds {
            let again = std::mem::take(&mut self.again);
            let percent = self.world.settings.retry_percent;
            let may_retry = |step: &Step| {
                self.is_left(step) && self.world.health.of(&step.deployment).may_retry(self.now_ms, percent)
            };
            let again: SmallVec<[&Step; 2]> = again.into_iter().filter(|step| may_retry(step)).collect();
            if again.is_empty() || self.has_tried_enough() {
                break;
            }
            self.elapsed_us = self.elapsed_us.saturating_add(FIRST_PAUSE_US << round.min(8));
            if let Some(end) = self.round(plan, again.into_iter(), false) {
                return end;
            }
        }
        End::Failed
    }

    /// A client that left is taken to leave again, whoever is asked.
    fn leave(&mut self, plan: &Plan) -> End {
        let Some(step) = plan.steps.first() else { return End::Failed };
        self.tries = 1;
        if let Some(opened) = self.world.health.of(&step.deployment).enter(self.now_ms, true) {
            let end_ms = self.now_ms.saturating_add(self.record.total_us / 1000);
            self.world.endings.add(end_ms, opened, How::Untold);
        }
        End::Left(step.deployment.clone())
    }

    fn has_tried_enough(&self) -> bool {
        self.tries >= self.world.settings.max_attempts as u64
    }

    fn is_left(&self, step: &Step) -> bool {
        self.narrowed.iter().all(|(reaction, failed)| step.is_left_by(*reaction, failed))
    }

    fn round(&mut self, plan: &Plan, steps: impl Iterator<Item = &'r Step>, anyway: bool) -> Option<End> {
        for step in steps {
            if !self.is_left(step) {
                continue;
            }
            let figures = self.world.health.of(&step.deployment);
            let Some(opened) = figures.enter(self.now_ms, anyway) else {
                self.left_out.push(step);
                continue;
            };
            if let Some(end) = self.step(plan, step, opened) {
                return Some(end);
            }
        }
        None
    }

    /// Tries a deployment with each of its credentials.
    fn step(&mut self, plan: &Plan, step: &'r Step, opened: Opened) -> Option<End> {
        let provider = step.provider();
        let total_us = u64::try_from(provider.timeouts.total.as_micros()).unwrap_or(u64::MAX);
        let mut how = How::Untold;
        let mut end = None;
        for _ in 0..provider.credentials.items().len().max(1) {
            if self.has_tried_enough() || self.elapsed_us >= total_us {
                break;
            }
            self.tries += 1;
            let came = self.comes(plan, &step.deployment);
            let tokens = if let Came::Failure(.., tokens) = &came { *tokens } else { None };
            match self.met(plan, step, came) {
                Came::Answer(answer, is_broken) => {
                    how = self.answered(answer, is_broken);
                    let answer = answer.map(|answer| self.since_beginning(answer));
                    let deployment = step.deployment.clone();
                    end = Some(End::Answered(Box::new(Served { deployment, answer, tokens, is_broken })));
                    break;
                }
                Came::GivenUp(after_us) => {
                    self.elapsed_us = self.elapsed_us.saturating_add(after_us);
                    how = How::Left;
                    break;
                }
                Came::Failure(class, took_us, _) => {
                    self.elapsed_us = self.elapsed_us.saturating_add(took_us);
                    let failure = Failure::silent(Code::UpstreamError, class, String::new());
                    if failure.is_of_deployment() {
                        how = How::Failed;
                    }
                    match self.fails(plan, step, &failure) {
                        Then::Credential => {}
                        Then::Step => break,
                        Then::End(ends) => {
                            end = Some(ends);
                            break;
                        }
                    }
                }
            }
        }
        let ends_us = match how {
            How::Answered { total_us, .. } => self.elapsed_us.saturating_add(total_us),
            _ => self.elapsed_us,
        };
        self.world.endings.add(self.now_ms.saturating_add(ends_us / 1000), opened, how);
        end
    }

    /// An answer that did not fit its schema is one where the settings do not say otherwise; where they do, it is put aside.
    fn met(&mut self, plan: &Plan, step: &Step, came: Came) -> Came {
        let Came::Failure(FailureClass::SchemaUnmet, total_us, tokens) = came else { return came };
        let answer = Answer { first_us: None, total_us, output: self.output };
        if plan.survival.reaction(FailureClass::SchemaUnmet) == Reaction::Stop {
            return Came::Answer(Some(answer), false);
        }
        let (deployment, answer) = (step.deployment.clone(), Some(self.since_beginning(answer)));
        match &self.aside {
            None => self.aside = Some(Box::new(Served { deployment, answer, tokens, is_broken: false })),
            Some(_) => self.beside.extend(tokens.map(|tokens| (deployment, tokens))),
        }
        came
    }

    /// What follows a failure, as `dispatch` has it.
    fn fails(&mut self, plan: &Plan, step: &'r Step, failure: &Failure) -> Then {
        let reaction = plan.survival.reaction(failure.class);
        match reaction {
            Reaction::Stop if failure.class == FailureClass::BadRequest => Then::End(End::Refused),
            Reaction::Stop => Then::End(End::Failed),
            _ if failure.is_unsaid() => {
                self.tries -= 1;
                Then::Step
            }
            Reaction::NextModel | Reaction::LargerModel | Reaction::OtherProvider => {
                self.narrowed.push((reaction, step));
                Then::Step
            }
            Reaction::Next | Reaction::Retry => {
                if reaction == Reaction::Retry && !self.again.iter().any(|one| std::ptr::eq(*one, step)) {
                    self.again.push(step);
                }
                if failure.is_of_credential() { Then::Credential } else { Then::Step }
            }
        }
    }

    /// What is learnt of the deployment when the answer ends.
    fn answered(&self, answer: Option<Answer>, is_broken: bool) -> How {
        // What was not counted by the upstream tells of no rate.
        let is_counted = self.record.tokens.source == TokenSource::Reported;
        match answer {
            _ if is_broken => How::Failed,
            None => How::Left,
            Some(Answer { first_us, total_us, .. }) => {
                How::Answered { first_us, total_us, output: if is_counted { self.output } else { 0 } }
            }
        }
    }

    fn since_beginning(&self, answer: Answer) -> Answer {
        Answer {
            first_us: answer.first_us.map(|first| first.saturating_add(self.elapsed_us)),
            total_us: answer.total_us.saturating_add(self.elapsed_us),
            ..answer
        }
    }

    /// What comes of a try: what came of it in truth, where it was made; else what is drawn.
    fn comes(&mut self, plan: &Plan, deployment: &Deployment) -> Came {
        let recorded = self.left.iter().position(|attempt| is_of(attempt, deployment));
        if let Some(place) = recorded {
            let attempt = self.left.remove(place);
            match Told::of(attempt) {
                // In the record it stands last: who was asked for a better one stands before it.
                Told::Answered if is_unfit(self.record) && self.asks_again(plan) => {
                    let tokens = Some(own_tokens(self.record));
                    return Came::Failure(FailureClass::SchemaUnmet, failed_us(attempt), tokens);
                }
                Told::Answered => {
                    self.pay_hedges(plan);
                    let is_broken = self.record.outcome == Outcome::Failed;
                    return Came::Answer(Some(Answer::of(self.record, attempt)), is_broken);
                }
                Told::Failed(class) => {
                    let tokens = attempt.tokens.filter(|_| class == FailureClass::SchemaUnmet);
                    return Came::Failure(class, failed_us(attempt), tokens);
                }
                Told::Unknown => {
                    if let Some(after_us) = self.given_up(plan, attempt, deployment) {
                        return Came::GivenUp(after_us);
                    }
                }
            }
        }
        // What a provider called wrong in itself, others would call so, too.
        let is_wrong = |last: &AttemptRecord| Told::of(last) == Told::Failed(FailureClass::BadRequest);
        if self.record.attempts.last().is_some_and(is_wrong) {
            return Came::Failure(FailureClass::BadRequest, 0, None);
        }
        self.draw(deployment)
    }

    /// Whether the plan has a better answer asked for in place of one that does not fit.
    fn asks_again(&self, plan: &Plan) -> bool {
        plan.survival.reaction(FailureClass::SchemaUnmet) != Reaction::Stop
    }

    /// After how long the one that has answered in truth was asked beside this one, where the plan would have asked it, too.
    fn given_up(&mut self, plan: &Plan, attempt: &AttemptRecord, deployment: &Deployment) -> Option<u64> {
        let answered = self.record.attempts.last().filter(|last| last.cause.is_none())?;
        let is_of_plan = |step: &Step| is_of(answered, &step.deployment);
        if attempt.cause.as_deref() != Some(HEDGED)
            || plan.survival.hedge.is_none()
            || !plan.steps.iter().any(is_of_plan)
        {
            return None;
        }
        self.beside.extend(attempt.tokens.map(|tokens| (deployment.clone(), tokens)));
        Some(answered.started_us.saturating_sub(attempt.started_us))
    }

    /// Notes what second tries have used that lost against the first one, where the plan would have made them, too.
    fn pay_hedges(&mut self, plan: &Plan) {
        if plan.survival.hedge.is_none() {
            return;
        }
        for attempt in std::mem::take(&mut self.left) {
            let step = plan.steps.iter().find(|step| is_of(attempt, &step.deployment));
            if let (Some(HEDGED), Some(step), Some(tokens)) = (attempt.cause.as_deref(), step, attempt.tokens)
            {
                self.tries += 1;
                self.beside.push((step.deployment.clone(), tokens));
            }
        }
    }

    fn draw(&mut self, deployment: &Deployment) -> Came {
        self.is_drawn = true;
        let World { seen, bases, .. } = &mut self.world;
        if bases.len() >= BASES_MOST && !bases.contains_key(&deployment.id) {
            bases.clear();
        }
        let basis =
            Rc::clone(bases.entry(deployment.id).or_insert_with(|| Rc::new(Basis::of(seen, deployment))));
        let slot = seen.slot(self.record.started_at_us);
        if let Some((class, took_us)) = basis.fails(seen, slot, self.dice) {
            return Came::Failure(class, took_us, None);
        }
        let answer = basis.answers(seen, self.record.streamed, self.output, self.dice);
        Came::Answer(answer, basis.breaks(seen, self.dice))
    }
}

/// Whether a try was made at a deployment.
fn is_of(attempt: &AttemptRecord, deployment: &Deployment) -> bool {
    *attempt.provider == *deployment.provider.id && *attempt.model == *deployment.model.native_id
}

/// When the first of its tries began.
fn began_us(record: &ExchangeRecord) -> u64 {
    let began = record.attempts.iter().map(|attempt| attempt.started_us).min();
    began.unwrap_or(0).min(record.total_us)
}
