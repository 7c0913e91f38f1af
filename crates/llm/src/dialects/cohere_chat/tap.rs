//! The side reader of answers that pass through.

use super::stream::Event;
use super::usage::read_usage;
use crate::dialects::read::Object;
use crate::dialects::{Tap, raise_tap_usage};

/// Reads a whole answer.
pub(super) fn read_response(body: &[u8], tap: &mut Tap) {
    let Ok(mut object) = Object::body(body) else { return };
    tap.id = object.string("id").ok().flatten();
    tap.finish_reason = object.string("finish_reason").ok().flatten();
    tap.usage = object.take("usage").and_then(|raw| read_usage(raw.get()));
    let message = object.take("message").map_or(0, |raw| raw.get().len());
    tap.output_bytes = message as u64;
    tap.content_seen = message > 0;
    tap.finished = true;
}

/// Reads one event.
pub(super) fn read_event(data: &[u8], tap: &mut Tap) {
    let Some(event) = Event::read(data) else { return };
    let size = event.size();
    tap.output_bytes += size as u64;
    tap.content_seen |= size > 0;
    if let Some(error) = event.error() {
        tap.error = Some(Box::new(error));
        return;
    }
    raise_tap_usage(tap, event.usage());
    if event.is_end() {
        tap.finished = true;
        tap.finish_reason = Some(event.finish_word().unwrap_or("COMPLETE").to_owned());
    }
    if tap.id.is_none() {
        tap.id = event.id.into_text();
    }
}
