//! Errors: a sentence and nothing else, as a body or as a line of a stream.

use crate::dialects::write;
use crate::ir::ErrorFacts;

/// The body `{"error":"…"}`.
pub(in crate::dialects) fn encode(error: &ErrorFacts) -> Vec<u8> {
    let mut out = Vec::with_capacity(96);
    write::object(&mut out, |body| body.text("error", &error.message));
    out
}

/// The same as a line, after which clients stop reading.
pub(in crate::dialects) fn encode_event(error: &ErrorFacts) -> Vec<u8> {
    let mut out = encode(error);
    out.push(b'\n');
    out
}
