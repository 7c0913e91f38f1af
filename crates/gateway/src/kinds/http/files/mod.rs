//! Files, batches and videos, as OpenAI has them: kept by a provider, each the property of the virtual key that made it.
//! <https://platform.openai.com/docs/api-reference/files>, <https://platform.openai.com/docs/api-reference/batch>
//!
//! In: calls at `/v1/files`, `/v1/batches` and `/v1/videos`. Out: the provider's answers, of lists only what is the key's own. Ids are the
//! provider's; what belongs to whom, and to which account, is remembered. It never asks another account than the one at
//! which an object was made.

mod list;
pub(super) mod seen;
mod videos;

use http::{Method, header};
use yumen_config::{GatewaySettings, Snapshot, VirtualKey};
use yumen_llm::json::{Read, scan_object};
use yumen_telemetry::{ObjectKind, OwnedObject};

use super::call::Call;
use super::dispatch::{Answered, Arrival, send};
use super::permit::unknown;
use super::resolve::{Plan, Step};
use crate::exchange::Exchange;
use crate::kinds::owned::{is_id, unavailable};
use crate::kinds::whole::read_whole;
use crate::rejection::{Code, Rejection};
use crate::route::FilesPath;
use crate::worker::Worker;

/// The member of a new batch that names the file of its lines.
const INPUT: &str = "input_file_id";

/// Chooses where a call about files goes: something new to any account, everything else where it is.
pub async fn resolve(
    worker: &Worker,
    snapshot: &Snapshot,
    key: &VirtualKey,
    call: &Call,
    path: &FilesPath,
) -> Result<Plan, Rejection> {
    let below = path_of(path);
    match (path, call.method == Method::POST) {
        (FilesPath::All(ObjectKind::File), true) => {
            let provider = snapshot.files.as_deref().and_then(|name| snapshot.providers.get(name));
            let provider = provider.ok_or_else(|| {
                Rejection::new(Code::FilesNotConfigured, "No provider keeps files and batches here.")
            })?;
            Ok(Plan::one(Step::with_any(worker, provider, &below), None))
        }
        (FilesPath::All(ObjectKind::Video), true) => {
            Err(Rejection::new(Code::Internal, "A video that is to be made is asked of a model."))
        }
        // A batch is made where its input is.
        (FilesPath::All(_), true) => {
            let input = input_of(call, snapshot.gateway.max_json_depth)?;
            let object = owned(worker, ObjectKind::File, &input, key).await;
            let object = object.map_err(|rejection| rejection.param(INPUT))?;
            Ok(Plan::one(Step::at(snapshot, &object.account, &below)?, None))
        }
        (FilesPath::All(kind), false) => list::resolve(worker, snapshot, key, call, *kind, &below).await,
        (FilesPath::One(kind, id), _) => single(worker, snapshot, key, *kind, id, &below).await,
        (FilesPath::Content(kind, id), _) => single(worker, snapshot, key, *kind, id, &below).await,
        (FilesPath::Cancel(id), _) => single(worker, snapshot, key, ObjectKind::Batch, id, &below).await,
        (FilesPath::Remix(id), _) => videos::again(worker, snapshot, key, call, id, &below).await,
    }
}

async fn single(
    worker: &Worker,
    snapshot: &Snapshot,
    key: &VirtualKey,
    kind: ObjectKind,
    id: &str,
    below: &str,
) -> Result<Plan, Rejection> {
    let object = owned(worker, kind, id, key).await?;
    Ok(Plan::one(Step::at(snapshot, &object.account, below)?, Some(object)))
}

/// Asks, and notes what the answer tells of files and batches.
pub async fn dispatch(
    exchange: &mut Exchange,
    settings: &GatewaySettings,
    key: &VirtualKey,
    call: &Call,
    path: &FilesPath,
    plan: &Plan,
) -> Result<Arrival, Rejection> {
    let creates = call.method == Method::POST && matches!(path, FilesPath::All(_) | FilesPath::Remix(_));
    if let (FilesPath::All(kind), false) = (path, creates) {
        return list::dispatch(exchange, settings, key, call, plan, *kind).await;
    }
    let step = plan.steps.first().ok_or_else(|| Rejection::new(Code::Internal, "The plan had no step."))?;
    let mut arrival = send(exchange, settings, call, step, &call.query).await?;
    if !arrival.status.is_success() || matches!(path, FilesPath::Content(..)) {
        return Ok(arrival);
    }
    let said = whole(exchange, settings, &mut arrival).await?;
    match (path, &plan.object) {
        (FilesPath::Remix(_), Some(source)) => {
            videos::charge(exchange, &arrival, source, &said);
            seen::created(exchange, key, &arrival, ObjectKind::Video, &source.model, &said).await?;
        }
        _ if creates => seen::created(exchange, key, &arrival, path.kind(), "", &said).await?,
        (FilesPath::One(..), Some(object)) if call.method == Method::DELETE => {
            seen::deleted(exchange, object, &said).await?;
        }
        (FilesPath::One(ObjectKind::Video, id), _) => videos::looked_at(exchange, &mut arrival, id, &said),
        _ => {}
    }
    if path.kind() == ObjectKind::Batch {
        seen::results(exchange, key, &arrival, &[&said]).await?;
    }
    Ok(arrival)
}

/// The answer's body, read whole; it is still the answer's.
pub(super) async fn whole(
    exchange: &mut Exchange,
    settings: &GatewaySettings,
    arrival: &mut Arrival,
) -> Result<bytes::Bytes, Rejection> {
    let answer = std::mem::replace(&mut arrival.answer, Answered::Whole(bytes::Bytes::new()));
    let said = match (answer, &arrival.provider) {
        (Answered::Flow(body), Some(provider)) => {
            let asked = std::time::Instant::now();
            let deadline = exchange.started + provider.timeouts.total;
            let read = read_whole(provider, settings, deadline, body).await;
            exchange.waited += asked.elapsed();
            arrival.mask.whole(read.map_err(|failure| failure.rejection)?)
        }
        (Answered::Whole(bytes), _) => bytes,
        (Answered::Flow(_), None) => bytes::Bytes::new(),
    };
    arrival.answer = Answered::Whole(said.clone());
    Ok(said)
}

/// The path below the provider's base URL.
fn path_of(path: &FilesPath) -> String {
    let folder = match path.kind() {
        ObjectKind::File => "/files",
        ObjectKind::Batch => "/batches",
        ObjectKind::Video => "/videos",
        ObjectKind::Response => "/responses",
        ObjectKind::Conversation | ObjectKind::Item => "/conversations",
    };
    match path {
        FilesPath::All(_) => folder.to_owned(),
        FilesPath::One(_, id) => format!("{folder}/{id}"),
        FilesPath::Content(_, id) => format!("{folder}/{id}/content"),
        FilesPath::Remix(id) => format!("{folder}/{id}/remix"),
        FilesPath::Cancel(id) => format!("{folder}/{id}/cancel"),
    }
}

/// What the key owns under this id.
pub(super) async fn owned(
    worker: &Worker,
    kind: ObjectKind,
    id: &str,
    key: &VirtualKey,
) -> Result<OwnedObject, Rejection> {
    let found = worker.gateway.owners.find(kind, id, &key.id).await.map_err(|error| unavailable(&error))?;
    found.ok_or_else(|| unknown(kind, id))
}

/// The file whose lines a new batch is made of.
fn input_of(call: &Call, max_depth: usize) -> Result<String, Rejection> {
    // A provider that reads the same bytes as a form, or the query as well, could take another file's id from them.
    let kind = call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") || !call.query.is_empty() {
        let message =
            "A batch is asked for in JSON, with `content-type: application/json` and without a query.";
        return Err(Rejection::new(Code::InvalidRequest, message));
    }
    let object = scan_object(&call.body, max_depth).map_err(|error| {
        let message = format!("The body cannot be read: {} (byte {}).", error.reason, error.position);
        Rejection::new(Code::InvalidJson, message)
    })?;
    if object.ambiguous(&call.body, &[INPUT]).is_some() {
        let message = format!("Send `{INPUT}` once, spelt plainly.");
        return Err(Rejection::new(Code::AmbiguousField, message).param(INPUT));
    }
    match object.string(&call.body, INPUT) {
        Read::Is(id) if is_id(&id) => Ok(id.into_owned()),
        Read::Is(id) => Err(unknown(ObjectKind::File, &id).param(INPUT)),
        _ => {
            Err(Rejection::new(Code::InvalidRequest, format!("`{INPUT}` must be a file's id.")).param(INPUT))
        }
    }
}
