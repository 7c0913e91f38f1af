//! Answers that only say that the work has begun: whose it is, and where, is remembered before the client hears of it.

use bytes::Bytes;
use yumen_config::VirtualKey;
use yumen_telemetry::{Account, ObjectKind};

use super::arrival::{Arrival, Arrived};
use super::call::Call;
use crate::exchange::Exchange;
use crate::kinds::accounts;
use crate::kinds::owned::created;
use crate::rejection::{Code, Rejection};

/// A job that a provider has begun.
pub struct Job {
    account: Account,
    said: Bytes,
}

/// The job that an answer tells of, if its dialect has any. The provider has taken the work: that is charged, whatever
/// becomes of what we remember.
pub fn job(exchange: &mut Exchange, call: &Call, arrival: &Arrival) -> Result<Option<Job>, Rejection> {
    let makes_jobs = call.passing().is_some_and(|passing| passing.makes_jobs);
    let Some(step) = arrival.step.as_ref().filter(|_| makes_jobs) else { return Ok(None) };
    let Arrived::Whole { tap, told, .. } = &arrival.answer else {
        return Err(Rejection::new(Code::UpstreamInvalid, "The provider's answer tells of no job."));
    };
    exchange.counted(None, &tap.units, step.deployment.model.price.as_ref());
    let account = accounts::of(step.provider(), arrival.credential.as_ref());
    Ok(Some(Job { account, said: told.clone() }))
}

/// Remembers whose it is.
pub async fn remember(exchange: &Exchange, key: &VirtualKey, call: &Call, job: Job) -> Result<(), Rejection> {
    created(exchange, key, job.account, ObjectKind::Video, &call.model, &job.said).await
}
