//! dispatch: Plan, Call → upstream response. The only loop; ends at the first content.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;
use smallvec::SmallVec;
use yumen_config::{Credential, GatewaySettings};
use yumen_telemetry::AttemptRecord;

use super::arrival::Arrival;
use super::attempt::Try;
use super::call::Call;
use super::classify::{Failure, Next, PAUSE_MOST};
use super::resolve::{Plan, Step};
use crate::exchange::{Exchange, Trying, micros};
use crate::rejection::{Code, Rejection};

/// The first pause before what failed for a moment is tried anew; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Tries the plan's steps in order until one answers.
pub async fn dispatch(
    exchange: &mut Exchange,
    settings: &GatewaySettings,
    call: &Call,
    plan: &Plan,
    client_headers: &HeaderMap,
) -> Result<Arrival, Rejection> {
    let mut run = Run { settings, call, plan, client_headers, tries: 0, last: None, again: SmallVec::new() };
    // Credentials that rest are left out first; when that leaves nothing to try, they are tried after all.
    for rested_too in [false, true] {
        if let Some(arrival) = run.round(exchange, plan.steps.iter(), rested_too).await? {
            return Ok(arrival);
        }
        if run.tries > 0 {
            break;
        }
    }
    for round in 0..settings.retry_rounds {
        let again = std::mem::take(&mut run.again);
        if again.is_empty() || run.tries >= settings.max_attempts || !run.pause(exchange, round, &again).await
        {
            break;
        }
        if let Some(arrival) = run.round(exchange, again.into_iter(), false).await? {
            return Ok(arrival);
        }
    }
    Err(run.last.unwrap_or_else(|| Rejection::new(Code::Internal, "The plan had no step.")))
}

struct Run<'a> {
    settings: &'a GatewaySettings,
    call: &'a Call,
    plan: &'a Plan,
    client_headers: &'a HeaderMap,
    tries: usize,
    last: Option<Rejection>,
    /// Steps that failed for a moment in this round.
    again: SmallVec<[&'a Step; 2]>,
}

impl<'a> Run<'a> {
    async fn round(
        &mut self,
        exchange: &mut Exchange,
        steps: impl Iterator<Item = &'a Step>,
        rested_too: bool,
    ) -> Result<Option<Arrival>, Rejection> {
        for step in steps {
            if let Some(arrival) = self.step(exchange, step, rested_too).await? {
                return Ok(Some(arrival));
            }
        }
        Ok(None)
    }

    /// Waits before another round; not at all when that would take too long. The pause is somewhat random, so that
    /// exchanges that failed together do not come back together.
    async fn pause(&self, exchange: &mut Exchange, round: u32, again: &[&Step]) -> bool {
        let asked = self.last.as_ref().and_then(|last| last.retry_after_s).map(Duration::from_secs);
        let own = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(round));
        let pause = asked.unwrap_or(own).min(PAUSE_MOST).mul_f64(exchange.worker().between(1.0, 1.5));
        let allowed = again.iter().map(|step| step.provider().timeouts.total).max().unwrap_or_default();
        if exchange.started.elapsed() + pause >= allowed {
            return false;
        }
        let began = Instant::now();
        tokio::time::sleep(pause).await;
        exchange.waited += began.elapsed();
        true
    }

    /// Tries one deployment with its credentials. `Ok(None)`: go on; `Err`: nobody would answer differently.
    async fn step(
        &mut self,
        exchange: &mut Exchange,
        step: &'a Step,
        rested_too: bool,
    ) -> Result<Option<Arrival>, Rejection> {
        let provider = step.provider();
        let deadline = exchange.started + provider.timeouts.total;
        let mut waiting: SmallVec<[Option<&Arc<Credential>>; 2]> =
            provider.credentials.turn().map(Some).collect();
        if waiting.is_empty() {
            waiting.push(None);
        }
        // The next is taken from the end.
        waiting.reverse();
        let mut renewed = None;
        while let Some(credential) = waiting.pop() {
            let rests = credential.is_some_and(|credential| {
                exchange.worker().gateway.resting.rests(credential.id, &step.deployment.model.native_id)
            });
            if (rests && !rested_too) || self.tries >= self.settings.max_attempts {
                continue;
            }
            if Instant::now() >= deadline {
                let message = format!("The total time-out of {} has passed.", provider.name);
                self.last.get_or_insert_with(|| Rejection::new(Code::UpstreamTimeout, message));
                return Ok(None);
            }
            self.tries += 1;
            let Self { settings, call, plan, client_headers, .. } = *self;
            let again = credential.is_some_and(|credential| renewed == Some(credential.id));
            let attempt =
                Try { settings, call, client_headers, plan, step, credential, renewed: again, deadline };
            exchange.trying = Some(trying(exchange, call, step, credential));
            let result = attempt.run(exchange).await;
            note(exchange, &result);
            match result {
                Ok(arrival) => return Ok(Some(arrival)),
                Err(failure) => {
                    if let (Some(credential), Some(rest)) = (credential, failure.rest) {
                        let model = rest.model_only.then_some(&*step.deployment.model.native_id);
                        exchange.worker().gateway.resting.rest(credential.id, model, rest.for_how_long);
                    }
                    match failure.next {
                        Next::Stop => return Err(failure.rejection),
                        Next::Unsaid => {
                            // Nothing was sent: it is no try, and hides no failure of those that were.
                            self.tries -= 1;
                            self.last.get_or_insert(failure.rejection);
                            return Ok(None);
                        }
                        Next::Credential => self.last = Some(failure.rejection),
                        Next::Renewed => {
                            self.last = Some(failure.rejection);
                            renewed = credential.map(|credential| credential.id);
                            waiting.push(credential);
                        }
                        next @ (Next::Deployment | Next::Moment) => {
                            self.last = Some(failure.rejection);
                            self.again.extend((next == Next::Moment).then_some(step));
                            return Ok(None);
                        }
                    }
                }
            }
        }
        Ok(None)
    }
}

fn trying(exchange: &Exchange, call: &Call, step: &Step, credential: Option<&Arc<Credential>>) -> Trying {
    let model = &step.deployment.model;
    let attempt = AttemptRecord {
        provider: step.provider().id.to_string(),
        model: model.native_id.to_string(),
        credential: credential.map(|credential| credential.label.to_string()).unwrap_or_default(),
        status: None,
        cause: None,
        started_us: exchange.elapsed_us(),
        duration_us: 0,
    };
    Trying { attempt, began: Instant::now(), request: call.body.clone(), price: model.price }
}

fn note(exchange: &mut Exchange, result: &Result<Arrival, Failure>) {
    let Some(Trying { mut attempt, began, .. }) = exchange.trying.take() else { return };
    (attempt.status, attempt.cause) = match result {
        Ok(arrival) => (Some(arrival.status.as_u16()), None),
        Err(failure) => (failure.status, Some(failure.cause.to_owned())),
    };
    attempt.duration_us = micros(began.elapsed());
    exchange.attempted(attempt);
}
