//! How the events of a stream stand one after the other: its framing, by its media type or, where that is not told, by
//! the dialect.
//!
//! In: the chunks of a stream, cut anywhere. Out: its frames, in one form for every framing.

use bytes::Bytes;

use crate::eventstream::{self, BadMessage};
use crate::lines;
use crate::sse::{self, EventTooLarge, Frame};

/// How the events of a stream stand one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    Sse,
    /// One JSON object per line.
    Lines,
    /// Amazon's binary messages.
    AwsEventStream,
}

impl Framing {
    /// The framing that a media type names, parameters left out; `None` when it names none.
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        [Self::Sse, Self::Lines, Self::AwsEventStream]
            .into_iter()
            .find(|framing| media_type.eq_ignore_ascii_case(framing.media_type()))
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Sse => "text/event-stream",
            Self::Lines => "application/x-ndjson",
            Self::AwsEventStream => "application/vnd.amazon.eventstream",
        }
    }

    /// Writes a frame with this payload, for a client that reads another framing than it came in.
    pub fn write(self, event: &[u8], data: &[u8], out: &mut Vec<u8>) {
        // Payloads are JSON, in which a line's end is as good as a space.
        let one_line = |byte: &u8| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte };
        match self {
            Self::Sse if event.is_empty() => {
                out.extend_from_slice(b"data: ");
                out.extend(data.iter().map(one_line));
                out.extend_from_slice(b"\n\n");
            }
            Self::Sse => sse::write_event(event, data, out),
            Self::Lines => {
                out.extend(data.iter().map(one_line));
                out.push(b'\n');
            }
            Self::AwsEventStream => eventstream::write_event(&String::from_utf8_lossy(event), data, out),
        }
    }

    /// What a stream's last frame lacks of its end.
    pub fn lacking(self, raw: &[u8]) -> &'static [u8] {
        match self {
            Self::Sse if [&b"\n\n"[..], b"\r\n\r\n", b"\r\r"].iter().any(|end| raw.ends_with(end)) => b"",
            Self::Sse => b"\n\n",
            Self::Lines if raw.ends_with(b"\n") => b"",
            Self::Lines => b"\n",
            // A message says how long it is.
            Self::AwsEventStream => b"",
        }
    }
}

/// The stream cannot be read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadStream {
    /// Of server-sent events, or of lines.
    #[error(transparent)]
    Sse(#[from] EventTooLarge),
    /// Of Amazon's messages.
    #[error(transparent)]
    AwsEventStream(#[from] BadMessage),
}

impl BadStream {
    /// Whether a limit of ours was broken, and not the stream itself.
    pub fn is_too_large(&self) -> bool {
        matches!(self, Self::Sse(_) | Self::AwsEventStream(BadMessage::TooLarge { .. }))
    }
}

/// Splits a byte stream into frames. See [`sse::Framer`] for how it is used.
#[derive(Debug)]
pub enum Framer {
    /// Of server-sent events.
    Sse(sse::Framer),
    /// Of lines.
    Lines(lines::Framer),
    /// Of Amazon's messages.
    AwsEventStream(eventstream::Framer),
}

impl Framer {
    /// A framer that refuses events of more than `limit` bytes.
    pub fn new(framing: Framing, limit: usize) -> Self {
        match framing {
            Framing::Sse => Self::Sse(sse::Framer::new(limit)),
            Framing::Lines => Self::Lines(lines::Framer::new(limit)),
            Framing::AwsEventStream => Self::AwsEventStream(eventstream::Framer::new(limit)),
        }
    }

    /// The framing that it reads: where clients read the same, its frames' own bytes can go on to them.
    #[inline]
    pub fn framing(&self) -> Framing {
        match self {
            Self::Sse(_) => Framing::Sse,
            Self::Lines(_) => Framing::Lines,
            Self::AwsEventStream(_) => Framing::AwsEventStream,
        }
    }

    /// Takes the next bytes of the stream.
    #[inline]
    pub fn push(&mut self, chunk: Bytes) {
        match self {
            Self::Sse(framer) => framer.push(chunk),
            Self::Lines(framer) => framer.push(chunk),
            Self::AwsEventStream(framer) => framer.push(&chunk),
        }
    }

    /// The next whole frame, if there is one. After an error the same error comes again.
    #[inline]
    pub fn next_frame(&mut self) -> Result<Option<Frame>, BadStream> {
        match self {
            Self::Sse(framer) => Ok(framer.next_frame()?),
            Self::Lines(framer) => Ok(framer.next_frame()?),
            Self::AwsEventStream(framer) => Ok(framer.next_frame()?),
        }
    }

    /// The stream has ended: what remains, frame by frame. A binary message that is not whole is none.
    pub fn finish(&mut self) -> Option<Frame> {
        match self {
            Self::Sse(framer) => framer.finish(),
            Self::Lines(framer) => framer.finish(),
            Self::AwsEventStream(framer) => framer.next_frame().ok().flatten(),
        }
    }

    /// Whether everything that was pushed has come out in frames.
    #[inline]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Sse(framer) => framer.is_empty(),
            Self::Lines(framer) => framer.is_empty(),
            Self::AwsEventStream(framer) => framer.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_one_frame_in_every_framing() {
        for (framing, event, data) in [
            (Framing::Sse, "", "{\"a\":\n1}"),
            (Framing::Sse, "ping", "{\"a\": 1}"),
            (Framing::Lines, "ping", "{\"a\":\n1}"),
            (Framing::AwsEventStream, "ping", "{\"a\": 1}"),
        ] {
            let mut out = Vec::new();
            framing.write(event.as_bytes(), data.as_bytes(), &mut out);
            assert!(framing.lacking(&out).is_empty());
            let mut framer = Framer::new(Framing::of_media_type(framing.media_type()).unwrap(), 1024);
            framer.push(out.into());
            let frame = framer.next_frame().unwrap().unwrap();
            let name = if framing == Framing::Lines { "" } else { event };
            assert_eq!((&*frame.event, &*frame.data.unwrap()), (name.as_bytes(), &b"{\"a\": 1}"[..]));
            assert!(framer.is_empty() && framer.framing() == framing);
        }
        assert_eq!(
            (Framing::Sse.lacking(b"{}\n"), Framing::Lines.lacking(b"{}")),
            (&b"\n\n"[..], &b"\n"[..])
        );
        assert_eq!(Framing::of_media_type("application/json"), None);
    }
}
