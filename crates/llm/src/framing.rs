//! How the events of a stream stand one after the other: its framing, by its media type or, where that is not told, by
//! the dialect.
//!
//! In: the chunks of a stream, cut anywhere. Out: its frames, in one form for every framing.

use bytes::Bytes;

use crate::eventstream::{self, BadMessage};
use crate::sse::{self, EventTooLarge, Frame};

/// How the events of a stream stand one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    Sse,
    /// Amazon's binary messages.
    AwsEventStream,
}

impl Framing {
    /// The framing that a media type names, parameters left out; `None` when it names none.
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        [Self::Sse, Self::AwsEventStream]
            .into_iter()
            .find(|framing| media_type.eq_ignore_ascii_case(framing.media_type()))
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Sse => "text/event-stream",
            Self::AwsEventStream => "application/vnd.amazon.eventstream",
        }
    }
}

/// The stream cannot be read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadStream {
    /// Of server-sent events.
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
    /// Of Amazon's messages.
    AwsEventStream(eventstream::Framer),
}

impl Framer {
    /// A framer that refuses events of more than `limit` bytes.
    pub fn new(framing: Framing, limit: usize) -> Self {
        match framing {
            Framing::Sse => Self::Sse(sse::Framer::new(limit)),
            Framing::AwsEventStream => Self::AwsEventStream(eventstream::Framer::new(limit)),
        }
    }

    /// Whether its frames are server-sent events, so that their own bytes can go on to a client.
    #[inline]
    pub fn is_sse(&self) -> bool {
        matches!(self, Self::Sse(_))
    }

    /// Takes the next bytes of the stream.
    #[inline]
    pub fn push(&mut self, chunk: Bytes) {
        match self {
            Self::Sse(framer) => framer.push(chunk),
            Self::AwsEventStream(framer) => framer.push(&chunk),
        }
    }

    /// The next whole frame, if there is one. After an error the same error comes again.
    #[inline]
    pub fn next_frame(&mut self) -> Result<Option<Frame>, BadStream> {
        match self {
            Self::Sse(framer) => Ok(framer.next_frame()?),
            Self::AwsEventStream(framer) => Ok(framer.next_frame()?),
        }
    }

    /// The stream has ended: what remains, frame by frame. A binary message that is not whole is none.
    pub fn finish(&mut self) -> Option<Frame> {
        match self {
            Self::Sse(framer) => framer.finish(),
            Self::AwsEventStream(framer) => framer.next_frame().ok().flatten(),
        }
    }

    /// Whether everything that was pushed has come out in frames.
    #[inline]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Sse(framer) => framer.is_empty(),
            Self::AwsEventStream(framer) => framer.is_empty(),
        }
    }
}
