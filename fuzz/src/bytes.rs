//! The targets that look at bytes alone: scan, splice, framer.

use bytes::Bytes;
use serde_json::Value;
use yumen_llm::dialects::{ALL, NamedModel, Pictures, Tap, named_models, read_event};
use yumen_llm::eventstream;
use yumen_llm::framing::{Framer, Framing};
use yumen_llm::json::{self, Edit, MAX_FIELDS, Read, scan_object};
use yumen_llm::multipart::{Form, boundary};
use yumen_llm::sse::Frame;
use yumen_llm::tokens::{self, Encoding};

/// The deepest nesting that `serde_json` reads.
const DEPTH: usize = 127;
const NAMES: [&str; 4] = ["model", "stream", "max_tokens", "a"];

/// The scan accepts what `serde_json` accepts and sees the same members.
pub(crate) fn scan(data: &[u8]) {
    tokens::estimate_json(data);
    let scanned = scan_object(data, DEPTH);
    if let Err(error) = scanned {
        assert!(error.position <= data.len(), "{error:?}");
    }
    let value = serde_json::from_slice::<Value>(data).ok();
    let (object, value) = match (scanned, value) {
        (Ok(object), Some(Value::Object(value))) => (object, value),
        (Ok(_), value) => return assert!(value.is_some(), "the scan accepts what is not JSON"),
        (Err(_), Some(Value::Object(value))) => {
            return assert!(value.len() >= MAX_FIELDS, "the scan refuses valid JSON");
        }
        (Err(_), _) => return,
    };
    for (name, member) in &value {
        let span = object.get(data, name).map(|field| field.value(data)).unwrap_or_default();
        assert_eq!(serde_json::from_slice::<Value>(span).ok().as_ref(), Some(member), "{name}");
        assert_eq!(object.string(data, name).value().as_deref(), member.as_str());
        assert_eq!(object.bool(data, name).value(), member.as_bool());
        if let Read::Is(inner) = object.object(data, name) {
            assert_eq!(inner.fields.is_empty(), member.as_object().is_some_and(|member| member.is_empty()));
        }
    }
    if object.ambiguous(data, &NAMES).is_none() {
        for name in NAMES {
            let same = |field: &&json::Field| field.key(data).eq_ignore_ascii_case(name);
            assert!(object.fields.iter().filter(same).count() <= 1, "{name} is ambiguous");
        }
    }
}

/// Events of a session are read without harm, and every model that a plain reader finds where a session's settings stand
/// is named, where it stands.
pub(crate) fn realtime(data: &[u8]) {
    read_event(data);
    let Ok((named, _)) = named_models(data, DEPTH) else { return };
    let text = |named: &NamedModel| serde_json::from_slice::<String>(data.get(named.start..named.end)?).ok();
    assert!(
        named.iter().all(|named| text(named).as_ref() == Some(&named.name)),
        "a name is not where it stands"
    );
    let message = serde_json::from_slice::<Value>(data).ok();
    assert!(message.as_ref().is_some_and(Value::is_object), "what is no object was read as one");
    let session = message.as_ref().and_then(|message| message.get("session"));
    if let Some(model) = session.and_then(|session| session.get("model")).and_then(Value::as_str) {
        assert!(named.iter().any(|named| named.name == model), "a session's model is not named");
    }
}

/// A splice is the same edit of the value, and touches no other member.
pub(crate) fn splice(data: &[u8]) {
    let Some((&choice, body)) = data.split_first() else { return };
    let Ok(object) = scan_object(body, DEPTH) else { return };
    let Ok(Value::Object(mut expected)) = serde_json::from_slice(body) else { return };
    let mut edits = Vec::new();
    for (index, name) in NAMES.into_iter().enumerate() {
        match choice >> (2 * index) & 3 {
            0 => {}
            1 => {
                edits.push(Edit::Remove { name });
                expected.shift_remove(name);
            }
            _ => {
                edits.push(Edit::Set { name, value: Bytes::from_static(b"{\"new\":[1]}") });
                expected.insert(name.to_owned(), serde_json::json!({"new": [1]}));
            }
        }
    }
    let body = Bytes::copy_from_slice(body);
    let result = json::splice(&body, &object, &edits).concat();
    assert!(scan_object(&result, DEPTH).is_ok());
    assert_eq!(serde_json::from_slice::<Value>(&result).ok(), Some(Value::Object(expected)));
}

/// A stream of events gives the same frames however it is cut, and the same bytes.
pub(crate) fn sse(data: &[u8]) {
    stream(Framing::Sse, data);
}

/// The same for one of lines.
pub(crate) fn lines(data: &[u8]) {
    stream(Framing::Lines, data);
}

fn stream(framing: Framing, data: &[u8]) {
    let Some((&size, stream)) = data.split_first() else { return };
    let whole = frames(framing, stream, stream.len().max(1));
    let raw: Vec<u8> = whole.iter().flat_map(|frame| &frame.raw).copied().collect();
    assert_eq!(raw, stream);
    for size in [1, usize::from(size).max(1)] {
        assert_eq!(rejoined(frames(framing, stream, size)), whole, "chunks of {size}");
    }
    let mut small = Framer::new(framing, usize::from(size));
    small.push(Bytes::copy_from_slice(stream));
    while let Ok(Some(frame)) = small.next_frame() {
        assert!(frame.raw.len() <= usize::from(size) + 1);
    }
}

/// Amazon's messages, as they are and with their checksums mended, so that what lies behind those is reached: the same
/// however they are cut.
pub(crate) fn event_stream(data: &[u8]) {
    let Some((&size, stream)) = data.split_first() else { return };
    for stream in [stream.to_vec(), mended(stream)] {
        let whole = messages(&stream, stream.len().max(1), usize::MAX);
        for size in [1, usize::from(size).max(1)] {
            assert_eq!(messages(&stream, size, usize::MAX), whole, "chunks of {size}");
        }
        let raw: Vec<u8> = whole.0.iter().flat_map(|frame| &frame.raw).copied().collect();
        assert!(stream.starts_with(&raw));
        let limit = usize::from(size);
        assert!(messages(&stream, stream.len().max(1), limit).0.iter().all(|frame| frame.raw.len() <= limit));
    }
}

/// The frames of a binary stream, and why it broke.
fn messages(stream: &[u8], size: usize, limit: usize) -> (Vec<Frame>, Option<eventstream::BadMessage>) {
    let mut framer = eventstream::Framer::new(limit);
    let mut frames = Vec::new();
    for chunk in stream.chunks(size) {
        framer.push(chunk);
        loop {
            match framer.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

/// The same with the checksums of every message right, as far as its lengths make sense.
fn mended(stream: &[u8]) -> Vec<u8> {
    let mut stream = stream.to_vec();
    let mut at = 0;
    while let Some(message) = stream.get_mut(at..).filter(|rest| rest.len() >= 16) {
        let length = message.first_chunk::<4>().map_or(0, |length| u32::from_be_bytes(*length)) as usize;
        if !(16..=message.len()).contains(&length) {
            break;
        }
        for end in [8, length - 4] {
            let Some((said, rest)) = message.split_at_mut_checked(end) else { break };
            if let Some(sum) = rest.first_chunk_mut() {
                *sum = crc32fast::hash(said).to_be_bytes();
            }
        }
        at += length;
    }
    stream
}

/// All frames of a dialect's stream, in its framing.
pub(crate) fn frames_in(framing: Framing, stream: &[u8]) -> Vec<Frame> {
    match framing {
        Framing::Sse | Framing::Lines => frames(framing, stream, stream.len().max(1)),
        Framing::AwsEventStream => messages(stream, stream.len().max(1), usize::MAX).0,
    }
}

/// All frames of a stream that comes in chunks of `size` bytes.
pub(crate) fn frames(framing: Framing, stream: &[u8], size: usize) -> Vec<Frame> {
    let mut framer = Framer::new(framing, stream.len());
    let mut frames = Vec::new();
    for chunk in stream.chunks(size) {
        framer.push(Bytes::copy_from_slice(chunk));
        while let Ok(Some(frame)) = framer.next_frame() {
            frames.push(frame);
        }
    }
    frames.extend(std::iter::from_fn(|| framer.finish()));
    assert!(framer.is_empty());
    frames
}

/// Puts an LF that came too late for its frame back to the CR that it belongs to.
fn rejoined(frames: Vec<Frame>) -> Vec<Frame> {
    let mut joined: Vec<Frame> = Vec::new();
    for frame in frames {
        match joined.last_mut() {
            Some(last) if frame.raw == "\n" && last.raw.ends_with(b"\r") => {
                last.raw = [&last.raw, &b"\n"[..]].concat().into();
            }
            _ => joined.push(frame),
        }
    }
    joined
}

/// What is taken apart can be put together: an edited form reads as the same one with another value, and no part that
/// is not ambiguous has a twin.
pub(crate) fn multipart(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = boundary(text);
    }
    let form = match Form::scan(data, "b1") {
        Ok(form) => form,
        Err(error) => return assert!(error.position <= data.len(), "{error:?}"),
    };
    for part in &form.parts {
        assert!(data.get(part.name.clone()).is_some() && data.get(part.value.clone()).is_some(), "{part:?}");
    }
    let body = Bytes::copy_from_slice(data);
    if form.ambiguous(data, &["model"]).is_some() {
        return;
    }
    let same = form.names(data).filter(|name| name.eq_ignore_ascii_case("model")).count();
    assert!(same <= 1, "the model is ambiguous");
    assert_eq!(form.with_value(&body, "model", Bytes::from_static(b"a\nb")), None);
    let value = Bytes::from_static(b"another");
    let edited = form.with_value(&body, "model", value.clone()).map(|pieces| pieces.concat());
    assert!(edited.is_some(), "a plain value cannot be put in");
    let Some(edited) = edited else { return };
    match Form::scan(&edited, "b1") {
        Ok(again) => {
            assert_eq!(again.value(&edited, "model"), Some(&*value));
            assert_eq!(again.parts.len(), form.parts.len() + usize::from(same == 0));
        }
        // Only one part more may be too many.
        Err(error) => assert_eq!(form.parts.len(), 256, "{error}"),
    }
}

/// Whatever an answer says, its side reader survives, and pictures are counted the same however the bytes are cut.
pub(crate) fn passing(data: &[u8]) {
    for codec in ALL.iter().filter(|codec| codec.passing().is_some()) {
        codec.tap_response(data, &mut Tap::default());
        codec.tap_event(b"", data, &mut Tap::default());
        codec.decode_error(400, data);
    }
    let (mut at_once, mut bytewise) = (Pictures::default(), Pictures::default());
    at_once.push(data);
    data.chunks(1).for_each(|byte| bytewise.push(byte));
    assert_eq!(at_once.count(), bytewise.count());
    let value = serde_json::from_slice::<Value>(data).ok();
    let listed = value.as_ref().and_then(|value| value.as_object()?.get("data")?.as_array());
    // A repeated or escaped name is another matter.
    let names = occurrences(data, b"\"data\"");
    if let Some(listed) = listed.filter(|_| names == 1 && !data.contains(&b'\\')) {
        let objects = listed.iter().filter(|item| item.is_object()).count();
        assert_eq!(at_once.count(), Some(objects as u64));
    }
}

fn occurrences(data: &[u8], needle: &[u8]) -> usize {
    data.windows(needle.len()).filter(|window| *window == needle).count()
}

/// Counting tokens: each is a byte at least, and a limit is told from what is within it.
pub(crate) fn tokens(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for encoding in [Encoding::O200k, Encoding::Cl100k] {
        let count = encoding.count(&text);
        assert!(count.is_exact, "so short a text is always counted");
        assert!(count.tokens <= text.len() as u64 && (count.tokens == 0) == text.is_empty());
        assert_eq!(encoding.count_up_to(&text, count.tokens), Some(count));
        if let Some(less) = count.tokens.checked_sub(1) {
            assert_eq!(encoding.count_up_to(&text, less), None);
        }
    }
}
