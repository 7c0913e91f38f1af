//! A choice told to people: which deployments would be tried in which order, and why the others not.
//!
//! In: a plan, or a request as it would be sent. Out: JSON. Nothing is sent anywhere.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, request};
use serde_json::{Value, json};
use yumen_config::cel::Attribute;
use yumen_config::{Snapshot, VirtualKey, Word as _};
use yumen_llm::price::dollars;
use yumen_llm::usage::Usage;
use yumen_telemetry::RouteRecord;

use super::arrival::{Arrival, Arrived, Earlier};
use super::auto::chosen;
use super::call::Call;
use super::decode;
use super::intent::by_pattern;
use super::resolve::{Ask, Live, Plan, resolve};
use super::rules::{Looked, PARTS, Request, look};
use crate::affinity::Affinity;
use crate::health::Health;
use crate::rejection::{Code, Rejection};
use crate::route::{Route, Task};
use crate::stages;

/// With it a client asks what would be done with a request, which then goes nowhere.
pub const DRY_RUN_HEADER: &str = "x-yumen-dry-run";

/// Whether a head carries a header by which something is asked for.
pub fn asks(headers: &HeaderMap, name: &str) -> bool {
    headers.get(name).is_some_and(|value| matches!(value.as_bytes(), b"1" | b"true"))
}

/// The plan as it is told.
fn told(plan: &Plan, ask: &Ask<'_>, route: Option<RouteRecord>) -> Value {
    let prompt = ask.prompt_tokens();
    let usage = Usage { input: prompt, output: ask.max_output.unwrap_or(0), ..Usage::default() };
    let steps: Vec<Value> = plan
        .steps
        .iter()
        .map(|step| {
            let model = &step.deployment.model;
            json!({
                "provider": step.provider().id, "model": model.native_id, "dialect": step.dialect,
                "canonical_model": model.canonical_id,
                "expected_cost_usd": model.price.map(|price| dollars(price.cost_nanos(&usage))),
            })
        })
        .collect();
    let considered = plan.decision.record(None).map(|record| record.considered).unwrap_or_default();
    let out: Vec<Value> = considered
        .iter()
        .filter_map(|one| {
            Some(json!({ "provider": one.provider, "model": one.model, "because": one.out.as_ref()? }))
        })
        .collect();
    let behind: Vec<Value> = considered
        .iter()
        .filter_map(|one| {
            Some(json!({ "provider": one.provider, "model": one.model, "because": one.behind.as_ref()? }))
        })
        .collect();
    let RouteRecord { rule, failed_rules, preset, category, .. } = route.unwrap_or_default();
    json!({
        "object": "route", "rule": rule, "failed_rules": failed_rules, "preset": preset, "category": category,
        "models": ask.models.iter().map(|named| named.name).collect::<Vec<_>>(),
        "strategy": plan.decision.strategy.word(), "sticky": plan.decision.sticky,
        "prompt_tokens_estimated": prompt, "plan": steps, "behind": behind, "out": out,
    })
}

/// The answer to a call of which only the choice is asked for.
pub fn dry_run(
    snapshot: &Snapshot,
    call: &Call,
    headers: &HeaderMap,
    looked: &Looked<'_>,
    plan: &Plan,
) -> Option<Box<Arrival>> {
    if call.task != Task::Explain {
        return None;
    }
    let told = Bytes::from(told(plan, &looked.ask(snapshot, call, headers), looked.record(call)).to_string());
    Some(Box::new(Arrival {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        dialect: call.dialect,
        step: None,
        credential: None,
        answer: Arrived::Whole { tap: Box::default(), told, streamed: false, healed: None, heard: None },
        lossy: Vec::new(),
        dress: None,
        keep: None,
        remembering: None,
        prospect: None,
        earlier: Earlier::default(),
    }))
}

/// A request of this head and body, read as the settings understand it.
pub fn understood(snapshot: &Snapshot, head: &request::Parts, body: Bytes) -> Result<Box<Call>, Rejection> {
    let Route::Llm(route) = stages::route(head)? else {
        return Err(Rejection::new(Code::RouteNotFound, "No model is asked at this path."));
    };
    decode::understood(snapshot, decode::read(&snapshot.gateway, route, body)?, &head.headers)
}

/// What would be done with a request of this head and body by a gateway that has served nothing yet.
pub fn explain(
    snapshot: &Snapshot,
    key: &VirtualKey,
    head: &request::Parts,
    body: Bytes,
) -> Result<Value, Rejection> {
    let call = chosen(snapshot, key, understood(snapshot, head, body)?, &head.headers)?;
    let (health, affinity) = (Health::default(), Affinity::default());
    let live =
        Live { health: &health, affinity: &affinity, now_ms: 0, draw: &|_| 0, is_limited: &|_, _| false };
    let category = by_pattern(&snapshot.intent, &call);
    let mut looked = look(snapshot, &Request::new(&call, key, head, (live.draw)(PARTS), Some(&category)));
    looked.category = snapshot.rules.read(Attribute::Category).then_some(category);
    let call = looked.obeyed(snapshot, call)?;
    let ask = looked.ask(snapshot, &call, &head.headers);
    Ok(told(&resolve(&live, snapshot, key, &ask)?, &ask, looked.record(&call)))
}
