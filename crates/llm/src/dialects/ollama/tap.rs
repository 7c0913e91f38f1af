//! The side reader of answers that pass through. Lines of a stream and whole answers are the same object.

use super::chunk::Chunk;
use crate::dialects::{Tap, fault, raise_tap_usage};

/// Reads a whole answer.
pub(in crate::dialects) fn tap_response(body: &[u8], tap: &mut Tap) {
    tap_event(body, tap);
    tap.finished = true;
}

/// Reads one line.
pub(in crate::dialects) fn tap_event(data: &[u8], tap: &mut Tap) {
    let Some(chunk) = Chunk::read(data) else { return };
    if chunk.error.is_some() {
        tap.error = Some(Box::new(fault::read(0, data)));
        return;
    }
    let said = chunk.text().map_or(0, str::len) + chunk.thinking().map_or(0, str::len);
    let size = said + chunk.calls().map(|call| call.size()).sum::<usize>();
    tap.output_bytes += size as u64;
    tap.content_seen |= size > 0;
    raise_tap_usage(tap, chunk.usage());
    if chunk.done {
        tap.finished = true;
        tap.finish_reason = Some(chunk.done_reason.text().unwrap_or("stop").to_owned());
    }
    if tap.model.is_none() {
        tap.model = chunk.model.into_text();
    }
}
