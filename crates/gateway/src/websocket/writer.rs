//! Frames to one side of a connection.

use std::io;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::frame::{Frame, Kind, Side};

/// Header and payload go out in one piece up to this size.
const SMALL_BYTES: usize = 4096;

/// Writes frames.
pub struct Writer<W> {
    sink: W,
    side: Side,
    /// What is still to be written of the frame under way: its header, and its payload.
    head: BytesMut,
    payload: BytesMut,
    closed: bool,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    /// Writes what `side` sends.
    pub fn new(sink: W, side: Side) -> Self {
        Self { sink, side, head: BytesMut::new(), payload: BytesMut::new(), closed: false }
    }

    /// Writes a frame to its end, after what is left of one whose writing was given up. Behind a close frame nothing is
    /// said any more.
    pub async fn write(&mut self, frame: Frame) -> io::Result<()> {
        self.flush().await?;
        if self.closed {
            return Ok(());
        }
        self.closed = frame.kind == Kind::Close;
        self.begin(frame)?;
        self.flush().await
    }

    fn begin(&mut self, frame: Frame) -> io::Result<()> {
        let Frame { kind, last, mut payload } = frame;
        let mask = match self.side {
            Side::Client => Some(fresh_mask()?),
            Side::Server => None,
        };
        let header = FrameHeader { is_final: last, opcode: opcode_of(kind), mask, ..FrameHeader::default() };
        let mut head = Vec::with_capacity(16);
        header.format(payload.len() as u64, &mut head).map_err(io::Error::other)?;
        if let Some(mask) = mask {
            apply(mask, &mut payload);
        }
        self.head = BytesMut::from(head.as_slice());
        if payload.len() <= SMALL_BYTES {
            self.head.extend_from_slice(&payload);
        } else {
            self.payload = payload;
        }
        Ok(())
    }

    async fn flush(&mut self) -> io::Result<()> {
        while self.head.has_remaining() || self.payload.has_remaining() {
            let mut rest = (&mut self.head).chain(&mut self.payload);
            if self.sink.write_buf(&mut rest).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        self.sink.flush().await
    }

    /// Ends the direction.
    pub async fn shutdown(&mut self) -> io::Result<()> {
        self.sink.shutdown().await
    }
}

/// Puts a mask on, or takes it off.
pub(super) fn apply(mask: [u8; 4], payload: &mut [u8]) {
    let (blocks, rest) = payload.as_chunks_mut::<4>();
    for block in blocks {
        *block = (u32::from_ne_bytes(*block) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

fn fresh_mask() -> io::Result<[u8; 4]> {
    let mask = getrandom::u32().map_err(|error| io::Error::other(error.to_string()))?;
    Ok(mask.to_ne_bytes())
}

fn opcode_of(kind: Kind) -> OpCode {
    match kind {
        Kind::Text => OpCode::Data(Data::Text),
        Kind::Binary => OpCode::Data(Data::Binary),
        Kind::More => OpCode::Data(Data::Continue),
        Kind::Ping => OpCode::Control(Control::Ping),
        Kind::Pong => OpCode::Control(Control::Pong),
        Kind::Close => OpCode::Control(Control::Close),
    }
}
