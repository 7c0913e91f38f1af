//! Lines: a framer for newline-delimited JSON that is right at every byte split and copies nothing that arrives whole.
//!
//! Source: <https://github.com/ndjson/ndjson-spec>. A line ends in LF; a CR before it is no part of the text; the last
//! line may lack its end; an empty line says nothing.
//!
//! In: the chunks of a stream, cut anywhere. Out: one frame for each line, its end included. Bytes are never decoded
//! as text here.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use memchr::memchr;

use crate::sse::{EventTooLarge, Frame};

/// Splits a byte stream into lines. Between pushes at most `limit` bytes are held.
#[derive(Debug)]
pub struct Framer {
    limit: usize,
    /// The chunk in work; it begins where the current line begins, or goes on.
    chunk: Bytes,
    /// Chunks after it, when several were pushed before the frames were taken.
    waiting: VecDeque<Bytes>,
    /// What earlier chunks held of the current line.
    held: BytesMut,
    failed: bool,
}

impl Framer {
    /// A framer that refuses lines of more than `limit` bytes, their end included.
    pub fn new(limit: usize) -> Self {
        let (chunk, waiting, held) = (Bytes::new(), VecDeque::new(), BytesMut::new());
        Self { limit, chunk, waiting, held, failed: false }
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

    /// The next whole line, if there is one. After an error the stream cannot be framed any more: the same error
    /// comes again and what was held is gone.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, EventTooLarge> {
        loop {
            if self.failed {
                return Err(EventTooLarge { limit: self.limit });
            }
            if self.chunk.is_empty() {
                match self.waiting.pop_front() {
                    Some(next) => self.chunk = next,
                    None => return Ok(None),
                }
                continue;
            }
            let end = memchr(b'\n', &self.chunk).map(|at| at + 1);
            let part = self.chunk.split_to(end.unwrap_or(self.chunk.len()));
            if part.len() > self.limit.saturating_sub(self.held.len()) {
                *self = Self { failed: true, ..Self::new(self.limit) };
            } else if end.is_none() {
                self.held.extend_from_slice(&part);
            } else if self.held.is_empty() {
                return Ok(Some(frame(part)));
            } else {
                self.held.extend_from_slice(&part);
                return Ok(Some(frame(std::mem::take(&mut self.held).freeze())));
            }
        }
    }

    /// The stream has ended: what remains, as a last line. Lines that have not been taken yet come first: call it until
    /// it gives `None`.
    pub fn finish(&mut self) -> Option<Frame> {
        match self.next_frame() {
            Ok(None) if self.held.is_empty() => None,
            Ok(None) => Some(frame(std::mem::take(&mut self.held).freeze())),
            Ok(frame) => frame,
            Err(_) => None,
        }
    }

    /// Whether everything that was pushed has come out in frames.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty() && self.chunk.is_empty() && self.waiting.is_empty()
    }
}

/// A line with its text, without the white space around it.
fn frame(raw: Bytes) -> Frame {
    let text = raw.trim_ascii();
    let data = (!text.is_empty()).then(|| raw.slice_ref(text));
    Frame { event: Bytes::new(), data, raw }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts of the lines, and whether the raw bytes are the stream again.
    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let (mut framer, mut raw, mut found) = (Framer::new(64), Vec::new(), Vec::new());
        let mut note = |frame: Frame| {
            raw.extend_from_slice(&frame.raw);
            found.extend(frame.data.map(|data| String::from_utf8_lossy(&data).into_owned()));
        };
        for piece in pieces {
            framer.push(Bytes::copy_from_slice(piece));
            while let Some(frame) = framer.next_frame().unwrap() {
                note(frame);
            }
        }
        while let Some(frame) = framer.finish() {
            note(frame);
        }
        assert!(framer.is_empty());
        assert_eq!(raw, pieces.concat());
        found
    }

    #[test]
    fn lines_are_the_same_at_every_split() {
        let stream = "{\"a\":1}\n{\"b\":\"玉\"}\r\n\n\r\n  {\"c\":[]} \n{\"last\":0}".as_bytes();
        let whole = lines(&[stream]);
        assert_eq!(whole, [r#"{"a":1}"#, r#"{"b":"玉"}"#, r#"{"c":[]}"#, r#"{"last":0}"#]);
        for cut in 0..=stream.len() {
            let (head, tail) = stream.split_at(cut);
            assert_eq!(lines(&[head, tail]), whole, "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(lines(&bytes), whole);
    }

    #[test]
    fn a_whole_line_is_not_copied() {
        let chunk = Bytes::from_static(b"{}\n{}\n");
        let mut framer = Framer::new(8);
        framer.push(chunk.clone());
        let frame = framer.next_frame().unwrap().unwrap();
        assert_eq!(frame.raw.as_ptr(), chunk.as_ptr());
    }

    #[test]
    fn a_line_has_a_limit_however_it_comes() {
        for pieces in [vec!["123456789\n"], vec!["1234", "56789"], vec!["12345678", "\n"]] {
            let mut framer = Framer::new(8);
            let mut failed = false;
            for piece in pieces {
                framer.push(Bytes::from(piece));
                failed |= framer.next_frame().is_err();
            }
            assert!(failed && framer.next_frame().is_err() && framer.finish().is_none());
        }
        let mut framer = Framer::new(8);
        framer.push(Bytes::from_static(b"1234567\n1234567\n"));
        assert!(framer.next_frame().unwrap().is_some() && framer.next_frame().unwrap().is_some());
    }
}
