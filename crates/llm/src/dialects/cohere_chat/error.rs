//! Errors: a sentence, as a body or as what ends a stream.

use crate::dialects::write;
use crate::ir::ErrorFacts;

/// The body `{"message":"…"}`.
pub(in crate::dialects) fn encode(error: &ErrorFacts) -> Vec<u8> {
    let mut out = Vec::with_capacity(96);
    write::object(&mut out, |body| {
        body.maybe_text("id", error.request_id.as_deref());
        body.text("message", &error.message);
    });
    out
}

/// The event with which a message ends that has failed.
pub(in crate::dialects) fn encode_event(error: &ErrorFacts) -> Vec<u8> {
    let mut out = b"event: message-end\ndata: ".to_vec();
    write::object(&mut out, |event| {
        event.text("type", "message-end");
        event.object("delta", |delta| {
            delta.text("finish_reason", "ERROR");
            delta.text("error", &error.message);
        });
    });
    out.extend_from_slice(b"\n\n");
    out
}
