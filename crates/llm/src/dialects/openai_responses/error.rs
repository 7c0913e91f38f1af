//! Errors inside streams: an event of their own, or part of a response that has failed.

use crate::dialects::write;
use crate::ir::{ErrorFacts, ErrorKind};

/// The codes of failed responses that an upstream's own word is kept for: those that the API gives itself. Clients act
/// on them, and some refuse all others.
const KNOWN: [&str; 20] = [
    "server_error",
    "invalid_prompt",
    "context_length_exceeded",
    "data_residency_mismatch",
    "bio_policy",
    "misalignment_policy_violation",
    "vector_store_timeout",
    "invalid_image",
    "invalid_image_format",
    "invalid_base64_image",
    "invalid_image_url",
    "image_too_large",
    "image_too_small",
    "image_parse_error",
    "image_content_policy_violation",
    "invalid_image_mode",
    "image_file_too_large",
    "unsupported_image_media_type",
    "empty_image_file",
    "failed_to_download_image",
];

/// The event that tells of an error where no response can. Nothing follows it.
pub(super) fn encode_event(error: &ErrorFacts, sequence_number: u64) -> Vec<u8> {
    let mut out = b"event: error\ndata: ".to_vec();
    write::object(&mut out, |event| {
        event.text("type", "error");
        event.text("code", error.code.as_deref().unwrap_or(code_word(error)));
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

fn code_word(error: &ErrorFacts) -> &str {
    let own = error.code.as_deref().filter(|code| KNOWN.contains(code));
    match error.kind {
        ErrorKind::RateLimited => "rate_limit_exceeded",
        ErrorKind::PaymentRequired => "insufficient_quota",
        ErrorKind::InvalidRequest
        | ErrorKind::PayloadTooLarge
        | ErrorKind::NotFound
        | ErrorKind::Authentication
        | ErrorKind::PermissionDenied => own.unwrap_or("invalid_prompt"),
        ErrorKind::Overloaded | ErrorKind::Timeout | ErrorKind::Server => own.unwrap_or("server_error"),
    }
}
