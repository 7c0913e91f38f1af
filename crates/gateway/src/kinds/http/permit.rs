//! What a key may have go through, as far as the head tells: looked at before a body is read for nothing.

use http::Method;
use yumen_config::{PlainPath, Snapshot, VirtualKey};
use yumen_telemetry::ObjectKind;

use super::model_paths::asks_model;
use crate::kinds::owned::is_id;
use crate::rejection::{Code, Rejection};
use crate::route::{FilesPath, HttpRoute};

/// Refuses what the key may not do, or no rule lets through.
pub fn permit(
    snapshot: &Snapshot,
    key: &VirtualKey,
    method: &Method,
    route: &HttpRoute,
) -> Result<(), Rejection> {
    match route {
        HttpRoute::Through { provider, path } => lets_through(snapshot, key, method, provider, path),
        HttpRoute::Files(path) => files(snapshot, key, method, path),
        // What a key has asked itself it may also look at.
        HttpRoute::Responses(path) if is_id(path.id()) => Ok(()),
        HttpRoute::Responses(path) => Err(unknown(ObjectKind::Response, path.id())),
    }
}

/// Refuses a call that may not go through to a provider as it is.
pub fn lets_through(
    snapshot: &Snapshot,
    key: &VirtualKey,
    method: &Method,
    name: &str,
    path: &str,
) -> Result<(), Rejection> {
    if !key.access.provider(name) {
        let (holder, name) = (&key.name, shown(name));
        let message = format!(
            "The virtual key `{holder}` may let nothing through to the provider `{name}`. Add `access: [\"providers/{name}\"]` to \
             the key."
        );
        return Err(Rejection::new(Code::AccessDenied, message));
    }
    let Some(provider) = snapshot.providers.get(name) else {
        let message = format!("No provider is called `{}` here.", shown(name));
        return Err(Rejection::new(Code::RouteNotFound, message));
    };
    let plain = PlainPath::parse(path)
        .map_err(|fault| Rejection::new(Code::PathAmbiguous, format!("The path {fault}.")))?;
    let base = provider.base.as_ref().filter(|_| provider.passthrough.allows(method.as_str(), plain));
    let Some(base) = base else {
        let path = shown(path);
        let message = format!(
            "No rule lets {method} {path} through to `{name}`. Add `passthrough: [\"{method} {path}\"]` to that provider."
        );
        return Err(Rejection::new(Code::PathNotAllowed, message));
    };
    // Whatever has a body may name a model, at once or for later, and providers have more such paths than anyone can list.
    let may_ask = matches!(*method, Method::POST | Method::PUT | Method::PATCH);
    if may_ask || asks_model(provider, &base.path_to(plain)) {
        every_model(key, "A model may be asked at this path, past the permissions of models")?;
    }
    Ok(())
}

fn files(snapshot: &Snapshot, key: &VirtualKey, method: &Method, path: &FilesPath) -> Result<(), Rejection> {
    match path.id() {
        Some(id) if !is_id(id) => return Err(unknown(path.kind(), id)),
        // Who may ask the model may ask for what it has made.
        _ if path.kind() == ObjectKind::Video => return Ok(()),
        _ => {}
    }
    if !key.access.files() {
        let message = format!(
            "The virtual key `{}` may use no files and batches. Add `access: [files]` to the key.",
            key.name
        );
        return Err(Rejection::new(Code::AccessDenied, message));
    }
    if snapshot.files.is_none() {
        let message =
            "There are no files and batches here: `files: { provider: … }` is not set in the configuration.";
        return Err(Rejection::new(Code::FilesNotConfigured, message));
    }
    if (method, path) == (&Method::POST, &FilesPath::All(ObjectKind::Batch)) {
        every_model(key, "The lines of a batch may name any model")?;
    }
    Ok(())
}

/// What passes by the permission of models is only for keys that need none.
fn every_model(key: &VirtualKey, why: &str) -> Result<(), Rejection> {
    if key.models.allows_every() {
        return Ok(());
    }
    let message = format!(
        "{why}, so the virtual key must be one that may use every model (`models: [\"*\"]`); `{}` may not.",
        key.name
    );
    Err(Rejection::new(Code::ModelNotAllowed, message))
}

/// The refusal of an id that is not the key's, whether there is such an object or not.
pub(super) fn unknown(kind: ObjectKind, id: &str) -> Rejection {
    let message = format!("This virtual key has no {} `{}`.", kind.as_str(), shown(id));
    Rejection::new(Code::ObjectNotFound, message).param("id")
}

fn shown(text: &str) -> String {
    text.chars().take(200).filter(|letter| !letter.is_control() && *letter != '`').collect()
}
