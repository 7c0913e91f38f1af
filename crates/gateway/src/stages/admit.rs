//! admit: Consumer → Permit. Model permission, rate and concurrency; never waits for SQL.

use std::time::Instant;

use serde_json::json;
use yumen_config::{ModelPatterns, Snapshot, VirtualKey, may_use};

use crate::limits::{Permit, Refusal};
use crate::rejection::{Code, Rejection};
use crate::worker::Gateway;

/// Lets one request for `models` (the one asked for and the client's own fallbacks) in.
pub fn admit<'a>(
    gateway: &Gateway,
    snapshot: &Snapshot,
    key: &VirtualKey,
    models: impl Iterator<Item = &'a str>,
) -> Result<Permit, Rejection> {
    for model in models {
        permitted(snapshot, key, model)?;
    }
    if !gateway.sink.has_room() {
        let message =
            "Records wait for the database and their spool is full; new work is refused until it drains.";
        return Err(Rejection::new(Code::SpoolFull, message).retry_after(5));
    }
    gateway.limits.admit(key, Instant::now()).map_err(|refusal| match refusal {
        Refusal::Rate { retry_after } => {
            let seconds = retry_after.as_secs() + 1;
            let most = key.requests_per_minute.unwrap_or(0);
            let message =
                format!("The virtual key may make {most} requests per minute; come back in {seconds} s.");
            Rejection::new(Code::RateLimited, message).retry_after(seconds)
        }
        Refusal::Concurrency => {
            let most = key.concurrency.unwrap_or(0);
            let message =
                format!("The virtual key may have {most} exchanges open at the same time, and has.");
            Rejection::new(Code::ConcurrencyLimited, message).retry_after(1)
        }
    })
}

/// Refuses a model that the key may not use.
pub fn permitted(snapshot: &Snapshot, key: &VirtualKey, model: &str) -> Result<(), Rejection> {
    if key.models.allows(model) {
        return Ok(());
    }
    let Some(target) = snapshot.target(model) else { return Err(unknown(snapshot, &key.models, model)) };
    if may_use(&key.models, model, &target) {
        return Ok(());
    }
    let message = format!("The virtual key `{}` may not use the model `{model}`.", key.name);
    Err(Rejection::new(Code::ModelNotAllowed, message).param("model"))
}

/// The answer to a model name that nothing serves, with the nearest of the names that are allowed.
pub fn unknown(snapshot: &Snapshot, allowed: &ModelPatterns, model: &str) -> Rejection {
    let shown: String = model.chars().take(200).collect();
    let mut message = format!("No configured provider serves the model `{shown}`.");
    let near = snapshot.near_names(model, allowed);
    let near_names: Vec<&str> = near.iter().map(|name| &**name).collect();
    if !near.is_empty() {
        let near: Vec<_> = near.iter().map(|name| format!("`{name}`")).collect();
        message.push_str(&format!(" Near names: {}.", near.join(", ")));
    }
    let mut rejection = Rejection::new(Code::ModelNotFound, message).param("model");
    rejection.metadata = Some(json!({ "availability": {
        "code": "model_not_found", "retryable": false, "requested_models": [shown], "fallback_models": near_names,
    } }));
    rejection
}
