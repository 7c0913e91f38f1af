//! The side reader of streams: pictures, speech and transcripts as they become.
//!
//! In: one event. Out: what it says of the stream. None of these APIs says an end but by its last event, or by
//! ending; some servers add `[DONE]`.

use super::answer::usage;
use crate::dialects::outline::{DEEPEST, text};
use crate::dialects::{Tap, fault};
use crate::json::{Kind, Walk};

/// What an event says.
#[derive(Default)]
struct Said {
    kind: Option<String>,
    has_picture: bool,
    has_error: bool,
}

/// Reads one event.
pub(super) fn tap(event: &[u8], data: &[u8], tap: &mut Tap) {
    let data = data.trim_ascii();
    if data == b"[DONE]" {
        tap.finished = true;
        return;
    }
    let mut said = Said::default();
    // What cannot be read goes through as it is; it is no end.
    let _ = read(data, &mut said, tap);
    let kind = match said.kind {
        Some(kind) => kind,
        None => String::from_utf8_lossy(event).into_owned(),
    };
    if said.has_error || kind == "error" {
        tap.error = Some(Box::new(fault::read(0, data)));
        return;
    }
    tap.content_seen = true;
    let end = kind.rsplit('.').next().unwrap_or_default();
    // Seedream says each picture of several as `partial_succeeded`, and a last `completed` without one.
    if said.has_picture && matches!(end, "completed" | "partial_succeeded") {
        tap.units.images = Some(tap.units.images.unwrap_or(0) + 1);
    }
    if matches!(end, "completed" | "done") {
        tap.finish_reason = Some(end.to_owned());
    }
}

fn read(data: &[u8], said: &mut Said, tap: &mut Tap) -> Option<()> {
    let mut walk = Walk::object(data, DEEPEST).ok()?;
    while let Some(key) = walk.key().ok()? {
        let kind = walk.kind();
        let value = walk.value().ok()?;
        match key {
            b"type" => said.kind = text(value),
            b"b64_json" | b"url" => said.has_picture |= kind == Kind::String,
            b"error" => said.has_error = kind != Kind::Null,
            b"usage" => usage(value, tap),
            _ => {}
        }
    }
    Some(())
}
