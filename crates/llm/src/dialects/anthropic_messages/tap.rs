//! The side reader of answers that pass through. Content deltas are told by a search and measured, not parsed;
//! only the two events with usage are read.

use std::sync::LazyLock;

use memchr::memmem::{Finder, FinderRev};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::usage::NetUsage;
use crate::dialects::outline::{DEEPEST, Head, last_key, string_end, text};
use crate::dialects::read::Loose;
use crate::dialects::{Tap, fault};
use crate::ir::ErrorFacts;
use crate::json::{Kind, Walk};
use crate::price::Tier;

static STOP_REASON: LazyLock<FinderRev<'static>> = LazyLock::new(|| FinderRev::new(br#""stop_reason":"#));

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
    if let Some(plain) = plain_response(body) {
        *tap = plain;
        return;
    }
    if let Ok(outline) = serde_json::from_slice::<Outline<'_>>(body) {
        note_message(outline, tap);
        tap.finished = true;
    }
}

/// The usual whole answer (ended and counted) by a look at its beginning and at its end. The size of its text is left
/// out: it is only wanted where nobody has counted.
fn plain_response(body: &[u8]) -> Option<Tap> {
    let mut tail = Walk::members(body, last_key(body, &STOP_REASON)?, DEEPEST);
    let (mut finish_reason, mut usage, mut tier) = (None, None, Tier::Usual);
    while let Some(key) = tail.key().ok()? {
        match (key, tail.kind()) {
            (b"usage", Kind::Object) => {
                let mut net = NetUsage::default();
                tail.enter().ok()?;
                net.walk(&mut tail).ok()?;
                (usage, tier) = (Some(net.gross()), net.tier);
            }
            (b"stop_reason", Kind::String) => finish_reason = text(tail.value().ok()?),
            _ => drop(tail.value().ok()?),
        }
    }
    if finish_reason.is_none() || usage.is_none() || !tail.is_at_end() {
        return None;
    }
    let Head { id, model, .. } = Head::read(body)?;
    let (content_seen, finished) = (true, true);
    Some(Tap { id, model, finish_reason, usage, tier, content_seen, finished, ..Tap::default() })
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
    string_end(rest)
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
        tap.tier = tap.tier.or(net.tier);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(content: &str, end: &str) -> String {
        format!(
            r#"{{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[{content}],{end}}}"#
        )
    }

    const END: &str = r#""stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":7,"cache_read_input_tokens":2,"output_tokens":3}"#;

    #[test]
    fn a_plain_whole_answer_is_read_as_the_parser_reads_it() {
        for content in [
            r#"{"type":"text","text":"\"stop_reason\":\"x\""}"#,
            r#"{"type":"tool_use","id":"t","name":"n","input":{"stop_reason":"max_tokens","usage":{"input_tokens":99}}}"#,
        ] {
            let body = answer(content, END);
            let mut parsed = Tap::default();
            note_message(serde_json::from_str(&body).unwrap(), &mut parsed);
            parsed.finished = true;
            let scanned = plain_response(body.as_bytes()).unwrap();
            assert_eq!(scanned, Tap { output_bytes: 0, ..parsed });
            assert_eq!(scanned.usage.unwrap().input, 9);
        }
    }

    #[test]
    fn what_is_not_plain_is_left_to_the_parser() {
        let inside = r#"{"type":"tool_use","id":"t","name":"n","input":{"stop_reason":"x","usage":{}}}"#;
        for odd in [
            answer("", r#""stop_reason":null,"usage":{"input_tokens":1}"#),
            answer("", r#""stop_reason":"end_turn""#),
            answer(inside, r#""usage":{"input_tokens":1}"#),
            "[]".to_owned(),
        ] {
            assert_eq!(plain_response(odd.as_bytes()), None, "{odd}");
        }
    }
}
