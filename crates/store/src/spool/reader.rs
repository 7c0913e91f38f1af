//! Reading frames back, also from files that were cut short or damaged.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use yumen_telemetry::ExchangeRecord;

use super::codec;
use super::frame::{self, Found};

const CHUNK_BYTES: u64 = 256 * 1024;

/// What was found at a place of a segment.
#[derive(Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "nearly all are records, and one lives at a time")]
pub(crate) enum Read {
    /// A record.
    Record(ExchangeRecord),
    /// Bytes that are no readable record; reading goes on behind them.
    Damaged,
    /// The last frame was not written to its end; it is left out.
    Torn,
}

/// Reads frames in order; its buffer serves one file after the other.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
}

impl Reader {
    /// Hands what lies between `from` and `limit` to `take`, each with the place where it ends, until it answers `false`.
    pub(crate) fn read(
        &mut self,
        file: &File,
        from: u64,
        limit: u64,
        mut take: impl FnMut(Read, u64) -> bool,
    ) -> io::Result<()> {
        let mut at = from;
        let mut wanted = CHUNK_BYTES;
        while at < limit {
            let length = wanted.min(limit - at);
            let last = at + length == limit;
            self.buffer.resize(usize::try_from(length).unwrap_or(0), 0);
            file.read_exact_at(&mut self.buffer, at)?;
            wanted = CHUNK_BYTES;
            let mut rest = self.buffer.as_slice();
            while !rest.is_empty() {
                let (read, size) = match look(rest, last) {
                    Looked::Found(read, size) => (read, size),
                    Looked::Lost => {
                        take(Read::Damaged, limit);
                        return Ok(());
                    }
                    Looked::NeedsMore(bytes) => {
                        wanted = bytes.max(CHUNK_BYTES);
                        break;
                    }
                };
                at += size as u64;
                rest = rest.get(size..).unwrap_or_default();
                if !take(read, at) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// What lies at the front of some bytes.
#[allow(clippy::large_enum_variant, reason = "nearly all are found, and one lives at a time")]
enum Looked {
    /// This, in so many bytes.
    Found(Read, usize),
    /// Damage that hides where the next frame begins.
    Lost,
    /// It cannot be told before so many bytes are there.
    NeedsMore(u64),
}

/// Looks at the front of `rest`; `last` tells that the segment ends with it.
fn look(rest: &[u8], last: bool) -> Looked {
    match frame::find(rest) {
        Found::Frame { payload, size } => match codec::decode(payload) {
            Ok(record) => Looked::Found(Read::Record(record), size),
            Err(codec::Unreadable) => Looked::Found(Read::Damaged, size),
        },
        Found::CutShort { .. } if last => Looked::Found(Read::Torn, rest.len()),
        Found::CutShort { size } => Looked::NeedsMore(size as u64),
        Found::Damaged { size: None } => Looked::Lost,
        Found::Damaged { size: Some(size) } => look_behind(rest.get(size..).unwrap_or_default(), size, last),
    }
}

/// Only the checksum of a frame of `size` bytes is wrong. When its length leads to the next frame, just this one is lost.
fn look_behind(behind: &[u8], size: usize, last: bool) -> Looked {
    if behind.is_empty() && last {
        return Looked::Found(Read::Damaged, size);
    }
    match frame::find(behind) {
        Found::Frame { .. } => Looked::Found(Read::Damaged, size),
        Found::CutShort { size: more } if !last => Looked::NeedsMore((size + more) as u64),
        Found::CutShort { .. } | Found::Damaged { .. } => Looked::Lost,
    }
}
