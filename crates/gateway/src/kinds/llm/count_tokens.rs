//! Counting tokens for Anthropic clients: by an upstream that can, else by estimate.

use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use yumen_config::{GatewaySettings, Scheme};
use yumen_llm::dialects::{Dialect, count_tokens_answer, gemini_count_tokens_answer};
use yumen_llm::tokens;

use super::arrival::{Arrival, Arrived};
use super::attempt::Try;
use super::call::Call;
use super::classify::Next;
use super::resolve::{Plan, Step};
use crate::exchange::Exchange;
use crate::rejection::Rejection;

/// Asks the plan's first step, when it speaks the dialect; where it does not, or knows no such path, estimates.
pub async fn count_tokens(
    exchange: &mut Exchange,
    settings: &GatewaySettings,
    call: &Call,
    plan: &Plan,
    client_headers: &HeaderMap,
) -> Result<Arrival, Rejection> {
    let Some(step) = plan.steps.first() else { return Ok(estimate(call, None)) };
    let provider = step.provider();
    let can_count = provider
        .endpoints
        .get(&step.dialect)
        .is_some_and(|endpoint| endpoint.scheme != Scheme::Builtin && endpoint.count_path.is_some());
    // A whole request inside the body names a model of its own.
    let whole = call.object.get(&call.body, "generateContentRequest").is_some();
    if step.dialect != call.dialect || !can_count || whole {
        return Ok(estimate(call, Some(step)));
    }
    let credential = provider.credentials.turn().next();
    let deadline = Instant::now() + provider.timeouts.total;
    let mut attempt =
        Try { settings, call, client_headers, plan, step, credential, renewed: false, deadline };
    let mut result = attempt.run(exchange).await;
    if result.as_ref().is_err_and(|failure| failure.next == Next::Renewed) {
        attempt.renewed = true;
        result = attempt.run(exchange).await;
    }
    match result {
        Ok(arrival) => Ok(arrival),
        Err(failure) if matches!(failure.status, None | Some(404 | 405 | 501)) => {
            Ok(estimate(call, Some(step)))
        }
        Err(failure) => Err(failure.rejection),
    }
}

fn estimate(call: &Call, step: Option<&Step>) -> Arrival {
    let count = tokens::estimate_json(&call.body);
    let counted = Bytes::from(match call.dialect {
        Dialect::Gemini => gemini_count_tokens_answer(count),
        _ => count_tokens_answer(count),
    });
    Arrival {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        dialect: call.dialect,
        step: step.cloned(),
        answer: Arrived::Whole { said: counted.clone(), told: counted, streamed: false },
        lossy: Vec::new(),
        dress: None,
    }
}
