//! Errors: a message, and the name of an exception that stands in a header of the answer or of a stream's message.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html>

use crate::dialects::write;
use crate::eventstream;
use crate::ir::{ErrorFacts, ErrorKind};

/// The body of an error answer.
pub(in crate::dialects) fn encode(error: &ErrorFacts) -> Vec<u8> {
    let mut out = Vec::with_capacity(120);
    write::object(&mut out, |body| {
        body.text("__type", exception(error.kind));
        body.text("message", &error.message);
    });
    out
}

/// The exception that ends a stream; nothing follows it.
pub(in crate::dialects) fn encode_event(error: &ErrorFacts) -> Vec<u8> {
    let mut payload = Vec::with_capacity(120);
    write::object(&mut payload, |body| body.text("message", &error.message));
    let mut out = Vec::with_capacity(256);
    let name = exception(error.kind);
    let (first, rest) = name.split_at_checked(1).unwrap_or(("", name));
    eventstream::write_exception(&(first.to_ascii_lowercase() + rest), &payload, &mut out);
    out
}

fn exception(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidRequest | ErrorKind::PayloadTooLarge => "ValidationException",
        ErrorKind::Authentication | ErrorKind::PermissionDenied | ErrorKind::PaymentRequired => {
            "AccessDeniedException"
        }
        ErrorKind::NotFound => "ResourceNotFoundException",
        ErrorKind::RateLimited => "ThrottlingException",
        ErrorKind::Overloaded => "ServiceUnavailableException",
        ErrorKind::Timeout => "ModelTimeoutException",
        ErrorKind::Server => "InternalServerException",
    }
}
