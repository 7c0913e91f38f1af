//! What providers keep for a virtual key: files, batches, jobs, responses. Each is remembered before the client hears of it.
//!
//! In: an answer that tells an id. Out: the same answer, or why it is none: an id that cannot be remembered could never be
//! asked for again. It never asks a provider.

use std::sync::Arc;

use serde::Deserialize;
use yumen_config::VirtualKey;
use yumen_telemetry::{Account, LookupError, ObjectKind, OwnedObject};

use crate::exchange::Exchange;
use crate::rejection::{Code, Rejection};

/// The longest id, in bytes.
const ID_BYTES_MOST: usize = 200;

/// Whether a text can be the id of an object: one segment of a path, in which nothing has to be encoded.
pub fn is_id(id: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    (1..=ID_BYTES_MOST).contains(&id.len()) && id.bytes().all(word) && !id.bytes().all(|byte| byte == b'.')
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    id: Option<String>,
}

/// Remembers what was made just now, as the provider's answer tells it.
pub async fn created(
    exchange: &Exchange,
    key: &VirtualKey,
    account: Account,
    kind: ObjectKind,
    model: &str,
    said: &[u8],
) -> Result<(), Rejection> {
    let told: Told = serde_json::from_slice(said).unwrap_or_default();
    let id = told.id.filter(|id| is_id(id)).ok_or_else(|| {
        let message = format!("The provider's answer tells no id of the {}.", kind.as_str());
        Rejection::new(Code::UpstreamInvalid, message)
    })?;
    let (key_id, model) = (key.id.to_string(), model.to_owned());
    let object = OwnedObject { kind, id, key_id, account, model, created_at: exchange.created() };
    match remember(exchange, vec![object]).await {
        Ok(true) => Ok(()),
        Ok(false) => {
            let message = format!("The provider gave the {} an id that it had given before.", kind.as_str());
            Err(Rejection::new(Code::UpstreamInvalid, message))
        }
        Err(error) => Err(unavailable(&error)),
    }
}

/// Remembers objects, also when the client leaves meanwhile: they are there.
pub async fn remember(exchange: &Exchange, objects: Vec<OwnedObject>) -> Result<bool, LookupError> {
    let gateway = Arc::clone(&exchange.worker().gateway);
    let remembered = tokio::spawn(async move { gateway.owners.remember(objects).await }).await;
    remembered.unwrap_or_else(|error| Err(LookupError(error.to_string())))
}

/// What is remembered cannot be read or written now.
pub fn unavailable(error: &LookupError) -> Rejection {
    let message =
        "What is remembered of files, batches, jobs and responses cannot be read or written at the moment.";
    Rejection::new(Code::LedgerUnavailable, message).cause(error).retry_after(1)
}
