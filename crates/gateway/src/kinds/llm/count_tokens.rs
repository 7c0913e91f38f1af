//! Counting tokens for clients of Anthropic and Google: by an upstream that can, else by the model's vocabulary where that is
//! public, else by estimate.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use yumen_config::{GatewaySettings, Scheme};
use yumen_llm::dialects::{Dialect, codec, count_tokens_answer, gemini_count_tokens_answer};
use yumen_llm::tokens::{Count, Gauge};

use super::arrival::{Arrival, Arrived, Earlier};
use super::call::Call;
use super::dispatch::dispatch;
use super::headers;
use super::resolve::{Plan, Step};
use crate::exchange::Exchange;
use crate::rejection::Rejection;

/// Asks those of the plan that speak the dialect and can count; where none does, or knows no such path, the gateway counts.
pub async fn count_tokens(
    exchange: &mut Exchange,
    settings: &GatewaySettings,
    call: &Call,
    plan: &Plan,
    client_headers: &HeaderMap,
) -> Result<Box<Arrival>, Rejection> {
    let first = plan.steps.first();
    // A whole request inside the body names a model of its own.
    let whole = call.object.get(&call.body, "generateContentRequest").is_some();
    let steps = plan.steps.iter().filter(|step| !whole && step.dialect == call.dialect && can_count(step));
    let counting = plan.with_steps(steps.cloned().collect());
    if counting.steps.is_empty() {
        return Ok(count(exchange, call, first, whole).await);
    }
    let rejection = match dispatch(exchange, settings, call, &counting, client_headers).await {
        Ok(arrival) => return Ok(arrival),
        Err(rejection) => rejection,
    };
    match exchange.record.attempts.last().and_then(|attempt| attempt.status) {
        None | Some(404 | 405 | 501) => Ok(count(exchange, call, first, whole).await),
        Some(_) => Err(rejection),
    }
}

fn can_count(step: &Step) -> bool {
    let endpoint = step.provider().endpoints.get(&step.dialect);
    endpoint.is_some_and(|endpoint| endpoint.scheme != Scheme::Builtin && endpoint.count_path.is_some())
}

/// Counts by the model's own vocabulary where it is public, else by estimate.
async fn count(exchange: &Exchange, call: &Call, step: Option<&Step>, whole: bool) -> Box<Arrival> {
    let gateway = &exchange.worker().gateway;
    let model = step.map(|step| step.deployment.model.name());
    let gauge = Gauge::of(model.map_or(call.model.as_str(), |name| name));
    let counted = match gauge.encoding {
        Some(_) if !whole => {
            let (dialect, body) = (call.dialect, call.body.clone());
            // A long prompt takes longer than others on this worker should wait, and so does unpacking a vocabulary.
            let _turn = gateway.listings.acquire().await;
            let count = move || Some(gauge.count(&codec(dialect).decode_request(&body).ok()?));
            tokio::task::spawn_blocking(count).await.ok().flatten()
        }
        _ => None,
    };
    let Count { tokens, is_exact } = counted.unwrap_or_else(|| {
        let tokens = gateway.estimates.estimate(model.map(|name| &**name), &call.body);
        Count { tokens, is_exact: false }
    });
    let counted = Bytes::from(match call.dialect {
        Dialect::Gemini => gemini_count_tokens_answer(tokens),
        _ => count_tokens_answer(tokens),
    });
    Box::new(Arrival {
        status: StatusCode::OK,
        headers: HeaderMap::from_iter([headers::token_source(is_exact)]),
        dialect: call.dialect,
        step: step.cloned(),
        credential: None,
        answer: Arrived::Whole {
            tap: Box::default(),
            told: counted,
            streamed: false,
            healed: None,
            heard: None,
        },
        lossy: Vec::new(),
        dress: None,
        keep: None,
        remembering: None,
        prospect: None,
        earlier: Earlier::default(),
    })
}
