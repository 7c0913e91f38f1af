//! The side reader of answers that pass through. It runs once per event of every stream, so the common event
//! (one content delta and nothing else) is told by a few searches and never parsed.

use std::sync::LazyLock;

use memchr::memmem::{Finder, FinderRev};

use super::usage::walk_usage;
use super::{Chunk, read_usage};
use crate::dialects::outline::{DEEPEST, Head, last_key, string_end};
use crate::dialects::{Tap, fault, raise_tap_usage, tier};
use crate::json::{Kind, Walk};
use crate::price::Tier;
use crate::usage::Usage;

static CONTENT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""delta":{"content":""#));
static UNFINISHED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""finish_reason":null"#));
static FINISHED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""finish_reason":""#));
static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""usage":{"#));
static TIER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""service_tier":"#));
static USAGE_KEY: LazyLock<FinderRev<'static>> = LazyLock::new(|| FinderRev::new(br#""usage":"#));

/// Reads a whole answer.
pub(in crate::dialects) fn tap_response(body: &[u8], tap: &mut Tap) {
    if let Some(plain) = plain_response(body) {
        *tap = plain;
        return;
    }
    if let Some(chunk) = Chunk::read(body) {
        note(chunk, tap);
        tap.finished = true;
    }
}

/// The usual whole answer (one choice that has ended, counted by its provider) by a look at its beginning and at its
/// end. The size of its text is left out: it is only wanted where nobody has counted.
fn plain_response(body: &[u8]) -> Option<Tap> {
    let at = last_key(body, &USAGE_KEY)?;
    let Trailing { usage: Some(usage), tier } = trailing(body, at)? else { return None };
    let (before, _) = body.split_at_checked(at)?;
    let (_, reason) = before.split_at_checked(FINISHED.find(before)? + FINISHED.needle().len())?;
    let (reason, rest) = reason.split_at_checked(string_end(reason)?)?;
    if FINISHED.find(rest).is_some() || reason.contains(&b'\\') {
        return None;
    }
    let head = Head::read(body)?;
    let tier = tier.or(head.tier);
    // Said elsewhere, or in a text.
    if tier.is_none() && TIER.find(body).is_some() {
        return None;
    }
    Some(Tap {
        id: head.id,
        model: head.model,
        finish_reason: Some(std::str::from_utf8(reason).ok()?.to_owned()),
        usage: Some(usage),
        tier: tier.unwrap_or_default(),
        content_seen: true,
        finished: true,
        ..Tap::default()
    })
}

/// The usage at the end of an answer of which not all is there.
pub(in crate::dialects) fn usage_at_end(body: &[u8]) -> Option<Usage> {
    trailing(body, last_key(body, &USAGE_KEY)?)?.usage
}

/// What an answer's last members say.
#[derive(Default)]
struct Trailing {
    usage: Option<Usage>,
    tier: Option<Tier>,
}

/// The members from the usage on, whose key stands at `at`, when that is a member of the answer itself.
fn trailing(body: &[u8], at: usize) -> Option<Trailing> {
    let mut said = Trailing::default();
    let mut tail = Walk::members(body, at, DEEPEST);
    while let Some(key) = tail.key().ok()? {
        if key == b"usage" && tail.kind() == Kind::Object {
            tail.enter().ok()?;
            said.usage = walk_usage(&mut tail).ok()?;
            continue;
        }
        let value = tail.value().ok()?;
        if key == b"service_tier" {
            said.tier = Some(tier::of(value));
        }
    }
    tail.is_at_end().then_some(said)
}

/// Reads one event.
pub(in crate::dialects) fn tap_event(event: &[u8], data: &[u8], tap: &mut Tap) {
    let data = data.trim_ascii();
    if data == b"[DONE]" {
        tap.finished = true;
        return;
    }
    // The first event is read whole for its id and model.
    if tap.id.is_some()
        && let Some(size) = plain_delta(data)
    {
        tap.output_bytes += size as u64;
        tap.content_seen |= size > 0;
        return;
    }
    let Some(chunk) = Chunk::read(data) else { return };
    if event == b"error" && chunk.error.is_none() {
        tap.error = Some(Box::new(fault::read(0, data)));
        return;
    }
    if chunk.error.is_some() {
        tap.error = Some(Box::new(fault::read(0, data)));
    }
    note(chunk, tap);
}

/// The size of the content when the event adds content to one unfinished choice and says nothing else.
fn plain_delta(data: &[u8]) -> Option<usize> {
    let start = CONTENT.find(data)?;
    let (head, rest) = data.split_at_checked(start + CONTENT.needle().len())?;
    let size = string_end(rest)?;
    let (_, tail) = rest.split_at_checked(size)?;
    // Another delta or more fields of this one may follow; a tail with more than the usual is read properly.
    let usual = UNFINISHED.find(tail).is_some()
        && tail.starts_with(br#""}"#)
        && CONTENT.find(tail).is_none()
        && USAGE.find(tail).is_none()
        && USAGE.find(head).is_none();
    usual.then_some(size)
}

fn note(chunk: Chunk<'_>, tap: &mut Tap) {
    if tap.id.is_none() {
        tap.id = chunk.id.into_text();
    }
    if tap.model.is_none() {
        tap.model = chunk.model.into_text();
    }
    if let Some(word) = chunk.service_tier.text() {
        tap.tier = tier::of_word(word);
    }
    for choice in chunk.choices.into_iter().flatten() {
        let text = choice.text.text().map_or(0, str::len);
        let size = text + choice.delta.or(choice.message).map_or(0, |delta| delta.size());
        tap.output_bytes += size as u64;
        tap.content_seen |= size > 0;
        if let Some(reason) = choice.finish_reason.into_text() {
            tap.finish_reason = Some(reason);
        }
        raise_tap_usage(tap, choice.usage.and_then(|usage| read_usage(usage.get())));
    }
    raise_tap_usage(tap, chunk.usage.and_then(|usage| read_usage(usage.get())));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_content_takes_the_short_way() {
        let wrap = |delta: &str, tail: &str| {
            format!(r#"{{"id":"1","choices":[{{"index":0,"delta":{delta},"logprobs":null,{tail}}}"#)
        };
        let open = r#""finish_reason":null}],"usage":null"#;
        let plain = |text: String| plain_delta(text.as_bytes());
        assert_eq!(plain(wrap(r#"{"content":"Hello"}"#, open)), Some(5));
        assert_eq!(
            plain(wrap(r#"{"content":"a\"}\\"}"#, open)),
            Some(6),
            "escaped quotes do not end the text"
        );
        assert_eq!(plain(wrap(r#"{"content":""}"#, open)), Some(0));
        for (delta, tail) in [
            (r#"{"content":"a"}"#, r#""finish_reason":"stop"}]"#),
            (r#"{"content":"a"}"#, r#""finish_reason":null}],"usage":{"prompt_tokens":1}"#),
            (r#"{"content":"a","tool_calls":[]}"#, open),
            (r#"{"content":null,"reasoning_content":"a"}"#, open),
            (r#"{"content":"a"},"x":{"delta":{"content":"b"}}"#, open),
            (r#"{"content":"never ended"#, ""),
        ] {
            assert_eq!(plain(wrap(delta, tail)), None, "{delta} {tail}");
        }
    }

    #[test]
    fn the_short_way_and_the_long_way_see_the_same() {
        let data = br#"{"id":"1","model":"m","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}"#;
        let (mut first, mut second) =
            (Tap::default(), Tap { id: Some("1".into()), model: Some("m".into()), ..Tap::default() });
        tap_event(b"", data, &mut first);
        tap_event(b"", data, &mut second);
        assert_eq!(first, second);
    }

    #[test]
    fn a_plain_whole_answer_is_read_as_the_parser_reads_it() {
        let plain = br#"{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"\"finish_reason\":\"x\""},"finish_reason":"length"}],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}"#;
        let mut parsed = Tap::default();
        note(Chunk::read(plain).unwrap(), &mut parsed);
        parsed.finished = true;
        let scanned = plain_response(plain).unwrap();
        assert_eq!(scanned, Tap { output_bytes: 0, ..parsed });
        assert_eq!(scanned.finish_reason.as_deref(), Some("length"));
        for odd in [
            &br#"{"choices":[{"finish_reason":"stop"}]}"#[..],
            br#"{"choices":[{"finish_reason":"stop"},{"finish_reason":"length"}],"usage":{"prompt_tokens":1}}"#,
            br#"{"choices":[{"finish_reason":null}],"usage":{"prompt_tokens":1}}"#,
            br#"{"choices":[],"usage":null}"#,
            b"[]",
        ] {
            assert_eq!(plain_response(odd), None);
        }
    }
}
