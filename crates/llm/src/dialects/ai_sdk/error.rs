//! Errors as the SDK's gateway provider maps them to its classes: `message` is mandatory, `type` chooses the class.

use crate::dialects::write;
use crate::ir::{ErrorFacts, ErrorKind};

/// The body `{"error":{…},"generationId":…}`.
pub(in crate::dialects) fn encode(error: &ErrorFacts) -> Vec<u8> {
    let mut out = Vec::with_capacity(160);
    write::object(&mut out, |body| {
        body.object("error", |object| write_error(error, object));
        body.maybe_text("generationId", error.request_id.as_deref());
    });
    out
}

/// The part that ends a stream in an error; nothing follows it.
pub(in crate::dialects) fn encode_event(error: &ErrorFacts) -> Vec<u8> {
    let mut out = b"data: ".to_vec();
    write::object(&mut out, |part| {
        part.text("type", "error");
        part.object("error", |object| write_error(error, object));
    });
    out.extend_from_slice(b"\n\n");
    out
}

fn write_error(error: &ErrorFacts, out: &mut write::Object<'_>) {
    let kind = word(error);
    out.text("message", &error.message);
    out.text("type", kind);
    // The SDK reads the model from here, and nothing else.
    let model = (kind == "model_not_found").then(|| requested_model(error)).flatten();
    match model {
        Some(model) => out.object("param", |param| param.text("modelId", model)),
        None => out.text_or_null("param", error.param.as_deref()),
    }
    out.text_or_null("code", error.code.as_deref());
}

fn requested_model(error: &ErrorFacts) -> Option<&str> {
    let metadata = error.metadata.as_ref()?;
    let availability = metadata.get("availability").unwrap_or(metadata);
    availability.get("requested_models")?.get(0)?.as_str()
}

/// The word that chooses the SDK's class; it takes one that it does not know for an internal error.
fn word(error: &ErrorFacts) -> &'static str {
    match error.kind {
        ErrorKind::InvalidRequest | ErrorKind::PayloadTooLarge => "invalid_request_error",
        ErrorKind::Authentication => "authentication_error",
        ErrorKind::PermissionDenied | ErrorKind::PaymentRequired => "forbidden",
        ErrorKind::NotFound if error.code.as_deref() == Some("model_not_found") => "model_not_found",
        ErrorKind::NotFound => "not_found",
        ErrorKind::RateLimited => "rate_limit_exceeded",
        ErrorKind::Server if matches!(error.status, 424 | 502) => "failed_dependency",
        ErrorKind::Overloaded | ErrorKind::Timeout | ErrorKind::Server => "internal_server_error",
    }
}
