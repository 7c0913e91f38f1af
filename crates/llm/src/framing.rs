//! How the stream of a dialect is cut into frames, and what its writers must know of that.
//!
//! In: the chunks of a stream, cut anywhere. Out: [`Frame`]s, each with its own bytes, so that whoever writes out the
//! `raw` bytes of all frames has written the stream exactly as it came. It knows nothing of what frames mean.

use bytes::Bytes;

use crate::lines;
use crate::sse::{self, EventTooLarge, Frame};

/// The forms of streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    Events,
    /// One JSON object per line.
    Lines,
}

/// Splits a stream of either form.
///
/// Call [`next_frame`](Self::next_frame) until it gives `None` after each [`push`](Self::push), and
/// [`finish`](Self::finish) until it gives `None` at the end.
#[derive(Debug)]
pub enum Framer {
    /// Of server-sent events.
    Events(sse::Framer),
    /// Of lines.
    Lines(lines::Framer),
}

impl Framing {
    /// A framer that refuses frames of more than `limit` bytes.
    pub fn framer(self, limit: usize) -> Framer {
        match self {
            Self::Events => Framer::Events(sse::Framer::new(limit)),
            Self::Lines => Framer::Lines(lines::Framer::new(limit)),
        }
    }

    /// The media type of such a stream.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Events => "text/event-stream",
            Self::Lines => "application/x-ndjson",
        }
    }

    /// What a stream's last frame lacks of its end.
    pub fn lacking(self, raw: &[u8]) -> &'static [u8] {
        match self {
            Self::Events if [&b"\n\n"[..], b"\r\n\r\n", b"\r\r"].iter().any(|end| raw.ends_with(end)) => b"",
            Self::Events => b"\n\n",
            Self::Lines if raw.ends_with(b"\n") => b"",
            Self::Lines => b"\n",
        }
    }
}

impl Framer {
    /// Takes the next bytes of the stream.
    #[inline]
    pub fn push(&mut self, chunk: Bytes) {
        match self {
            Self::Events(framer) => framer.push(chunk),
            Self::Lines(framer) => framer.push(chunk),
        }
    }

    /// The next whole frame, if there is one. After an error the stream cannot be framed any more.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, EventTooLarge> {
        match self {
            Self::Events(framer) => framer.next_frame(),
            Self::Lines(framer) => framer.next_frame(),
        }
    }

    /// The stream has ended: what remains, as a last frame, after those that have not been taken yet.
    pub fn finish(&mut self) -> Option<Frame> {
        match self {
            Self::Events(framer) => framer.finish(),
            Self::Lines(framer) => framer.finish(),
        }
    }

    /// Whether everything that was pushed has come out in frames.
    #[inline]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Events(framer) => framer.is_empty(),
            Self::Lines(framer) => framer.is_empty(),
        }
    }
}
