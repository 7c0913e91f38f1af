//! Counting tokens for Anthropic clients: by an upstream that can, else by estimate.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use yumen_config::{GatewaySettings, Scheme};
use yumen_llm::dialects::{Dialect, count_tokens_answer, gemini_count_tokens_answer};
use yumen_llm::tokens;

use super::arrival::{Arrival, Arrived};
use super::call::Call;
use super::dispatch::dispatch;
use super::resolve::{Plan, Step};
use crate::exchange::Exchange;
use crate::rejection::Rejection;

/// Asks those of the plan that speak the dialect and can count; where none does, or knows no such path, estimates.
pub async fn count_tokens(
    exchange: &mut Exchange,
    settings: &GatewaySettings,
    call: &Call,
    plan: &Plan,
    client_headers: &HeaderMap,
) -> Result<Arrival, Rejection> {
    let first = plan.steps.first();
    // A whole request inside the body names a model of its own.
    let whole = call.object.get(&call.body, "generateContentRequest").is_some();
    let steps = plan.steps.iter().filter(|step| !whole && step.dialect == call.dialect && can_count(step));
    let counting = plan.with_steps(steps.cloned().collect());
    if counting.steps.is_empty() {
        return Ok(estimate(call, first));
    }
    dispatch(exchange, settings, call, &counting, client_headers).await.or_else(|rejection| {
        match exchange.record.attempts.last().and_then(|attempt| attempt.status) {
            None | Some(404 | 405 | 501) => Ok(estimate(call, first)),
            Some(_) => Err(rejection),
        }
    })
}

fn can_count(step: &Step) -> bool {
    let endpoint = step.provider().endpoints.get(&step.dialect);
    endpoint.is_some_and(|endpoint| endpoint.scheme != Scheme::Builtin && endpoint.count_path.is_some())
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
        credential: None,
        answer: Arrived::Whole { tap: Box::default(), told: counted, streamed: false },
        lossy: Vec::new(),
        dress: None,
        keep: None,
        remembering: None,
    }
}
