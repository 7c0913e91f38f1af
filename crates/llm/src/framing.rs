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
    Sse,
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
    Sse(sse::Framer),
    /// Of lines.
    Lines(lines::Framer),
}

impl Framing {
    /// The framing that a media type names, parameters left out; `None` when it names none.
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        [Self::Sse, Self::Lines]
            .into_iter()
            .find(|framing| media_type.eq_ignore_ascii_case(framing.media_type()))
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Sse => "text/event-stream",
            Self::Lines => "application/x-ndjson",
        }
    }

    /// Writes a frame with this payload, for a client that reads another framing than it came in.
    pub fn write(self, event: &[u8], data: &[u8], out: &mut Vec<u8>) {
        let one_line = |byte: &u8| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte };
        if self == Self::Sse {
            if !event.is_empty() {
                out.extend_from_slice(b"event: ");
                out.extend(event.iter().map(one_line));
                out.push(b'\n');
            }
            out.extend_from_slice(b"data: ");
        }
        // Payloads are JSON, in which a line's end is as good as a space.
        out.extend(data.iter().map(one_line));
        out.extend_from_slice(if self == Self::Sse { b"\n\n" } else { b"\n" });
    }

    /// What a stream's last frame lacks of its end.
    pub fn lacking(self, raw: &[u8]) -> &'static [u8] {
        match self {
            Self::Sse if [&b"\n\n"[..], b"\r\n\r\n", b"\r\r"].iter().any(|end| raw.ends_with(end)) => b"",
            Self::Sse => b"\n\n",
            Self::Lines if raw.ends_with(b"\n") => b"",
            Self::Lines => b"\n",
        }
    }
}

impl Framer {
    /// A framer that refuses frames of more than `limit` bytes.
    pub fn new(framing: Framing, limit: usize) -> Self {
        match framing {
            Framing::Sse => Self::Sse(sse::Framer::new(limit)),
            Framing::Lines => Self::Lines(lines::Framer::new(limit)),
        }
    }

    /// The framing that it reads.
    pub fn framing(&self) -> Framing {
        match self {
            Self::Sse(_) => Framing::Sse,
            Self::Lines(_) => Framing::Lines,
        }
    }

    /// Takes the next bytes of the stream.
    #[inline]
    pub fn push(&mut self, chunk: Bytes) {
        match self {
            Self::Sse(framer) => framer.push(chunk),
            Self::Lines(framer) => framer.push(chunk),
        }
    }

    /// The next whole frame, if there is one. After an error the stream cannot be framed any more.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, EventTooLarge> {
        match self {
            Self::Sse(framer) => framer.next_frame(),
            Self::Lines(framer) => framer.next_frame(),
        }
    }

    /// The stream has ended: what remains, as a last frame, after those that have not been taken yet.
    pub fn finish(&mut self) -> Option<Frame> {
        match self {
            Self::Sse(framer) => framer.finish(),
            Self::Lines(framer) => framer.finish(),
        }
    }

    /// Whether everything that was pushed has come out in frames.
    #[inline]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Sse(framer) => framer.is_empty(),
            Self::Lines(framer) => framer.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_one_frame_in_either_framing() {
        for (framing, event, expected) in [
            (Framing::Sse, "", "data: {\"a\": 1}\n\n"),
            (Framing::Sse, "ping", "event: ping\ndata: {\"a\": 1}\n\n"),
            (Framing::Lines, "ping", "{\"a\": 1}\n"),
        ] {
            let mut out = Vec::new();
            framing.write(event.as_bytes(), b"{\"a\":\n1}", &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected);
            assert!(framing.lacking(&out).is_empty() && !framing.lacking(b"{}").is_empty());
            let mut framer = Framer::new(Framing::of_media_type(framing.media_type()).unwrap(), 64);
            framer.push(out.into());
            assert_eq!(framer.next_frame().unwrap().unwrap().data.unwrap(), "{\"a\": 1}");
            assert!(framer.is_empty() && framer.framing() == framing);
        }
        assert_eq!(Framing::of_media_type("application/json"), None);
    }
}
