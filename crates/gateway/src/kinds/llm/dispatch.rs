//! dispatch: Plan, Call → upstream response. The only loop; ends at the first content.

mod hedge;
mod limited;
mod unmet;

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;
use smallvec::SmallVec;
use yumen_config::{Credential, GatewaySettings, Reaction, Word as _};
use yumen_telemetry::AttemptRecord;

use super::arrival::{Arrival, Arrived, Earlier};
use super::attempt::Try;
use super::call::Call;
use super::classify::{Failure, PAUSE_MOST, Rest};
use super::rescue::Rescue;
use super::resolve::{Plan, Step};
use crate::clock::micros;
use crate::exchange::{Asked, Exchange, Trying};
use crate::health::Opened;
use crate::kinds::turns::{turn, waits};
use crate::rejection::{Code, Rejection};
use crate::route::Task;
use crate::serving::{Manner, Serving};
use unmet::Aside;

/// The first pause before what failed for a moment is tried anew; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Tries the plan's steps in order until one answers.
pub async fn dispatch(
    exchange: &mut Exchange,
    settings: &GatewaySettings,
    call: &Call,
    plan: &Plan,
    client_headers: &HeaderMap,
) -> Result<Box<Arrival>, Rejection> {
    let mut run = Run {
        settings,
        call,
        plan,
        client_headers,
        tries: 0,
        last: None,
        resting: SmallVec::new(),
        again: SmallVec::new(),
        left_out: SmallVec::new(),
        narrowed: SmallVec::new(),
        has_hedged: false,
        beside: SmallVec::new(),
        aside: None,
        opened: None,
    };
    let result = run.all(exchange).await;
    let mut arrival = match run.aside.take() {
        Some(aside) => run.answered(exchange, *aside, result),
        None => result.map_err(|rejection| run.with_least_wait(exchange, rejection))?,
    };
    arrival.earlier = run.earlier();
    Ok(arrival)
}

/// What may be answered after a try that was not.
#[derive(Debug, Clone, Copy)]
enum Then {
    /// The same credential, with a fresh token.
    Renewed,
    /// Another credential of the same provider.
    Credential,
    /// Another step.
    Step,
}

/// What came of one try that does not end the exchange.
type Tried = Result<Box<Arrival>, Then>;

/// A try that has begun.
struct Side<'a> {
    attempt: Try<'a>,
    /// The exchange as the credential sees it.
    held: Option<Opened>,
}

struct Run<'a> {
    settings: &'a GatewaySettings,
    call: &'a Call,
    plan: &'a Plan,
    client_headers: &'a HeaderMap,
    tries: usize,
    last: Option<Rejection>,
    /// Credentials that were left out because they rest or have no room.
    resting: SmallVec<[(&'a Step, &'a Arc<Credential>); 2]>,
    /// Steps that failed for a moment in this round, and the pause that they asked for.
    again: SmallVec<[(&'a Step, Option<Duration>); 2]>,
    /// Steps whose deployments nobody is to try now.
    left_out: SmallVec<[&'a Step; 2]>,
    /// What failures leave of the other steps.
    narrowed: SmallVec<[(Reaction, &'a Step); 1]>,
    /// Whether one was tried beside another.
    has_hedged: bool,
    /// Steps that have failed beside others in this round.
    beside: SmallVec<[&'a Step; 1]>,
    /// An answer that does not fit the schema that was asked for.
    aside: Option<Box<Aside<'a>>>,
    /// The exchange as the deployment that is tried sees it.
    opened: Option<Opened>,
}

impl<'a> Run<'a> {
    /// Tries all that may answer.
    async fn all(&mut self, exchange: &mut Exchange) -> Result<Box<Arrival>, Rejection> {
        if let Some(arrival) =
            self.round(exchange, self.plan.steps.iter(), self.plan.steps.len() == 1).await?
        {
            return Ok(arrival);
        }
        // Whoever fails is left alone while anybody else can be asked. When nobody could, the first of them is tried after all:
        // a client is better served by an answer that may come than by none.
        if self.tries == 0 && self.resting.is_empty() && !self.left_out.is_empty() {
            let first = std::mem::take(&mut self.left_out);
            if let Some(arrival) = self.round(exchange, first.into_iter().take(1), true).await? {
                return Ok(arrival);
            }
        }
        if let Some(arrival) = self.at_last(exchange).await? {
            return Ok(arrival);
        }
        for round in 0..self.settings.retry_rounds {
            let again = std::mem::take(&mut self.again);
            if again.is_empty() || self.tries >= self.settings.max_attempts {
                break;
            }
            let Some(again) = self.pause(exchange, round, again).await else { break };
            self.beside.clear();
            if let Some(arrival) = self.round(exchange, again.into_iter(), false).await? {
                return Ok(arrival);
            }
        }
        Err(self.last.take().unwrap_or_else(|| Rejection::new(Code::Internal, "The plan had no step.")))
    }

    async fn round(
        &mut self,
        exchange: &mut Exchange,
        steps: impl Iterator<Item = &'a Step>,
        anyway: bool,
    ) -> Result<Option<Box<Arrival>>, Rejection> {
        for step in steps {
            if !self.is_left(step) || self.beside.iter().any(|tried| std::ptr::eq(*tried, step)) {
                continue;
            }
            if !self.enter(exchange, step, anyway) {
                self.left_out.push(step);
                continue;
            }
            let arrival = self.step(exchange, step).await;
            self.opened = None;
            if let Some(arrival) = arrival? {
                return Ok(Some(arrival));
            }
        }
        Ok(None)
    }

    /// What whoever goes on with the answer has to know of it.
    fn earlier(&self) -> Earlier {
        let narrowed = self.narrowed.iter().filter(|_| !matches!(self.call.rescue, Rescue::Off));
        let narrowed = narrowed.map(|(reaction, step)| (*reaction, (*step).clone())).collect();
        Earlier { tries: self.tries, narrowed }
    }

    /// Whether what has failed so far leaves this step to be tried.
    fn is_left(&self, step: &Step) -> bool {
        self.narrowed.iter().all(|(reaction, failed)| step.is_left_by(*reaction, failed))
    }

    /// The credentials with which a step may be asked, in their turn.
    fn credentials(
        &self,
        exchange: &Exchange,
        step: &'a Step,
    ) -> impl Iterator<Item = &'a Arc<Credential>> + use<'a> {
        let (only, load) = (self.plan.only.as_ref(), self.call.load(&step.deployment));
        let turn = turn(exchange.worker(), &step.provider().credentials, load);
        only.into_iter().chain(turn.filter(move |_| only.is_none()))
    }

    /// Waits before another round and gives the steps for it: those that asked for no longer pause than the shortest.
    /// Not at all when that would take too long, or when there have been enough such tries of late. The pause is somewhat
    /// random, so that exchanges that failed together do not come back together.
    async fn pause(
        // Not shared: an answer that was put aside is not, either.
        &mut self,
        exchange: &mut Exchange,
        round: u32,
        again: SmallVec<[(&'a Step, Option<Duration>); 2]>,
    ) -> Option<SmallVec<[&'a Step; 2]>> {
        let own = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(round));
        let shortest = again.iter().map(|(_, asked)| asked.unwrap_or(own)).min()?;
        let pause = shortest.mul_f64(exchange.worker().between(1.0, 1.5)).min(PAUSE_MOST);
        let (health, percent) = (&exchange.worker().gateway.health, self.settings.retry_percent);
        let now_ms = health.at(Instant::now());
        let steps: SmallVec<[&Step; 2]> = again
            .into_iter()
            .filter(|(step, asked)| {
                asked.unwrap_or(own) <= pause
                    && exchange.started.elapsed() + pause < step.provider().timeouts.total
                    && self.is_left(step)
                    && health.of(&step.deployment).may_retry(now_ms, percent)
            })
            .map(|(step, _)| step)
            .collect();
        if steps.is_empty() {
            return None;
        }
        let began = Instant::now();
        tokio::time::sleep(pause).await;
        exchange.waited += began.elapsed();
        Some(steps)
    }

    /// Tries one deployment with its credentials. `Ok(None)`: go on; `Err`: nobody would answer differently.
    async fn step(
        &mut self,
        exchange: &mut Exchange,
        step: &'a Step,
    ) -> Result<Option<Box<Arrival>>, Rejection> {
        if step.provider().credentials.items().is_empty() {
            return Ok(self.attempt(exchange, step, None).await?.ok());
        }
        let load = self.call.load(&step.deployment);
        for credential in self.credentials(exchange, step) {
            if waits(&exchange.worker().gateway, credential, load) {
                self.resting.push((step, credential));
                continue;
            }
            match self.attempt(exchange, step, Some(credential)).await? {
                Ok(arrival) => return Ok(Some(arrival)),
                Err(Then::Credential | Then::Renewed) => {}
                Err(Then::Step) => break,
            }
        }
        Ok(None)
    }

    /// Makes one try, and one more with a fresh token where the provider has given up the one that was kept.
    async fn attempt(
        &mut self,
        exchange: &mut Exchange,
        step: &'a Step,
        credential: Option<&'a Arc<Credential>>,
    ) -> Result<Tried, Rejection> {
        match self.try_once(exchange, step, credential, false).await? {
            // Rare, so that it takes no room in the others.
            Err(Then::Renewed) => Box::pin(self.try_once(exchange, step, credential, true)).await,
            tried => Ok(tried),
        }
    }

    /// Makes one try, unless there have been enough.
    async fn try_once(
        &mut self,
        exchange: &mut Exchange,
        step: &'a Step,
        credential: Option<&'a Arc<Credential>>,
        renewed: bool,
    ) -> Result<Tried, Rejection> {
        let Some(side) = self.side(exchange, step, credential, renewed) else { return Ok(Err(Then::Step)) };
        if let Some(after) = self.hedges_after(exchange, &side) {
            return Box::pin(self.race(exchange, side, after)).await;
        }
        let result = side.attempt.run(exchange).await;
        self.ended(exchange, side, result)
    }

    /// Begins a try; `None` when there have been enough, or when there is no time left.
    fn side(
        &mut self,
        exchange: &mut Exchange,
        step: &'a Step,
        credential: Option<&'a Arc<Credential>>,
        renewed: bool,
    ) -> Option<Side<'a>> {
        if self.tries >= self.settings.max_attempts {
            return None;
        }
        let provider = step.provider();
        let (began, deadline) = (Instant::now(), exchange.started + provider.timeouts.total);
        if began >= deadline {
            let message = format!("The total time-out of {} has passed.", provider.name);
            self.last.get_or_insert_with(|| Rejection::new(Code::UpstreamTimeout, message));
            return None;
        }
        self.tries += 1;
        let Self { settings, call, plan, client_headers, .. } = *self;
        let attempt =
            Try { settings, call, client_headers, plan, step, credential, renewed, began, deadline };
        exchange.trying = Some(trying(exchange, &attempt));
        let gateway = &exchange.worker().gateway;
        let held = credential.and_then(|credential| {
            let figures = gateway.credentials.of_credential(provider, credential);
            figures.enter(gateway.credentials.at(began), true)
        });
        Some(Side { attempt, held })
    }

    /// Notes what came of a try, and says who is tried next.
    fn ended(
        &mut self,
        exchange: &mut Exchange,
        side: Side<'a>,
        result: Result<Box<Arrival>, Failure>,
    ) -> Result<Tried, Rejection> {
        let Side { attempt: Try { step, credential, began, .. }, held } = side;
        note(exchange, &result);
        let failure = match result {
            Ok(arrival) => {
                if let Some(reaction) = self.unmet(exchange, &arrival) {
                    return Ok(Err(self.put_aside(exchange, (step, began), (reaction, arrival), held)));
                }
                self.serves(exchange, step, &arrival, began, held);
                return Ok(Ok(arrival));
            }
            Err(failure) => failure,
        };
        if failure.is_of_deployment() {
            self.fails(exchange, step, &failure);
        }
        if let Some(mut held) = held.filter(|_| failure.is_of_deployment() || failure.is_of_credential()) {
            let health = &exchange.worker().gateway.credentials;
            held.failed(health.at(Instant::now()), None);
        }
        if let (Some(credential), Some(rest)) = (credential, failure.rest) {
            self.rest(exchange, step, credential, rest);
        }
        let reaction = self.plan.survival.reaction(failure.class);
        if reaction == Reaction::Stop {
            return Err(failure.rejection);
        }
        if failure.is_unsaid() {
            // Nothing was sent: it is no try, and hides no failure of those that were.
            self.tries -= 1;
            self.last.get_or_insert(failure.rejection);
            return Ok(Err(Then::Step));
        }
        let (is_of_credential, renewable) = (failure.is_of_credential(), failure.renewable);
        let asked = failure.rejection.retry_after_s.map(Duration::from_secs);
        self.last = Some(failure.rejection);
        if renewable {
            return Ok(Err(Then::Renewed));
        }
        let narrows = self.lead_from(reaction, step, asked);
        Ok(Err(if is_of_credential && !narrows { Then::Credential } else { Then::Step }))
    }

    /// Notes who is to be tried after a step has failed; says whether its provider's other credentials are none of them.
    fn lead_from(&mut self, reaction: Reaction, step: &'a Step, asked: Option<Duration>) -> bool {
        match reaction {
            Reaction::NextModel | Reaction::LargerModel | Reaction::OtherProvider => {
                self.narrowed.push((reaction, step));
                return true;
            }
            // A server that asks for a long pause is not asked again by this exchange.
            Reaction::Retry if asked.is_none_or(|asked| asked <= PAUSE_MOST) => {
                if !self.again.iter().any(|(noted, _)| std::ptr::eq(*noted, step)) {
                    self.again.push((step, asked));
                }
            }
            Reaction::Retry | Reaction::Next | Reaction::Stop => {}
        }
        false
    }

    /// Opens the exchange at a deployment; says whether it may be tried now.
    fn enter(&mut self, exchange: &Exchange, step: &Step, anyway: bool) -> bool {
        let health = &exchange.worker().gateway.health;
        self.opened = health.of(&step.deployment).enter(health.at(Instant::now()), anyway);
        self.opened.is_some()
    }

    /// The deployment has answered: from here on it serves the exchange.
    fn serves(
        &mut self,
        exchange: &mut Exchange,
        step: &Step,
        arrival: &Arrival,
        began: Instant,
        held: Option<Opened>,
    ) {
        let Some(mut opened) = self.opened.take() else { return };
        let gateway = &Arc::clone(exchange.worker()).gateway;
        if self.call.task == Task::CountTokens {
            opened.answered(gateway.health.at(Instant::now()));
            return;
        }
        let session = self.plan.session.map(|session| (session.key, session.at_once));
        let manner = match arrival.answer {
            Arrived::Whole { .. } | Arrived::Large(..) => Manner::Whole,
            Arrived::Stream(..) => Manner::Streamed,
            Arrived::Session(..) => Manner::Session,
        };
        exchange.serving =
            Some(Serving::new(gateway, (opened, held), step.deployment.id, began, manner, session));
    }

    fn fails(&mut self, exchange: &Exchange, step: &Step, failure: &Failure) {
        let gateway = &exchange.worker().gateway;
        if let Some(opened) = &mut self.opened {
            let asked_ms = failure.rejection.retry_after_s.map(|seconds| seconds.saturating_mul(1000));
            opened.failed(gateway.health.at(Instant::now()), asked_ms);
        }
        let first = self.plan.steps.first().is_some_and(|first| std::ptr::eq(first, step));
        if let Some(session) = self.plan.session.filter(|_| first && self.plan.decision.sticky) {
            gateway.affinity.forget(session.key);
        }
    }

    fn rest(&self, exchange: &Exchange, step: &Step, credential: &Credential, rest: Rest) {
        // Counting has limits of its own, which say nothing of answers.
        if rest.model_only && self.call.task == Task::CountTokens {
            return;
        }
        let model = rest.model_only.then_some(&*step.deployment.model.native_id);
        exchange.worker().gateway.resting.rest(credential.id, model, rest.for_how_long);
    }
}

fn trying(exchange: &Exchange, attempt: &Try<'_>) -> Box<Trying> {
    let Try { call, step, began, .. } = *attempt;
    let model = &step.deployment.model;
    let attempt = AttemptRecord {
        provider: step.provider().id.to_string(),
        model: model.native_id.to_string(),
        credential: attempt.credential.map(|credential| credential.label.to_string()).unwrap_or_default(),
        status: None,
        cause: None,
        started_us: micros(began.saturating_duration_since(exchange.started)),
        duration_us: 0,
        ..AttemptRecord::default()
    };
    let asked = Asked { model: Some(Arc::clone(model.name())), ..call.asked() };
    Box::new(Trying { attempt, began, asked, price: model.price })
}

fn note(exchange: &mut Exchange, result: &Result<Box<Arrival>, Failure>) {
    let Some(trying) = exchange.trying.take() else { return };
    let Trying { mut attempt, began, .. } = *trying;
    (attempt.status, attempt.cause) = match result {
        Ok(arrival) => (Some(arrival.status.as_u16()), None),
        Err(failure) => (failure.status, Some(failure.class.word().to_owned())),
    };
    attempt.duration_us = micros(began.elapsed());
    exchange.attempted(attempt);
}
