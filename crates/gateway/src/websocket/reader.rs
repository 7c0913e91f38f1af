//! Frames from one side of a connection.

use std::io::{self, Cursor};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::frame::{Fault, Frame, Kind, Side};

/// Room made for one read.
const READ_BYTES: usize = 4096;
/// Most room made at once for a frame that has only been announced.
const ROOM_MOST: usize = 64 * 1024;
/// A buffer that has grown beyond this is given up when it is empty: sessions are silent for long.
const KEPT_MOST: usize = 64 * 1024;
/// What a control frame may hold.
const CONTROL_BYTES_MOST: usize = 125;

/// A frame of which only the header has come.
#[derive(Clone, Copy)]
struct Announced {
    kind: Kind,
    last: bool,
    mask: Option<[u8; 4]>,
    length: usize,
}

/// Reads frames.
pub struct Reader<R> {
    source: R,
    side: Side,
    most: usize,
    buffer: BytesMut,
    announced: Option<Announced>,
    /// Bytes of the message under way, if there is one.
    message: Option<usize>,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// Reads what `side` sends, messages of at most `most` bytes.
    pub fn new(source: R, side: Side, most: usize) -> Self {
        Self { source, side, most, buffer: BytesMut::new(), announced: None, message: None }
    }

    /// The next frame. Nothing is lost when the wait for it is given up.
    pub async fn next(&mut self) -> Result<Frame, Fault> {
        loop {
            if let Some(frame) = self.take()? {
                return Ok(frame);
            }
            let lacking = self.announced.map_or(0, |frame| frame.length.saturating_sub(self.buffer.len()));
            self.buffer.reserve(lacking.clamp(READ_BYTES, ROOM_MOST));
            if self.source.read_buf(&mut self.buffer).await.map_err(Fault::Gone)? == 0 {
                return Err(Fault::Gone(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// The next frame, if all of it is there.
    fn take(&mut self) -> Result<Option<Frame>, Fault> {
        let announced = match self.announced {
            Some(announced) => announced,
            None => {
                let Some(announced) = self.header()? else { return Ok(None) };
                *self.announced.insert(announced)
            }
        };
        let Announced { kind, last, mask, length } = announced;
        if self.buffer.len() < length {
            return Ok(None);
        }
        self.announced = None;
        let mut payload = self.buffer.split_to(length);
        if self.buffer.is_empty() && self.buffer.capacity() + length > KEPT_MOST {
            self.buffer = BytesMut::new();
        }
        if let Some(mask) = mask {
            super::writer::apply(mask, &mut payload);
        }
        Ok(Some(Frame { kind, last, payload }))
    }

    /// The header that comes next, if it is all there.
    fn header(&mut self) -> Result<Option<Announced>, Fault> {
        let mut cursor = Cursor::new(&self.buffer);
        let parsed =
            FrameHeader::parse(&mut cursor).map_err(|_| Fault::Protocol("a frame of no known kind"))?;
        let Some((header, length)) = parsed else { return Ok(None) };
        let read = usize::try_from(cursor.position()).unwrap_or(usize::MAX).min(self.buffer.len());
        self.buffer.advance(read);
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(Fault::Protocol("a frame of an extension that was not agreed on"));
        }
        if header.mask.is_some() != (self.side == Side::Client) {
            return Err(Fault::Protocol("a client's frames must be masked, and a server's must not"));
        }
        let kind = kind_of(header.opcode)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        self.expect(kind, header.is_final, length)?;
        Ok(Some(Announced { kind, last: header.is_final, mask: header.mask, length }))
    }

    /// Whether such a frame may come now.
    fn expect(&mut self, kind: Kind, last: bool, length: usize) -> Result<(), Fault> {
        let before = match (kind, self.message) {
            (Kind::Ping | Kind::Pong | Kind::Close, _) => {
                let may_come = last && length <= CONTROL_BYTES_MOST;
                return if may_come {
                    Ok(())
                } else {
                    Err(Fault::Protocol("a control frame is cut or long"))
                };
            }
            (Kind::More, Some(before)) => before,
            (Kind::Text | Kind::Binary, None) => 0,
            _ => return Err(Fault::Protocol("a frame that does not belong to its message")),
        };
        let size = before.saturating_add(length);
        if size > self.most {
            return Err(Fault::TooLarge(self.most));
        }
        self.message = (!last).then_some(size);
        Ok(())
    }
}

fn kind_of(opcode: OpCode) -> Result<Kind, Fault> {
    Ok(match opcode {
        OpCode::Data(Data::Text) => Kind::Text,
        OpCode::Data(Data::Binary) => Kind::Binary,
        OpCode::Data(Data::Continue) => Kind::More,
        OpCode::Control(Control::Ping) => Kind::Ping,
        OpCode::Control(Control::Pong) => Kind::Pong,
        OpCode::Control(Control::Close) => Kind::Close,
        OpCode::Data(Data::Reserved(_)) | OpCode::Control(Control::Reserved(_)) => {
            return Err(Fault::Protocol("a frame of no known kind"));
        }
    })
}
