//! Taking the token that a credential stands for, within the time that a try has.

use std::sync::Arc;
use std::time::{Duration, Instant};

use yumen_config::{Credential, Provider};

use super::classify::Failure;
use crate::upstream::{Door, Pass, TokenError};
use crate::worker::Worker;

/// Takes a token; the wait is part of the try.
pub async fn token<'a>(
    worker: &Arc<Worker>,
    provider: &Provider,
    credential: Option<&'a Credential>,
    deadline: Instant,
) -> Result<Pass<'a>, Failure> {
    let remaining = |most: Duration| most.min(deadline.saturating_duration_since(Instant::now()));
    let mut timeouts = provider.timeouts;
    let patience = remaining(timeouts.connect + timeouts.first_byte);
    timeouts.connect = remaining(timeouts.connect);
    timeouts.first_byte = remaining(timeouts.first_byte);
    let door = Door { pool: &worker.pool, timeouts, provider: &provider.id };
    let Some(credential) = credential else { return Ok(Pass::None) };
    let taken = tokio::time::timeout(patience, worker.gateway.access_tokens.take(credential, &door)).await;
    let taken = taken.unwrap_or_else(|_| Err(TokenError::slow()));
    let (token, cached) = taken.map_err(|error| Failure::unauthenticated(&provider.name, error))?;
    Ok(Pass::Token { token, cached })
}
