//! Amazon's event stream, `application/vnd.amazon.eventstream`: binary messages with typed headers and two checksums.
//! <https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html#streaming-event-stream>
//!
//! ```text
//! total length u32 | headers length u32 | CRC-32 of both u32 | headers | payload | CRC-32 of all before it u32
//! header: name length u8 | name | type u8 | value        (everything big-endian)
//! ```
//!
//! In: the chunks of a stream, cut anywhere. Out: its messages as frames of the same form as those of server-sent events,
//! so that nobody behind needs to know how they came. Two kinds of messages are unwrapped here:
//!
//! - `chunk` events of Bedrock's `invoke-with-response-stream` hold an event of the model's own API in base64.
//! - Exceptions and errors, which come under HTTP 200, become an event `error` whose data every dialect can read.

mod message;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use serde::Deserialize;

use crate::sse::Frame;
use message::{Message, PRELUDE, Prelude};
pub use message::{write_event, write_exception};

/// The stream cannot be read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// A message breaks the limit.
    #[error("a message of the stream is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// Bytes were lost or changed on the way, or were never such a stream.
    #[error("a message of the stream is damaged: {what}")]
    Damaged {
        /// What is wrong with it.
        what: &'static str,
    },
}

/// Splits a byte stream into frames, one for each message.
///
/// Call [`next_frame`](Self::next_frame) until it gives `None` after each [`push`](Self::push). Between pushes less than
/// `limit` bytes are held.
#[derive(Debug)]
pub struct Framer {
    limit: usize,
    held: BytesMut,
    failed: Option<BadMessage>,
}

impl Framer {
    /// A framer that refuses messages of more than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, held: BytesMut::new(), failed: None }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, chunk: &[u8]) {
        if self.failed.is_none() {
            self.held.extend_from_slice(chunk);
        }
    }

    /// The next whole message, if there is one. After an error the stream cannot be framed any more: the same error comes
    /// again and what was held is gone.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, BadMessage> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        let frame = self.read();
        if let Err(error) = frame {
            self.failed = Some(error);
            self.held = BytesMut::new();
        }
        frame
    }

    fn read(&mut self) -> Result<Option<Frame>, BadMessage> {
        // The lengths are believed only when their own checksum agrees: a wrong one would be waited for.
        let Some(prelude) = self.held.first_chunk::<PRELUDE>() else { return Ok(None) };
        let prelude = Prelude::read(prelude)?;
        if prelude.total > self.limit {
            return Err(BadMessage::TooLarge { limit: self.limit });
        }
        if self.held.len() < prelude.total {
            return Ok(None);
        }
        let raw = self.held.split_to(prelude.total).freeze();
        frame(&Message::read(&raw, &prelude)?, raw.clone()).map(Some)
    }

    /// Whether everything that was pushed has come out in frames.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

/// What a `chunk` holds.
#[derive(Deserialize)]
struct Chunk<'a> {
    bytes: std::borrow::Cow<'a, str>,
}

/// The name under which an event of the Messages API is said among server-sent events.
#[derive(Deserialize)]
struct Named {
    #[serde(rename = "type")]
    kind: String,
}

fn frame(message: &Message<'_>, raw: Bytes) -> Result<Frame, BadMessage> {
    let damaged = |what| BadMessage::Damaged { what };
    match message.kind {
        "event" if message.name == "chunk" => {
            let chunk: Chunk<'_> =
                serde_json::from_slice(message.payload).map_err(|_| damaged("a chunk holds no `bytes`"))?;
            let data = STANDARD
                .decode(chunk.bytes.as_bytes())
                .map_err(|_| damaged("the bytes of a chunk are not base64"))?;
            let event = serde_json::from_slice::<Named>(&data).map(|named| named.kind).unwrap_or_default();
            Ok(Frame { raw, event: event.into(), data: Some(data.into()) })
        }
        "event" => Ok(Frame {
            event: Bytes::copy_from_slice(message.name.as_bytes()),
            data: Some(raw.slice_ref(message.payload)),
            raw,
        }),
        "exception" | "error" => {
            let data = Bytes::from(message.error());
            Ok(Frame { raw, event: Bytes::from_static(b"error"), data: Some(data) })
        }
        _ => Err(damaged("its kind is not known")),
    }
}

#[cfg(test)]
mod tests;
