//! Errors in Anthropic's shape.

use crate::dialects::write;
use crate::ir::{ErrorFacts, ErrorKind};

/// The body `{"type":"error","error":{…}}`.
pub(in crate::dialects) fn encode(error: &ErrorFacts) -> Vec<u8> {
    let mut out = Vec::with_capacity(160);
    write::object(&mut out, |body| {
        body.text("type", "error");
        body.object("error", |object| {
            object.text("type", kind_word(error.kind));
            object.text("message", &error.message);
            if error.kind == ErrorKind::InvalidRequest && error.param.as_deref() == Some("thread") {
                // With it the libraries' loops over tools, which have conversations kept unasked, go on without.
                object.object("details", |details| details.text("error_code", "thread_unsupported_request"));
            }
        });
        body.text_or_null("request_id", error.request_id.as_deref());
    });
    out
}

/// The event that ends a stream in an error; nothing follows it.
pub(in crate::dialects) fn encode_event(error: &ErrorFacts) -> Vec<u8> {
    let mut out = b"event: error\ndata: ".to_vec();
    out.append(&mut encode(error));
    out.extend_from_slice(b"\n\n");
    out
}

fn kind_word(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidRequest => "invalid_request_error",
        ErrorKind::Authentication => "authentication_error",
        ErrorKind::PermissionDenied => "permission_error",
        ErrorKind::NotFound => "not_found_error",
        ErrorKind::PayloadTooLarge => "request_too_large",
        ErrorKind::PaymentRequired => "billing_error",
        ErrorKind::RateLimited => "rate_limit_error",
        ErrorKind::Overloaded => "overloaded_error",
        ErrorKind::Timeout => "timeout_error",
        ErrorKind::Server => "api_error",
    }
}
