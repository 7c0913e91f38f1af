//! One message: read from its bytes, and written.

use serde_json::{Map, Value};

use super::BadMessage;

/// Both lengths and their checksum.
pub(super) const PRELUDE: usize = 12;
/// The checksum at the end.
const CHECKSUM: usize = 4;

/// The lengths of a message, whose checksum agrees.
pub(super) struct Prelude {
    /// Of the whole message.
    pub(super) total: usize,
    headers: usize,
}

/// The parts of a message that are looked at.
#[derive(Default)]
pub(super) struct Message<'a> {
    /// `:message-type`: `event`, `exception` or `error`.
    pub(super) kind: &'a str,
    /// `:event-type`, `:exception-type` or `:error-code`.
    pub(super) name: &'a str,
    /// `:error-message`: errors have no payload.
    error_message: &'a str,
    pub(super) payload: &'a [u8],
}

fn damaged(what: &'static str) -> BadMessage {
    BadMessage::Damaged { what }
}

impl Prelude {
    pub(super) fn read(bytes: &[u8; PRELUDE]) -> Result<Self, BadMessage> {
        let [t0, t1, t2, t3, h0, h1, h2, h3, c0, c1, c2, c3] = *bytes;
        let checksum = u32::from_be_bytes([c0, c1, c2, c3]);
        if crc32fast::hash(&[t0, t1, t2, t3, h0, h1, h2, h3]) != checksum {
            return Err(damaged("the checksum of its lengths does not agree"));
        }
        let length = |bytes| usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX);
        let (total, headers) = (length([t0, t1, t2, t3]), length([h0, h1, h2, h3]));
        if total < PRELUDE + CHECKSUM || headers > total - PRELUDE - CHECKSUM {
            return Err(damaged("its lengths are impossible"));
        }
        Ok(Self { total, headers })
    }
}

impl<'a> Message<'a> {
    /// Reads a whole message.
    pub(super) fn read(bytes: &'a [u8], prelude: &Prelude) -> Result<Self, BadMessage> {
        let (said, checksum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(damaged("it is too short"))?;
        if crc32fast::hash(said) != u32::from_be_bytes(*checksum) {
            return Err(damaged("its checksum does not agree"));
        }
        let (headers, payload) = said
            .get(PRELUDE..)
            .and_then(|rest| rest.split_at_checked(prelude.headers))
            .ok_or(damaged("it is too short"))?;
        let mut message = Self { payload, ..Self::default() };
        message.read_headers(headers).ok_or(damaged("its headers cannot be read"))?;
        Ok(message)
    }

    fn read_headers(&mut self, mut rest: &'a [u8]) -> Option<()> {
        while let Some((&length, after)) = rest.split_first() {
            let (name, after) = after.split_at_checked(length.into())?;
            let (&kind, after) = after.split_first()?;
            let (length, after) = value_length(kind, after)?;
            let (value, after) = after.split_at_checked(length)?;
            rest = after;
            // What is not a text says nothing that is looked for.
            if kind == TEXT
                && let Ok(text) = std::str::from_utf8(value)
            {
                self.note(name, text);
            }
        }
        Some(())
    }

    fn note(&mut self, name: &[u8], text: &'a str) {
        match name {
            b":message-type" => self.kind = text,
            b":event-type" | b":exception-type" | b":error-code" => self.name = text,
            b":error-message" => self.error_message = text,
            _ => {}
        }
    }

    /// An exception or an error as `{"type":"error","error":{"type","message",…}}`, with all that its payload says.
    pub(super) fn error(&self) -> Vec<u8> {
        let mut error: Map<String, Value> = serde_json::from_slice(self.payload).unwrap_or_default();
        error.insert("type".to_owned(), self.name.into());
        if !error.contains_key("message") {
            let text = match self.error_message {
                "" => String::from_utf8_lossy(self.payload).into_owned(),
                text => text.to_owned(),
            };
            error.insert("message".to_owned(), text.into());
        }
        let said =
            Map::from_iter([("type".to_owned(), "error".into()), ("error".to_owned(), Value::Object(error))]);
        Value::Object(said).to_string().into_bytes()
    }
}

/// The type of a header whose value is a text.
const TEXT: u8 = 7;

/// The length of a header's value of this type, and what stands behind the length where one is told.
fn value_length(kind: u8, rest: &[u8]) -> Option<(usize, &[u8])> {
    let fixed = match kind {
        // True and false.
        0 | 1 => 0,
        // Whole numbers.
        2 => 1,
        3 => 2,
        4 => 4,
        // A long, and a time in milliseconds.
        5 | 8 => 8,
        // A UUID.
        9 => 16,
        // Bytes, and texts.
        6 | TEXT => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            return Some((u16::from_be_bytes(*length).into(), rest));
        }
        _ => return None,
    };
    Some((fixed, rest))
}

/// Writes an event: a message with its name and a payload of JSON.
pub fn write_event(name: &str, payload: &[u8], out: &mut Vec<u8>) {
    write(
        &[(":event-type", name), (":content-type", "application/json"), (":message-type", "event")],
        payload,
        out,
    );
}

/// Writes an exception, which ends a stream.
pub fn write_exception(name: &str, payload: &[u8], out: &mut Vec<u8>) {
    let kind = (":message-type", "exception");
    write(&[(":exception-type", name), (":content-type", "application/json"), kind], payload, out);
}

/// Writes a message. Names and values are our own: the lengths of both are within what a header can have.
fn write(headers: &[(&str, &str)], payload: &[u8], out: &mut Vec<u8>) {
    let mut head = Vec::with_capacity(96);
    for (name, value) in headers {
        head.push(u8::try_from(name.len()).unwrap_or_default());
        head.extend_from_slice(name.as_bytes());
        head.push(TEXT);
        head.extend_from_slice(&u16::try_from(value.len()).unwrap_or_default().to_be_bytes());
        head.extend_from_slice(value.as_bytes());
    }
    let start = out.len();
    let length = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    out.extend_from_slice(&length(PRELUDE + head.len() + payload.len() + CHECKSUM));
    out.extend_from_slice(&length(head.len()));
    seal(start, out);
    out.extend_from_slice(&head);
    out.extend_from_slice(payload);
    seal(start, out);
}

/// Adds the checksum of all from `start`.
fn seal(start: usize, out: &mut Vec<u8>) {
    let checksum = crc32fast::hash(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&checksum.to_be_bytes());
}
