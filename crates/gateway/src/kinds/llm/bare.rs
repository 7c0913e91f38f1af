//! Streams for clients that read nothing but `data: ` lines, one for each event, as Google's libraries do: they fail
//! at a comment, at a field that the standard allows, and at a missing space.
//!
//! In: events of a stream that passes through. Out: the same bytes where they are spelt so, the payload spelt so
//! where they are not, and an event that says nothing in place of a comment. It never changes a payload.

use bytes::{BufMut, Bytes, BytesMut};
use yumen_llm::dialects::{AnswerContext, Codec};
use yumen_llm::ir::StreamEvent;

/// How the only line of an event begins.
const FIELD: &[u8] = b"data: ";
/// The longest end of an event: two line ends of two bytes.
const END_MOST: usize = 4;

/// Spells events.
pub struct Bare {
    alive: Bytes,
}

impl Bare {
    /// For a client of this dialect.
    pub fn new(client: &dyn Codec, context: AnswerContext) -> Self {
        let mut alive = Vec::new();
        client.stream_encoder(context).encode(&StreamEvent::Ping, &mut alive);
        Self { alive: alive.into() }
    }

    /// What is said in place of a comment, which tells that the upstream is still there.
    pub fn alive(&self) -> Bytes {
        self.alive.clone()
    }

    /// An event with this payload.
    pub fn event(raw: Bytes, data: &[u8]) -> Bytes {
        if raw.starts_with(FIELD) && raw.len() <= FIELD.len() + data.len() + END_MOST {
            return raw;
        }
        let mut out = BytesMut::with_capacity(FIELD.len() + data.len() + 2);
        out.put_slice(FIELD);
        // Between the lines of a payload there can only be white space.
        out.extend(data.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }));
        out.put_slice(b"\n\n");
        out.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_spelt_otherwise_is_spelt_anew() {
        for (raw, data, expected) in [
            ("data: {}\r\n\r\n", "{}", "data: {}\r\n\r\n"),
            ("data: {}\n\n", "{}", "data: {}\n\n"),
            ("data:{}\n\n", "{}", "data: {}\n\n"),
            (": hi\ndata: {}\n\n", "{}", "data: {}\n\n"),
            ("data: {}\nid: 7\n\n", "{}", "data: {}\n\n"),
            ("data: {\ndata: }\n\n", "{\n}", "data: { }\n\n"),
        ] {
            assert_eq!(Bare::event(Bytes::from(raw), data.as_bytes()), expected);
        }
    }
}
