//! The side reader of answers: usage, why they ended, and how much was said.

use serde_json::value::RawValue;

use super::response::decode;
use super::stream::Event;
use super::usage::read_usage;
use crate::dialects::read::{At, Object};
use crate::dialects::{Tap, fault, raise_tap_usage, tier};
use crate::ir::Content;

/// Reads a whole answer.
pub(super) fn read_response(body: &[u8], tap: &mut Tap) {
    let Ok(answer) = decode(body) else { return };
    for choice in answer.choices {
        for part in choice.parts {
            let size = match &part.content {
                Content::Text(text) | Content::Thinking { text, .. } => text.len(),
                Content::ToolCall { name, arguments, .. } => name.len() + arguments.len(),
                _ => 0,
            };
            say(size, tap);
        }
        tap.finish_reason = choice.finish.and_then(|finish| finish.native).or(tap.finish_reason.take());
    }
    raise_tap_usage(tap, answer.usage);
    tap.tier = tier::of_said(answer.service_tier.as_deref());
    tap.finished = true;
}

fn say(size: usize, tap: &mut Tap) {
    tap.output_bytes += size as u64;
    tap.content_seen |= size > 0;
}

/// Reads one event. The last one is that with the usage, which comes after the reason.
pub(super) fn read_event(event: &[u8], data: &[u8], tap: &mut Tap) {
    match event {
        b"error" => tap.error = Some(Box::new(fault::read(0, data))),
        b"contentBlockStart" | b"contentBlockDelta" => {
            if let Some(event) = Event::read(data) {
                say(event.size(), tap);
            }
        }
        b"messageStop" => {
            let word = Event::read(data).and_then(|event| event.stop_reason.into_text());
            tap.finish_reason = word.or(tap.finish_reason.take());
        }
        b"metadata" => {
            raise_tap_usage(tap, usage(data));
            tap.tier = tier::of_said(service_tier(data).as_deref());
            tap.finished = true;
        }
        _ => {}
    }
}

/// The tier, which stands beside the usage.
fn service_tier(data: &[u8]) -> Option<String> {
    let raw: &RawValue = serde_json::from_slice(data).ok()?;
    let tier = Object::read(raw, At::BODY).ok()?.take("serviceTier")?;
    Object::read(tier, At::BODY).ok()?.string("type").ok()?
}

fn usage(data: &[u8]) -> Option<crate::usage::Usage> {
    let raw: &RawValue = serde_json::from_slice(data).ok()?;
    read_usage(Object::read(raw, At::BODY).ok()?.take("usage")?.get())
}
