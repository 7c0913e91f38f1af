//! Names and live state of segment files.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// `<boot sequence>-<writer>-<number>.seg`; unique for ever, and sorts by age within one writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SegmentName {
    /// Which start of the server made it.
    pub(crate) boot: u64,
    /// Which of its writers.
    pub(crate) writer: u32,
    /// Which of the writer's segments.
    pub(crate) number: u32,
}

impl SegmentName {
    /// The name that a file name stands for; `None` for any other file.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_suffix(".seg")?.splitn(3, '-');
        let boot = parts.next()?.parse().ok()?;
        let writer = parts.next()?.parse().ok()?;
        let number = parts.next()?.parse().ok()?;
        let name = Self { boot, writer, number };
        (name.to_string() == text).then_some(name)
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:08}-{:04}-{:06}.seg", self.boot, self.writer, self.number)
    }
}

/// What the writer of a segment tells the drain; two atomics, so neither ever waits for the other.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) name: SegmentName,
    pub(crate) path: PathBuf,
    written: AtomicU64,
    closed: AtomicBool,
}

impl Segment {
    pub(crate) fn new(name: SegmentName, path: PathBuf, written: u64, closed: bool) -> Self {
        Self { name, path, written: AtomicU64::new(written), closed: AtomicBool::new(closed) }
    }

    /// Bytes of whole frames: what may be read.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// Tells that the file now holds whole frames up to `end`.
    pub(crate) fn set_written(&self, end: u64) {
        self.written.store(end, Ordering::Release);
    }

    /// Whether no more frames will come. Ask this before [`Self::written`] to know the final length.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_other_files_are_left_alone() {
        let name = SegmentName { boot: 12, writer: 3, number: 1_000_000 };
        assert_eq!(SegmentName::parse(&name.to_string()), Some(name));
        for other in
            ["lock", "1-2-3.seg", "00000012-0003-000001.seg.damaged", "a-b-c.seg", "00000012-0003.seg"]
        {
            assert_eq!(SegmentName::parse(other), None, "{other}");
        }
    }
}
