//! Videos, which a model makes while its client asks again: what is told of them, and what another one from the same
//! source costs. <https://platform.openai.com/docs/api-reference/videos>

use http::header;
use yumen_config::{Snapshot, VirtualKey};
use yumen_llm::dialects::{Dialect, Tap, codec};
use yumen_llm::json::scan_object;
use yumen_telemetry::{ObjectKind, OwnedObject};

use super::{owned, seen};
use crate::exchange::Exchange;
use crate::kinds::http::call::Call;
use crate::kinds::http::dispatch::Arrival;
use crate::kinds::http::resolve::{Plan, Step};
use crate::rejection::{Code, Rejection};
use crate::stages::permitted;
use crate::worker::Worker;

/// Members by which a provider could take another model, or another source, than the one that was permitted.
const REFUSED: [&str; 3] = ["model", "video_id", "remix_video_id"];

/// The place at which a video is made anew from one that the key has: the same account, asked for the same model.
pub(super) async fn again(
    worker: &Worker,
    snapshot: &Snapshot,
    key: &VirtualKey,
    call: &Call,
    id: &str,
    below: &str,
) -> Result<Plan, Rejection> {
    only_a_prompt(call, snapshot.gateway.max_json_depth)?;
    let source = owned(worker, ObjectKind::Video, id, key).await?;
    permitted(snapshot, key, &source.model)?;
    Ok(Plan::one(Step::at(snapshot, &source.account, below)?, Some(source)))
}

fn only_a_prompt(call: &Call, max_depth: usize) -> Result<(), Rejection> {
    let kind = call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") || !call.query.is_empty() {
        let message =
            "A remix is asked for in JSON, with `content-type: application/json` and without a query.";
        return Err(Rejection::new(Code::InvalidRequest, message));
    }
    let object = scan_object(&call.body, max_depth).map_err(|error| {
        let message = format!("The body cannot be read: {} (byte {}).", error.reason, error.position);
        Rejection::new(Code::InvalidJson, message)
    })?;
    let plain = REFUSED.iter().copied().find(|name| object.get(&call.body, name).is_some());
    let found = plain.or_else(|| object.ambiguous(&call.body, &REFUSED).map(|(name, _)| name));
    match found {
        Some(name) => {
            let message =
                format!("A remix is made by the model of its source and of that alone; leave `{name}` out.");
            Err(Rejection::new(Code::InvalidRequest, message).param(name))
        }
        None => Ok(()),
    }
}

/// Notes what a new video costs, by the model that the answer names.
pub(super) fn charge(exchange: &mut Exchange, arrival: &Arrival, source: &OwnedObject, said: &[u8]) {
    let mut tap = Tap::default();
    codec(Dialect::OpenAiVideos).tap_response(said, &mut tap);
    let served = tap.model.as_deref().unwrap_or_default();
    let model = arrival.provider.as_ref().and_then(|provider| provider.model(served));
    exchange.record.model_requested.clone_from(&source.model);
    let name = model.and_then(|model| model.canonical_id.as_deref()).unwrap_or(served);
    exchange.record.model_served = Some(name.to_owned()).filter(|name| !name.is_empty());
    exchange.record.upstream_id = tap.id;
    exchange.counted(None, &tap.units, model.and_then(|model| model.price.as_ref()));
}

/// Notes which video was looked at. One that has failed is no success of anybody's: the record says so, because what it was
/// charged when it was begun stands in another.
pub(super) fn looked_at(exchange: &mut Exchange, arrival: &mut Arrival, id: &str, said: &[u8]) {
    exchange.record.upstream_id = Some(id.to_owned());
    if seen::has_failed(said) {
        arrival.cause = Some("job_failed");
    }
}
