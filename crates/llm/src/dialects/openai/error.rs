//! Errors in OpenAI's shape.

use crate::dialects::write;
use crate::ir::{ErrorFacts, ErrorKind};

/// The body `{"error":{…}}`.
pub(in crate::dialects) fn encode_error(error: &ErrorFacts) -> Vec<u8> {
    let mut out = Vec::with_capacity(160);
    write::object(&mut out, |body| body.object("error", |object| write_error(error, object)));
    out
}

/// The members of `error`.
pub(in crate::dialects) fn write_error(error: &ErrorFacts, object: &mut write::Object<'_>) {
    object.text("message", &error.message);
    object.text("type", kind_word(error.kind));
    object.text_or_null("param", error.param.as_deref());
    object.text_or_null("code", error.code.as_deref().or(code_word(error.kind)));
    if let Some(metadata) = &error.metadata {
        object.number("metadata", metadata);
    }
}

/// A data event whose `error` key makes client libraries raise, and the terminator.
pub(in crate::dialects) fn encode_error_event(error: &ErrorFacts) -> Vec<u8> {
    let mut out = b"data: ".to_vec();
    out.append(&mut encode_error(error));
    out.extend_from_slice(b"\n\ndata: [DONE]\n\n");
    out
}

fn kind_word(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidRequest
        | ErrorKind::Authentication
        | ErrorKind::PermissionDenied
        | ErrorKind::NotFound
        | ErrorKind::PayloadTooLarge => "invalid_request_error",
        ErrorKind::PaymentRequired => "insufficient_quota",
        ErrorKind::RateLimited => "rate_limit_exceeded",
        ErrorKind::Overloaded | ErrorKind::Timeout | ErrorKind::Server => "server_error",
    }
}

fn code_word(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::Authentication => Some("invalid_api_key"),
        ErrorKind::PermissionDenied => Some("permission_denied"),
        ErrorKind::PayloadTooLarge => Some("request_too_large"),
        ErrorKind::PaymentRequired => Some("insufficient_quota"),
        ErrorKind::RateLimited => Some("rate_limit_exceeded"),
        ErrorKind::Overloaded => Some("overloaded"),
        ErrorKind::Timeout => Some("timeout"),
        ErrorKind::InvalidRequest | ErrorKind::NotFound | ErrorKind::Server => None,
    }
}
