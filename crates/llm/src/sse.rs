//! Server-sent events: a framer that is right at every byte split and copies nothing that arrives whole.
//!
//! Source: WHATWG HTML, section 9.2 "Server-sent events". Lines end in LF, CR or CRLF; one space after the
//! colon is dropped; data lines are joined with LF; lines that start with a colon are comments.
//!
//! In: the chunks of a stream, cut anywhere. Out: its blocks, each with its own bytes, so that whoever writes
//! out the `raw` bytes of all frames has written the stream exactly as it came. Bytes are never decoded as
//! text here, so a character cut between two chunks is whole again in its frame.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use memchr::{memchr, memchr2};

/// A whole block of the stream: an event, or comments and fields without data, up to and including the blank
/// line that ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The block's own bytes, as they came.
    pub raw: Bytes,
    /// The event's name; empty when it has none.
    pub event: Bytes,
    /// The joined data; `None` when the block has no `data` field (comments, `id:` or `retry:` only, a blank
    /// line on its own).
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
///
/// Call [`next_frame`](Self::next_frame) until it gives `None` after each [`push`](Self::push), and
/// [`finish`](Self::finish) until it gives `None` at the end. Between pushes at most `limit` bytes are held.
#[derive(Debug)]
pub struct Framer {
    limit: usize,
    /// The chunk in work; it begins where the current block begins, or goes on.
    chunk: Bytes,
    /// Chunks after it, when several were pushed before the frames were taken.
    waiting: VecDeque<Bytes>,
    /// What earlier chunks held of the current block.
    held: BytesMut,
    cursor: Cursor,
    /// Whether no block has been read yet: the first may begin with a byte order mark.
    first: bool,
    failed: bool,
}

impl Framer {
    /// A framer that refuses events of more than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            chunk: Bytes::new(),
            waiting: VecDeque::new(),
            held: BytesMut::new(),
            cursor: Cursor { line_empty: true, after_cr: false },
            first: true,
            failed: false,
        }
    }

    /// Takes the next bytes of the stream.
    #[inline]
    pub fn push(&mut self, chunk: Bytes) {
        if self.chunk.is_empty() && self.waiting.is_empty() {
            self.chunk = chunk;
        } else if !chunk.is_empty() {
            self.waiting.push_back(chunk);
        }
    }

    /// The next whole frame, if there is one. After an error the stream cannot be framed any more: the same
    /// error comes again and what was held is gone.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, EventTooLarge> {
        if self.failed {
            return self.fail();
        }
        loop {
            if self.chunk.is_empty() {
                match self.waiting.pop_front() {
                    Some(next) => self.chunk = next,
                    None => return Ok(None),
                }
                continue;
            }
            let room = self.limit.saturating_sub(self.held.len());
            let Some(end) = self.cursor.block_end(&self.chunk, self.held.is_empty()) else {
                if self.chunk.len() > room {
                    return self.fail();
                }
                self.held.extend_from_slice(&self.chunk);
                self.chunk = Bytes::new();
                continue;
            };
            // The LF of a CRLF does not count, for it may come too late to be counted.
            if end.counted > room {
                return self.fail();
            }
            let last = self.chunk.split_to(end.end);
            let raw = if self.held.is_empty() {
                last
            } else {
                self.held.extend_from_slice(&last);
                std::mem::take(&mut self.held).freeze()
            };
            return Ok(Some(self.frame(raw)));
        }
    }

    /// The stream has ended: what remains, as a last frame (a final event may lack its blank line). Frames that
    /// have not been taken yet come first: call it until it gives `None`.
    pub fn finish(&mut self) -> Option<Frame> {
        match self.next_frame() {
            Ok(None) if self.held.is_empty() => None,
            Ok(None) => {
                let raw = std::mem::take(&mut self.held).freeze();
                self.cursor = Cursor { line_empty: true, after_cr: false };
                Some(self.frame(raw))
            }
            Ok(frame) => frame,
            Err(_) => None,
        }
    }

    /// Whether everything that was pushed has come out in frames.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty() && self.chunk.is_empty() && self.waiting.is_empty()
    }

    #[cold]
    fn fail(&mut self) -> Result<Option<Frame>, EventTooLarge> {
        self.failed = true;
        self.chunk = Bytes::new();
        self.waiting = VecDeque::new();
        self.held = BytesMut::new();
        Err(EventTooLarge { limit: self.limit })
    }

    fn frame(&mut self, raw: Bytes) -> Frame {
        let skip = if std::mem::take(&mut self.first) && raw.starts_with(BYTE_ORDER_MARK) { 3 } else { 0 };
        parse(raw, skip)
    }
}

/// Where a block ends in a chunk.
struct BlockEnd {
    /// One past its last byte.
    end: usize,
    /// The same, less the LF of a CRLF that ends the blank line.
    counted: usize,
}

/// What the search for the end of a block carries from one chunk into the next.
#[derive(Debug)]
struct Cursor {
    /// No byte of the current line has been seen.
    line_empty: bool,
    /// The byte before was a CR: an LF now belongs to the same line end.
    after_cr: bool,
}

impl Cursor {
    /// Looks for the end of the block that `chunk` begins (`fresh`) or continues. Each byte is looked at once,
    /// whatever the number of chunks: without an end, all of `chunk` has been looked at.
    ///
    /// A CR that ends a blank line ends the block at once, without waiting to see whether an LF follows. An LF
    /// that does come, in a later chunk, is a block of its own, so it can be passed on at once as well.
    fn block_end(&mut self, chunk: &[u8], fresh: bool) -> Option<BlockEnd> {
        let mut at = 0;
        if std::mem::take(&mut self.after_cr) && chunk.first() == Some(&b'\n') {
            at = 1;
            if fresh {
                return Some(BlockEnd { end: 1, counted: 1 });
            }
        }
        loop {
            let rest = chunk.get(at..).unwrap_or_default();
            let &first = rest.first()?;
            let length = match first {
                b'\n' | b'\r' => 0,
                _ => match memchr2(b'\n', b'\r', rest) {
                    Some(length) => length,
                    None => {
                        self.line_empty = false;
                        return None;
                    }
                },
            };
            let blank = self.line_empty && length == 0;
            self.line_empty = true;
            at += length + 1;
            let counted = at;
            if chunk.get(at - 1) == Some(&b'\r') {
                match chunk.get(at) {
                    Some(b'\n') => at += 1,
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
            if blank {
                return Some(BlockEnd { end: at, counted });
            }
        }
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads the fields of a whole block, whose first `skip` bytes are no part of its text.
fn parse(raw: Bytes, skip: usize) -> Frame {
    let mut event = Bytes::new();
    let mut data = None;
    let mut joined: Option<BytesMut> = None;
    let mut rest = raw.get(skip..).unwrap_or_default();
    while !rest.is_empty() {
        let length = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let (line, after) = rest.split_at_checked(length).unwrap_or_default();
        // A CRLF reads as a line and an empty one, and an empty line within a block says nothing.
        rest = after.get(1..).unwrap_or_default();
        let (name, value) = field(line);
        match name {
            b"data" => match (&data, &mut joined) {
                (None, _) => data = Some(raw.slice_ref(value)),
                (Some(earlier), None) => {
                    let mut lines = BytesMut::with_capacity(raw.len());
                    lines.extend_from_slice(earlier);
                    lines.extend_from_slice(b"\n");
                    lines.extend_from_slice(value);
                    joined = Some(lines);
                }
                (Some(_), Some(lines)) => {
                    lines.extend_from_slice(b"\n");
                    lines.extend_from_slice(value);
                }
            },
            b"event" => event = raw.slice_ref(value),
            _ => {}
        }
    }
    Frame { event, data: joined.map(BytesMut::freeze).or(data), raw }
}

/// Writes an event with a name and data, which may have several lines.
pub fn write_event(name: &[u8], data: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: ");
    out.extend(name.iter().filter(|byte| !matches!(byte, b'\n' | b'\r')));
    for line in data.split(|byte| matches!(byte, b'\n' | b'\r')) {
        out.extend_from_slice(b"\ndata: ");
        out.extend_from_slice(line);
    }
    out.extend_from_slice(b"\n\n");
}

/// The name and the value of a line; a comment has an empty name.
#[inline]
fn field(line: &[u8]) -> (&[u8], &[u8]) {
    let Some((name, value)) = memchr(b':', line).and_then(|colon| line.split_at_checked(colon)) else {
        return (line, b"");
    };
    let value = value.strip_prefix(b":").unwrap_or(value);
    (name, value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests;
