//! What answers tell of files and batches, remembered before the client hears of it.
//!
//! In: answers of the provider. Out: what is to be remembered or forgotten. An answer that cannot be read tells nothing.

use std::sync::Arc;

use serde::Deserialize;
use yumen_config::VirtualKey;
use yumen_telemetry::{LookupError, ObjectKind, OwnedObject};

use super::unavailable;
use crate::exchange::Exchange;
use crate::kinds::accounts;
use crate::kinds::http::dispatch::Arrival;
use crate::kinds::http::permit::is_id;
use crate::rejection::{Code, Rejection};

/// What is looked for in a file, a batch, or the word that one is deleted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Told {
    id: Option<String>,
    deleted: Option<bool>,
    output_file_id: Option<String>,
    error_file_id: Option<String>,
}

fn told(said: &[u8]) -> Told {
    serde_json::from_slice(said).unwrap_or_default()
}

/// Remembers what was made just now. An id that cannot be remembered is no answer: nobody could ask for it again.
pub(super) async fn created(
    exchange: &Exchange,
    key: &VirtualKey,
    arrival: &Arrival,
    kind: ObjectKind,
    said: &[u8],
) -> Result<(), Rejection> {
    let id = told(said).id.filter(|id| is_id(id)).ok_or_else(|| {
        let message = format!("The provider's answer tells no id of the {}.", kind.as_str());
        Rejection::new(Code::UpstreamInvalid, message)
    })?;
    let object = object(exchange, key, arrival, kind, id);
    match remember(exchange, object.into_iter().collect()).await {
        Ok(true) => Ok(()),
        Ok(false) => {
            let message = format!("The provider gave the {} an id that it had given before.", kind.as_str());
            Err(Rejection::new(Code::UpstreamInvalid, message))
        }
        Err(error) => Err(unavailable(&error)),
    }
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
    Some(OwnedObject { kind, id, key_id: key.id.to_string(), account, created_at: exchange.created() })
}

/// Remembers objects, also when the client leaves meanwhile: they are there.
async fn remember(exchange: &Exchange, objects: Vec<OwnedObject>) -> Result<bool, LookupError> {
    let gateway = Arc::clone(&exchange.worker().gateway);
    let remembered = tokio::spawn(async move { gateway.owners.remember(objects).await }).await;
    remembered.unwrap_or_else(|error| Err(LookupError(error.to_string())))
}
