//! A frame, the word with which a connection is closed, and what can be wrong with either.

use bytes::{BufMut as _, Bytes, BytesMut};

/// A close frame holds no more than this of a reason, beside its code.
const REASON_BYTES_MOST: usize = 123;

/// Whose frames are read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A client's, which are masked.
    Client,
    /// A server's, which are not.
    Server,
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Text,
    Binary,
    /// More of the message before it.
    More,
    Ping,
    Pong,
    Close,
}

/// A frame as it was read, without its mask.
#[derive(Debug)]
pub struct Frame {
    /// What it is.
    pub kind: Kind,
    /// Whether its message ends with it.
    pub last: bool,
    /// What it holds.
    pub payload: BytesMut,
}

/// Why a connection is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// The code; none where the peer gave none.
    pub code: Option<u16>,
    /// The reason in words.
    pub reason: String,
}

impl Close {
    /// The other side goes away.
    pub const GOING_AWAY: u16 = 1001;
    /// The other side did not keep to the protocol.
    pub const PROTOCOL: u16 = 1002;
    /// The other side may not go on.
    pub const POLICY: u16 = 1008;
    /// A message was too large.
    pub const TOO_LARGE: u16 = 1009;
    /// Something failed that is none of the other side's doing.
    pub const FAILED: u16 = 1011;

    /// With a code of our own.
    pub fn with(code: u16, reason: impl Into<String>) -> Self {
        Self { code: Some(code), reason: reason.into() }
    }

    /// Whether it is the end of a conversation that went well.
    pub fn is_normal(&self) -> bool {
        matches!(self.code, None | Some(1000 | Self::GOING_AWAY))
    }

    /// Reads what a close frame holds.
    pub fn read(payload: &[u8]) -> Result<Self, Fault> {
        let Some((code, reason)) = payload.split_at_checked(2) else {
            let empty = Self { code: None, reason: String::new() };
            return if payload.is_empty() { Ok(empty) } else { Err(Fault::Protocol("half a close code")) };
        };
        let code = code.iter().fold(0, |code, byte| (code << 8) | u16::from(*byte));
        // Those that are left out mean something that no frame can say.
        let may_be_said = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        match std::str::from_utf8(reason) {
            Ok(reason) if may_be_said => Ok(Self::with(code, reason)),
            _ => Err(Fault::Protocol("a close code that nobody may send, or a reason that is no text")),
        }
    }

    /// The frame that says it.
    pub fn frame(&self) -> Frame {
        let mut payload = BytesMut::new();
        if let Some(code) = self.code {
            payload.put_u16(code);
            let end = self.reason.floor_char_boundary(REASON_BYTES_MOST);
            payload.put_slice(self.reason.as_bytes().get(..end).unwrap_or_default());
        }
        Frame { kind: Kind::Close, last: true, payload }
    }
}

impl Frame {
    /// A whole message of text.
    pub fn text(text: impl Into<Bytes>) -> Self {
        Self { kind: Kind::Text, last: true, payload: BytesMut::from(text.into()) }
    }
}

/// Why no more frames come.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The connection ended without a word, or broke.
    #[error("{0}")]
    Gone(#[source] std::io::Error),
    /// What came is no frame that may come there.
    #[error("{0}")]
    Protocol(&'static str),
    /// A message is larger than the limit.
    #[error("a message is larger than {0} bytes")]
    TooLarge(usize),
}
