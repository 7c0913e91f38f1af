//! One question of the gateway's own to a deployment: an answer of one token.
//!
//! In: a deployment. Out: whether it has answered. It is sent as exchanges are, but belongs to no key, changes no
//! figures of exchanges, and leaves no record.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;
use serde_json::json;
use yumen_config::{Deployment, Snapshot};
use yumen_llm::dialects::Dialect;

use super::attempt::Try;
use super::decode;
use super::resolve::{Plan, Step, spoken};
use crate::exchange::Exchange;
use crate::health::Probed;
use crate::kinds::turns::waits;
use crate::route::{LlmRoute, Skin, Task};
use crate::worker::Worker;

/// Whether a deployment can be asked so: it converses.
pub fn can_be_probed(deployment: &Deployment) -> bool {
    spoken(Dialect::OpenAiChat, deployment).is_some()
}

/// Asks a deployment, for no longer than so; `None` when it cannot be asked.
pub async fn probe(
    worker: &Arc<Worker>,
    snapshot: &Snapshot,
    deployment: &Deployment,
    most: Duration,
) -> Option<Probed> {
    let dialect = spoken(Dialect::OpenAiChat, deployment)?;
    let step = Step { deployment: deployment.clone(), dialect, online: false };
    let body = json!({
        "model": deployment.model.native_id, "max_tokens": 1,
        "messages": [{ "role": "user", "content": "Hi" }],
    });
    let headers = HeaderMap::new();
    let route =
        LlmRoute { dialect: Dialect::OpenAiChat, task: Task::Generate, skin: Skin::Plain, in_path: None };
    let call = decode::read(&snapshot.gateway, route, Bytes::from(body.to_string())).ok()?;
    let call = decode::understood(snapshot, call, &headers).ok()?;
    let plan = Plan::one(step);
    let step = plan.steps.first()?;
    let (credentials, load) = (&step.provider().credentials, call.load(deployment));
    let all = credentials.items();
    let credential = all.iter().find(|one| !waits(&worker.gateway, one, load)).or(all.first());
    let began = Instant::now();
    let attempt = Try {
        settings: &snapshot.gateway,
        call: &call,
        client_headers: &headers,
        plan: &plan,
        step,
        credential,
        renewed: false,
        began,
        deadline: began + most,
    };
    let mut exchange = Box::new(Exchange::open(worker));
    let answered = tokio::time::timeout(most, attempt.run(&mut exchange)).await;
    exchange.discard();
    Some(match answered {
        Ok(Ok(_)) => Probed::Well,
        // What tells of the request or of the credential tells that somebody is there.
        Ok(Err(failure)) if !failure.is_of_deployment() => Probed::Refused,
        Ok(Err(_)) | Err(_) => Probed::Failed,
    })
}
