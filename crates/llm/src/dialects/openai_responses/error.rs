//! Errors inside streams: an event of their own, or part of a response that has failed.

use crate::dialects::write;
use crate::ir::{ErrorFacts, ErrorKind};

/// The event that tells of an error where no response can. Nothing follows it.
pub(super) fn encode_event(error: &ErrorFacts, sequence_number: u64) -> Vec<u8> {
    let mut out = b"event: error\ndata: ".to_vec();
    write::object(&mut out, |event| {
        event.text("type", "error");
        event.text("code", code_word(error));
        event.text("message", &error.message);
        event.text_or_null("param", error.param.as_deref());
        event.number("sequence_number", sequence_number);
    });
    out.extend_from_slice(b"\n\n");
    out
}

/// Writes the error of a response that has failed.
pub(super) fn write_error(error: &ErrorFacts, out: &mut write::Object<'_>) {
    out.text("code", code_word(error));
    out.text("message", &error.message);
}

/// The code that clients of this dialect act on. Where the class says enough, the upstream's own word does not matter.
fn code_word(error: &ErrorFacts) -> &str {
    // A number says no more than the class does.
    let own = error.code.as_deref().filter(|code| code.parse::<u64>().is_err());
    match error.kind {
        ErrorKind::RateLimited => "rate_limit_exceeded",
        ErrorKind::Overloaded => "server_is_overloaded",
        ErrorKind::PaymentRequired => "insufficient_quota",
        ErrorKind::InvalidRequest | ErrorKind::PayloadTooLarge => own.unwrap_or("invalid_prompt"),
        ErrorKind::Authentication => own.unwrap_or("invalid_api_key"),
        ErrorKind::PermissionDenied => own.unwrap_or("permission_denied"),
        ErrorKind::NotFound => own.unwrap_or("not_found"),
        ErrorKind::Timeout => own.unwrap_or("timeout"),
        ErrorKind::Server => own.unwrap_or("server_error"),
    }
}
