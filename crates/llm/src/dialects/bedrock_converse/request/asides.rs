//! Fields that are this dialect's own: they have no place in the IR, and are written again as they were read.
//!
//! Those of `additionalModelRequestFields` are kept under their path. Only what is of this list is written, since a client
//! of another dialect can send any name.

use serde_json::value::RawValue;

use crate::dialects::read::{At, Object};
use crate::ir::{Chat, Json};

/// The object that holds what only some models take.
pub(super) const ADDITIONAL: &str = "additionalModelRequestFields";

/// Names at the top.
const OWN: [&str; 4] =
    ["guardrailConfig", "additionalModelResponseFieldPaths", "performanceConfig", "promptVariables"];

/// The fields of the body itself that are to be written.
pub(super) fn of_body(chat: &Chat) -> impl Iterator<Item = &(String, Json)> {
    chat.extra.iter().filter(|(name, _)| OWN.contains(&name.as_str()))
}

/// The fields for the model that are to be written: those that were kept, and an object that a client of another dialect
/// has sent under the name.
pub(super) fn of_model(chat: &Chat) -> Vec<(String, Json)> {
    let mut fields = Vec::new();
    for (name, value) in &chat.extra {
        if let Some(name) = inner(name) {
            fields.push((name.to_owned(), value.clone()));
        } else if name == ADDITIONAL
            && let Ok(raw) = serde_json::from_str::<&RawValue>(value.get())
            && let Ok(object) = Object::read(raw, At::BODY)
        {
            fields.extend(object.rest());
        }
    }
    fields
}

fn inner(name: &str) -> Option<&str> {
    name.strip_prefix(ADDITIONAL)?.strip_prefix('.')
}

/// Whether a field is written.
pub(super) fn is_own(name: &str, value: &Json) -> bool {
    OWN.contains(&name) || inner(name).is_some() || name == ADDITIONAL && value.is_object()
}
