//! The side reader of answers that pass through. Content deltas are told by a search and measured, not parsed;
//! only the two events with usage are read.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::usage::NetUsage;
use crate::dialects::read::Loose;
use crate::dialects::{Tap, fault};
use crate::ir::ErrorFacts;

static TYPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""type":"content_block_delta""#));
/// The fields that hold a delta's content.
static CONTENT: LazyLock<[Finder<'static>; 3]> = LazyLock::new(|| {
    [br#""text":""#.as_slice(), br#""thinking":""#, br#""partial_json":""#].map(Finder::new)
});

#[derive(Deserialize, Default)]
#[serde(default)]
struct Outline<'a> {
    #[serde(borrow, rename = "type")]
    kind: Loose<'a>,
    id: Loose<'a>,
    model: Loose<'a>,
    stop_reason: Loose<'a>,
    usage: Option<&'a RawValue>,
    message: Option<Box<Outline<'a>>>,
    delta: Option<Box<Delta<'a>>>,
    content_block: Option<Block<'a>>,
    content: Option<Vec<Block<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Delta<'a> {
    #[serde(borrow)]
    stop_reason: Loose<'a>,
    text: Loose<'a>,
    thinking: Loose<'a>,
    partial_json: Loose<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Block<'a> {
    #[serde(borrow, rename = "type")]
    kind: Loose<'a>,
    text: Loose<'a>,
    thinking: Loose<'a>,
    data: Loose<'a>,
    input: Option<&'a RawValue>,
}

/// Reads a whole answer.
pub(super) fn read_response(body: &[u8], tap: &mut Tap) {
    if let Ok(outline) = serde_json::from_slice::<Outline<'_>>(body) {
        note_message(outline, tap);
        tap.finished = true;
    }
}

/// Reads one event.
pub(super) fn read_event(event: &[u8], data: &[u8], tap: &mut Tap) {
    if event == b"ping" || event == b"content_block_stop" {
        return;
    }
    if (event == b"content_block_delta" || event.is_empty() && TYPE.find(data).is_some())
        && let Some(size) = delta_size(data)
    {
        note_content(size, tap);
        return;
    }
    let Ok(outline) = serde_json::from_slice::<Outline<'_>>(data) else { return };
    match outline.kind.text().unwrap_or_default() {
        "message_start" => {
            if let Some(message) = outline.message {
                note_message(*message, tap);
            }
        }
        "content_block_start" => {
            if let Some(block) = outline.content_block {
                note_block(&block, tap);
            }
        }
        "content_block_delta" => {
            let delta = outline.delta.unwrap_or_default();
            note_content(
                [&delta.text, &delta.thinking, &delta.partial_json]
                    .iter()
                    .filter_map(|text| Some(text.text()?.len()))
                    .sum(),
                tap,
            );
        }
        "message_delta" => {
            if let Some(reason) = outline.delta.and_then(|delta| delta.stop_reason.into_text()) {
                tap.finish_reason = Some(reason);
            }
            note_usage(outline.usage, tap);
        }
        "message_stop" => tap.finished = true,
        "error" => tap.error = Some(Box::new(read_error(data))),
        _ => {}
    }
}

fn read_error(data: &[u8]) -> ErrorFacts {
    fault::read(0, data)
}

/// Bytes between the content field's quotes; `None` when the event is not spelt as usual.
fn delta_size(data: &[u8]) -> Option<usize> {
    let rest = CONTENT.iter().find_map(|field| data.get(field.find(data)? + field.needle().len()..))?;
    let mut from = 0;
    loop {
        let found = from + memchr::memchr2(b'"', b'\\', rest.get(from..)?)?;
        if rest.get(found) == Some(&b'"') {
            return Some(found);
        }
        from = found + 2;
    }
}

fn note_content(size: usize, tap: &mut Tap) {
    tap.output_bytes += size as u64;
    tap.content_seen |= size > 0;
}

fn note_message(message: Outline<'_>, tap: &mut Tap) {
    tap.id = message.id.into_text().or(tap.id.take());
    tap.model = message.model.into_text().or(tap.model.take());
    tap.finish_reason = message.stop_reason.into_text().or(tap.finish_reason.take());
    message.content.iter().flatten().for_each(|block| note_block(block, tap));
    note_usage(message.usage, tap);
}

fn note_block(block: &Block<'_>, tap: &mut Tap) {
    let text: usize =
        [&block.text, &block.thinking, &block.data].iter().filter_map(|text| Some(text.text()?.len())).sum();
    let input = block.input.map_or(0, |input| input.get().len()).saturating_sub(2);
    note_content(text + input, tap);
    // A tool call without arguments yet is content all the same.
    tap.content_seen |= block.kind.text().is_some_and(|kind| kind.ends_with("tool_use"));
}

fn note_usage(usage: Option<&RawValue>, tap: &mut Tap) {
    if let Some(usage) = usage {
        let mut net = tap.usage.map(NetUsage::from).unwrap_or_default();
        net.raise(usage.get());
        tap.usage = Some(net.gross());
    }
}
