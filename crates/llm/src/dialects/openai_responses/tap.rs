//! The side reader of answers that pass through. Content deltas are told by a search and measured, not parsed; usage is
//! read from the event that ends the stream, and nowhere else.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::response::{Action, is_search, read_failure};
use crate::dialects::openai::{read_usage, walk_usage};
use crate::dialects::outline::{DEEPEST, string_end, text};
use crate::dialects::read::Loose;
use crate::dialects::{Tap, fault, raise_tap_usage, tier};
use crate::json::{Kind, Walk};
use crate::usage::Usage;

static TYPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""type":""#));
static SEARCH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""web_search_call""#));
static DELTA: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""delta":""#));

/// The events that add content, without what all have in common.
const DELTAS: [&[u8]; 6] = [
    b"output_text.delta",
    b"function_call_arguments.delta",
    b"reasoning_summary_text.delta",
    b"reasoning_text.delta",
    b"refusal.delta",
    b"custom_tool_call_input.delta",
];

/// So many items of one answer are told.
pub(super) const ITEMS_MOST: usize = 256;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Loose<'a>,
    delta: Loose<'a>,
    item: Option<Item<'a>>,
    response: Option<Response<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Response<'a> {
    #[serde(borrow)]
    id: Loose<'a>,
    model: Loose<'a>,
    status: Loose<'a>,
    incomplete_details: Option<Details<'a>>,
    output: Option<Vec<Item<'a>>>,
    usage: Option<&'a RawValue>,
    service_tier: Loose<'a>,
    store: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Details<'a> {
    #[serde(borrow)]
    reason: Loose<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Item<'a> {
    #[serde(borrow, rename = "type")]
    kind: Loose<'a>,
    id: Loose<'a>,
    arguments: Loose<'a>,
    input: Loose<'a>,
    encrypted_content: Loose<'a>,
    content: Option<Vec<Part<'a>>>,
    summary: Option<Vec<Part<'a>>>,
    action: Option<Action<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Part<'a> {
    #[serde(borrow)]
    text: Loose<'a>,
    refusal: Loose<'a>,
}

/// Reads a whole answer.
pub(super) fn read_response(body: &[u8], tap: &mut Tap) {
    if let Some(plain) = plain_response(body) {
        *tap = plain;
        return;
    }
    let Ok(response) = serde_json::from_slice::<Response<'_>>(body) else { return };
    response.output.iter().flatten().for_each(|item| note_item(item, tap));
    end(response, tap);
}

/// The usual whole answer (ended well and counted) in one pass that steps over what it holds. The size of its text is
/// left out: it is only wanted where nobody has counted.
fn plain_response(body: &[u8]) -> Option<Tap> {
    let mut tap = Tap::default();
    let mut walk = Walk::object(body, DEEPEST).ok()?;
    while let Some(key) = walk.key().ok()? {
        if key == b"usage" && walk.kind() == Kind::Object {
            walk.enter().ok()?;
            tap.usage = walk_usage(&mut walk).ok()?;
            continue;
        }
        let value = walk.value().ok()?;
        match key {
            b"id" => tap.id = text(value),
            b"model" => tap.model = text(value),
            b"status" if value == b"\"completed\"" => tap.finish_reason = text(value),
            // Whoever has searched is read whole.
            b"output" if SEARCH.find(value).is_some() => return None,
            b"output" => tap.content_seen = value.len() > 2,
            b"service_tier" => tap.tier = tier::of(value),
            b"store" => tap.stored = boolean(value),
            b"error" if value != b"null" => return None,
            _ => {}
        }
    }
    tap.finished = true;
    (walk.is_at_end() && tap.usage.is_some() && tap.finish_reason.is_some()).then_some(tap)
}

/// Reads one event.
pub(super) fn read_event(event: &[u8], data: &[u8], tap: &mut Tap) {
    let name = if event.is_empty() { kind(data) } else { Some(event) };
    let is_delta = |name: &[u8]| name.strip_prefix(b"response.").is_some_and(|name| DELTAS.contains(&name));
    if name.is_some_and(is_delta)
        && let Some(size) = delta_size(data)
    {
        note(size, tap);
        return;
    }
    let Ok(read) = serde_json::from_slice::<Event<'_>>(data) else { return };
    match read.kind.text().map_or(event, str::as_bytes) {
        b"response.output_item.added" => {
            // A message or thoughts have only begun; a call is content from its beginning.
            let kind = read.item.as_ref().and_then(|item| item.kind.text());
            tap.content_seen |= kind.is_some_and(|kind| kind.ends_with("_call"));
        }
        b"response.output_item.done" => {
            if let Some(item) = read.item {
                note_done(&item, tap);
            }
        }
        name @ (b"response.completed" | b"response.incomplete" | b"response.failed") => {
            let mut response = read.response.unwrap_or_default();
            if let (None, Some(word)) = (response.status.text(), name.strip_prefix(b"response.")) {
                response.status = Loose::Text(String::from_utf8_lossy(word));
            }
            end(response, tap);
        }
        b"response.created" | b"response.in_progress" | b"response.queued" => {
            let response = read.response.unwrap_or_default();
            tap.id = response.id.into_text().or(tap.id.take());
            tap.model = response.model.into_text().or(tap.model.take());
            tap.stored = stored(response.store).or(tap.stored);
        }
        b"error" => tap.error = Some(Box::new(fault::read(0, data))),
        name if is_delta(name) => note(read.delta.text().map_or(0, str::len), tap),
        _ => {}
    }
}

/// The event's type where it is spelt as usual; inside texts quotes are escaped.
fn kind(data: &[u8]) -> Option<&[u8]> {
    let rest = data.get(TYPE.find(data)? + TYPE.needle().len()..)?;
    rest.get(..memchr::memchr(b'"', rest)?)
}

/// Bytes between the delta's quotes; `None` when the event is not spelt as usual.
fn delta_size(data: &[u8]) -> Option<usize> {
    let rest = data.get(DELTA.find(data)? + DELTA.needle().len()..)?;
    string_end(rest)
}

fn note(size: usize, tap: &mut Tap) {
    tap.output_bytes += size as u64;
    tap.content_seen |= size > 0;
}

/// An item at its end repeats its deltas, unless its server has sent none.
fn note_done(item: &Item<'_>, tap: &mut Tap) {
    if is_search(item.kind.text(), item.action.as_ref()) {
        tap.units.web_searches = tap.units.web_searches.saturating_add(1);
    }
    if tap.output_bytes == 0 {
        note_item(item, tap);
    } else {
        tap.content_seen = true;
    }
}

fn note_item(item: &Item<'_>, tap: &mut Tap) {
    let parts = [&item.content, &item.summary].into_iter().flatten().flatten();
    let texts: usize = parts.map(|part| size(&part.text) + size(&part.refusal)).sum();
    note(texts + size(&item.arguments) + size(&item.input), tap);
    // Sealed thoughts are content, but their size says little of them.
    tap.content_seen |= item.encrypted_content.text().is_some()
        || item.kind.text().is_some_and(|kind| kind.ends_with("_call"));
}

fn stored(raw: Option<&RawValue>) -> Option<bool> {
    boolean(raw?.get().as_bytes())
}

fn boolean(value: &[u8]) -> Option<bool> {
    match value {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

fn size(text: &Loose<'_>) -> usize {
    text.text().map_or(0, str::len)
}

/// Notes how an answer has ended.
fn end(response: Response<'_>, tap: &mut Tap) {
    let failed = matches!(response.status.text(), Some("failed" | "cancelled"));
    if tap.output_bytes == 0 {
        response.output.iter().flatten().for_each(|item| note_item(item, tap));
    }
    let output = response.output.iter().flatten();
    let searches = output.filter(|item| is_search(item.kind.text(), item.action.as_ref())).count() as u64;
    tap.units.web_searches = tap.units.web_searches.max(searches);
    let searches = tap.units.web_searches;
    let ids = response.output.into_iter().flatten().filter_map(|item| item.id.into_text());
    tap.items = ids.take(ITEMS_MOST).collect();
    tap.id = response.id.into_text().or(tap.id.take());
    tap.model = response.model.into_text().or(tap.model.take());
    tap.stored = stored(response.store).or(tap.stored);
    let reason = response.incomplete_details.and_then(|details| details.reason.into_text());
    tap.finish_reason = reason.or(response.status.into_text());
    tap.tier = tier::of_said(response.service_tier.text());
    let usage = response.usage.and_then(|usage| read_usage(usage.get()));
    raise_tap_usage(
        tap,
        usage.map(|usage| Usage { web_searches: usage.web_searches.max(searches), ..usage }),
    );
    if failed || response.error.is_some() {
        tap.error = Some(Box::new(read_failure(response.error)));
    }
    tap.finished = true;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_and_the_long_way_see_the_same() {
        for (name, size) in [("output_text", 7), ("refusal", 7), ("function_call_arguments", 7)] {
            let short = format!(
                r#"{{"type":"response.{name}.delta","item_id":"i","delta":"a\"delta","logprobs":[]}}"#
            );
            let long = format!(r#"{{"type":"response.{name}.delta","item_id":"i","delta" : "a\"delta"}}"#);
            assert!(delta_size(short.as_bytes()).is_some() && delta_size(long.as_bytes()).is_none());
            let (mut first, mut second, mut named) = (Tap::default(), Tap::default(), Tap::default());
            read_event(b"", short.as_bytes(), &mut first);
            read_event(b"", long.as_bytes(), &mut second);
            read_event(format!("response.{name}.delta").as_bytes(), short.as_bytes(), &mut named);
            // The short way counts escapes as they are written.
            assert_eq!((first.output_bytes, second.output_bytes), (size + 1, size));
            assert_eq!((first.content_seen, &first), (second.content_seen, &named));
        }
    }

    #[test]
    fn a_plain_whole_answer_is_read_as_the_parser_reads_it() {
        let body = br#"{"id":"resp_1","object":"response","status":"completed","billing":{"payer":"x"},"store":true,"error":null,"model":"m","output":[{"type":"message","content":[{"type":"output_text","text":"\"usage\":{}"}]}],"usage":{"input_tokens":7,"input_tokens_details":{"cached_tokens":2},"output_tokens":3},"metadata":{}}"#;
        let plain = plain_response(body).unwrap();
        let mut parsed = Tap::default();
        let response: Response<'_> = serde_json::from_slice(body).unwrap();
        end(response, &mut parsed);
        assert_eq!(plain, Tap { output_bytes: 0, items: Vec::new(), ..parsed });
        assert_eq!((plain.usage.unwrap().cached_input, plain.stored), (2, Some(true)));
        for odd in [
            &br#"{"id":"resp_1","status":"incomplete","output":[],"usage":{"input_tokens":1}}"#[..],
            br#"{"id":"resp_1","status":"completed","output":[]}"#,
            br#"{"status":"completed","error":{"message":"m"},"usage":{"input_tokens":1}}"#,
            br#"{"status":"completed","usage":{"input_tokens":1}} x"#,
            b"[]",
        ] {
            assert_eq!(plain_response(odd), None);
        }
    }
}
