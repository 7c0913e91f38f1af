//! Errors: a message, and the name of an exception that stands in a header of the answer or of a stream's message.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html>

use crate::dialects::{fault, write};
use crate::eventstream;
use crate::ir::{ErrorFacts, ErrorKind};

/// The model itself has failed.
const MODEL_FAILED: u16 = 424;

/// Reads an error answer.
pub(super) fn decode(status: u16, body: &[u8]) -> ErrorFacts {
    let mut facts = fault::read(status, body);
    if status == MODEL_FAILED {
        // It is nothing that the client has asked wrongly: what the model's own server said counts, where it is told.
        let original = original_status(body).unwrap_or(502);
        (facts.status, facts.kind) = (original, fault::kind_of_status(original));
    }
    facts
}

fn original_status(body: &[u8]) -> Option<u16> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Shape {
        original_status_code: u16,
    }
    let shape: Shape = serde_json::from_slice(body).ok()?;
    (400..600).contains(&shape.original_status_code).then_some(shape.original_status_code)
}

/// The body of an error answer.
pub(super) fn encode(error: &ErrorFacts) -> Vec<u8> {
    let mut out = Vec::with_capacity(120);
    write::object(&mut out, |body| {
        body.text("__type", exception(error.kind));
        body.text("message", &error.message);
    });
    out
}

/// The exception that ends a stream; nothing follows it.
pub(super) fn encode_event(error: &ErrorFacts) -> Vec<u8> {
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
