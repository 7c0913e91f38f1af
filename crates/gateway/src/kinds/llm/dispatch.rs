//! dispatch: Plan, Call → upstream response. The only loop; ends at the first content.

use std::time::Instant;

use http::HeaderMap;
use smallvec::SmallVec;
use yumen_config::{Credential, GatewaySettings};
use yumen_telemetry::AttemptRecord;

use super::arrival::Arrival;
use super::attempt::Try;
use super::call::Call;
use super::classify::{Failure, Next};
use super::resolve::{Plan, Step};
use crate::exchange::{Exchange, Trying, micros};
use crate::rejection::{Code, Rejection};

/// Tries the plan's steps in order until one answers.
pub async fn dispatch(
    exchange: &mut Exchange,
    settings: &GatewaySettings,
    call: &Call,
    plan: &Plan,
    client_headers: &HeaderMap,
) -> Result<Arrival, Rejection> {
    let mut run = Run { settings, call, client_headers, tries: 0, last: None };
    // Credentials that rest are left out first; when that leaves nothing to try, they are tried after all.
    for rested_too in [false, true] {
        for step in &plan.steps {
            if let Some(arrival) = run.step(exchange, step, rested_too).await? {
                return Ok(arrival);
            }
        }
        if run.tries > 0 {
            break;
        }
    }
    Err(run.last.unwrap_or_else(|| Rejection::new(Code::Internal, "The plan had no step.")))
}

struct Run<'a> {
    settings: &'a GatewaySettings,
    call: &'a Call,
    client_headers: &'a HeaderMap,
    tries: usize,
    last: Option<Rejection>,
}

impl Run<'_> {
    /// Tries one deployment with its credentials. `Ok(None)`: go on; `Err`: nobody would answer differently.
    async fn step(
        &mut self,
        exchange: &mut Exchange,
        step: &Step,
        rested_too: bool,
    ) -> Result<Option<Arrival>, Rejection> {
        let provider = step.provider();
        let deadline = exchange.started + provider.timeouts.total;
        let mut credentials: SmallVec<[Option<&Credential>; 2]> =
            provider.credentials.turn().map(|credential| Some(&**credential)).collect();
        if credentials.is_empty() {
            credentials.push(None);
        }
        for credential in credentials {
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
            let (settings, call, client_headers) = (self.settings, self.call, self.client_headers);
            let attempt = Try { settings, call, client_headers, step, credential, deadline };
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
                        Next::Deployment => {
                            self.last = Some(failure.rejection);
                            return Ok(None);
                        }
                    }
                }
            }
        }
        Ok(None)
    }
}

fn trying(exchange: &Exchange, call: &Call, step: &Step, credential: Option<&Credential>) -> Trying {
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
