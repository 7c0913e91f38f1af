//! Streams as a client reads them, by the letter of the standard: this is the judge, so it is strict and simple, and
//! shares nothing with the gateway's own framers.

use bytes::{Buf, BytesMut};
use http::HeaderMap;
use serde_json::Value;

/// One server-sent event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `event:`, empty when it was not given.
    pub name: String,
    /// `data:`, lines joined.
    pub data: String,
    /// Comment lines before it.
    pub comments: Vec<String>,
}

impl Event {
    /// The data as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.data))
    }

    /// Whether this is OpenAI's end of a stream.
    pub fn is_done(&self) -> bool {
        self.data == "[DONE]"
    }
}

/// How a stream is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Server-sent events.
    Events,
    /// One JSON object per line, each told as an event without a name.
    Lines,
}

impl Form {
    /// The form that an answer says it has.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let kind = headers.get("content-type").map(|value| value.as_bytes());
        if kind.is_some_and(|kind| kind.starts_with(b"application/x-ndjson")) {
            Self::Lines
        } else {
            Self::Events
        }
    }
}

/// Takes the next whole event off the buffer. Events without data but with comments are given, too.
pub(super) fn next(form: Form, buffer: &mut BytesMut) -> Option<Event> {
    let text = std::str::from_utf8(whole(form, buffer)?).expect("a stream in UTF-8").to_owned();
    buffer.advance(text.len());
    if form == Form::Lines {
        let data = text.trim().to_owned();
        assert!(!data.is_empty(), "a line without an object");
        return Some(Event { name: String::new(), data, comments: Vec::new() });
    }
    let mut event = Event { name: String::new(), data: String::new(), comments: Vec::new() };
    let mut data: Vec<String> = Vec::new();
    for line in text.replace("\r\n", "\n").replace('\r', "\n").lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" if !value.is_empty() => event.comments.push(value.to_owned()),
            "event" => value.clone_into(&mut event.name),
            "data" => data.push(value.to_owned()),
            _ => {}
        }
    }
    event.data = data.join("\n");
    Some(event)
}

/// Whether the buffer has a whole event.
pub(super) fn complete(form: Form, buffer: &BytesMut) -> bool {
    whole(form, buffer).is_some()
}

/// Up to and with the blank line, or the line's end.
fn whole(form: Form, buffer: &BytesMut) -> Option<&[u8]> {
    if form == Form::Lines {
        let end = buffer.iter().position(|byte| *byte == b'\n')?;
        return Some(&buffer[..=end]);
    }
    const ENDS: [&[u8]; 3] = [b"\n\n", b"\r\n\r\n", b"\r\r"];
    let mut from = 0;
    loop {
        let rest = &buffer[from..];
        let line_end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
        if let Some(end) = ENDS.iter().find(|end| rest[line_end..].starts_with(end)) {
            return Some(&buffer[..from + line_end + end.len()]);
        }
        from += line_end + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_in_every_spelling() {
        let mut buffer = BytesMut::from(
            ": hi\n\nevent: a\r\ndata:1\r\ndata: 2\r\n\r\ndata: [DONE]\r\rdata: cut".as_bytes(),
        );
        assert_eq!(next(Form::Events, &mut buffer).unwrap().comments, ["hi"]);
        let second = next(Form::Events, &mut buffer).unwrap();
        assert_eq!((second.name.as_str(), second.data.as_str()), ("a", "1\n2"));
        assert!(next(Form::Events, &mut buffer).unwrap().is_done());
        assert_eq!(next(Form::Events, &mut buffer), None);
    }
}
