//! What answers tell of files and batches, remembered before the client hears of it.
//!
//! In: answers of the provider. Out: what is to be remembered or forgotten. An answer that cannot be read tells nothing.

use serde::Deserialize;
use yumen_config::VirtualKey;
use yumen_telemetry::{ObjectKind, OwnedObject};

use crate::exchange::Exchange;
use crate::kinds::accounts;
use crate::kinds::http::dispatch::Arrival;
use crate::kinds::owned::{self, is_id, remember, unavailable};
use crate::rejection::Rejection;

/// What is looked for in a file, a batch, or the word that one is deleted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Told {
    deleted: Option<bool>,
    status: Option<String>,
    output_file_id: Option<String>,
    error_file_id: Option<String>,
}

fn told(said: &[u8]) -> Told {
    serde_json::from_slice(said).unwrap_or_default()
}

/// Remembers what was made just now.
pub(in crate::kinds::http) async fn created(
    exchange: &Exchange,
    key: &VirtualKey,
    arrival: &Arrival,
    kind: ObjectKind,
    model: &str,
    said: &[u8],
) -> Result<(), Rejection> {
    let provider = arrival.provider.as_ref();
    let account =
        provider.map(|provider| accounts::of(provider, arrival.credential.as_ref())).unwrap_or_default();
    owned::created(exchange, key, account, kind, model, said).await
}

/// Forgets an object, if the provider says that it is deleted.
pub(in crate::kinds::http) async fn deleted(
    exchange: &Exchange,
    object: &OwnedObject,
    said: &[u8],
) -> Result<(), Rejection> {
    if told(said).deleted != Some(true) {
        return Ok(());
    }
    exchange.worker().gateway.owners.forget(object).await.map_err(|error| unavailable(&error))
}

/// Whether a job has failed.
pub(super) fn has_failed(said: &[u8]) -> bool {
    told(said).status.as_deref() == Some("failed")
}

/// The files in which batches put their results become the key's own.
pub(super) async fn results(
    exchange: &Exchange,
    key: &VirtualKey,
    arrival: &Arrival,
    batches: &[&[u8]],
) -> Result<(), Rejection> {
    let ids = batches.iter().flat_map(|said| {
        let told = told(said);
        [told.output_file_id, told.error_file_id]
    });
    let ids = ids.flatten().filter(|id| is_id(id));
    let files: Vec<OwnedObject> =
        ids.filter_map(|id| object(exchange, key, arrival, ObjectKind::File, id)).collect();
    if files.is_empty() {
        return Ok(());
    }
    // One that another key owns stays that key's.
    remember(exchange, files).await.map(drop).map_err(|error| unavailable(&error))
}

fn object(
    exchange: &Exchange,
    key: &VirtualKey,
    arrival: &Arrival,
    kind: ObjectKind,
    id: String,
) -> Option<OwnedObject> {
    let account = accounts::of(arrival.provider.as_ref()?, arrival.credential.as_ref());
    let (key_id, model) = (key.id.to_string(), String::new());
    Some(OwnedObject { kind, id, key_id, account, model, created_at: exchange.created() })
}
