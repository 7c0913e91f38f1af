//! Responses that are kept: looked at, deleted, and the items that were given for them.
//! <https://platform.openai.com/docs/api-reference/responses>
//!
//! In: calls at `/v1/responses/{id}`. Out: what the provider says that keeps the response, or what is kept here. A key finds
//! what it has asked for itself; of all else the answer is the same as of what never was.

mod kept;

use http::Method;
use yumen_config::{GatewaySettings, Provider, Snapshot, VirtualKey};
use yumen_llm::dialects::Dialect;
use yumen_telemetry::ObjectKind;

use super::call::Call;
use super::dispatch::{Arrival, send};
use super::files::{owned, seen, whole};
use super::resolve::{Plan, Step};
use crate::exchange::Exchange;
use crate::kinds::accounts;
use crate::kinds::llm::is_kept_here;
use crate::rejection::Rejection;
use crate::route::ResponsesPath;
use crate::worker::Worker;

/// Where responses are below a provider's base URL, unless its settings say otherwise.
const USUAL: &str = "/responses";

/// Chooses who answers: the account that made the response, or the gateway.
pub async fn resolve(
    worker: &Worker,
    snapshot: &Snapshot,
    key: &VirtualKey,
    path: &ResponsesPath,
) -> Result<Plan, Rejection> {
    let id = path.id();
    if is_kept_here(id) {
        return Ok(Plan { steps: Default::default(), object: None });
    }
    let object = owned(worker, ObjectKind::Response, id, key).await?;
    let folder = accounts::found(snapshot, &object.account).and_then(|(provider, _)| folder(provider));
    let folder = folder.as_deref().unwrap_or(USUAL);
    let below = match path {
        ResponsesPath::One(_) => format!("{folder}/{id}"),
        ResponsesPath::InputItems(_) => format!("{folder}/{id}/input_items"),
        ResponsesPath::Cancel(_) => format!("{folder}/{id}/cancel"),
    };
    Ok(Plan::one(Step::at(snapshot, &object.account, &below)?, Some(object)))
}

/// The path of responses below the base URL, as requests for them have it.
fn folder(provider: &Provider) -> Option<String> {
    let endpoint = provider.endpoints.get(&Dialect::OpenAiResponses)?;
    let path = endpoint.path.for_model("")?;
    provider.base.as_ref()?.below(path.path()).map(str::to_owned)
}

/// Asks, and forgets what was deleted.
pub async fn dispatch(
    exchange: &mut Exchange,
    settings: &GatewaySettings,
    key: &VirtualKey,
    call: &Call,
    path: &ResponsesPath,
    plan: &Plan,
) -> Result<Arrival, Rejection> {
    let (Some(step), Some(object)) = (plan.steps.first(), &plan.object) else {
        return kept::answer(exchange, settings, key, call, path).await;
    };
    let mut arrival = send(exchange, settings, call, step, &call.query).await?;
    if call.method == Method::DELETE && arrival.status.is_success() {
        let said = whole(exchange, settings, &mut arrival).await?;
        seen::deleted(exchange, object, &said).await?;
    }
    Ok(arrival)
}
