//! The appending side of the spool: one writer per worker, one file at a time, one `write` per record.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use yumen_telemetry::{AppendError, ExchangeRecord, RecordWriter};

use super::segment::{Segment, SegmentName};
use super::{Shared, codec, frame};

/// The buffer is given back when an unusual record made it larger than this.
const KEEP_BUFFER_BYTES: usize = 64 * 1024;

pub(super) struct SegmentWriter {
    shared: Arc<Shared>,
    writer: u32,
    next_number: u32,
    current: Option<Open>,
    buffer: Vec<u8>,
}

/// The segment that is being written.
struct Open {
    file: File,
    segment: Arc<Segment>,
    size: u64,
}

impl SegmentWriter {
    pub(super) fn new(shared: Arc<Shared>, writer: u32) -> Self {
        Self { shared, writer, next_number: 1, current: None, buffer: Vec::with_capacity(1024) }
    }

    /// The segment for the next `length` bytes: the current one, or a new one when it would grow too large.
    fn segment_for(&mut self, length: u64) -> std::io::Result<&mut Open> {
        let limit = self.shared.settings.segment_bytes;
        if self.current.as_ref().is_some_and(|open| open.size > 0 && open.size + length > limit) {
            self.close();
        }
        match self.current.take() {
            Some(open) => Ok(self.current.insert(open)),
            None => {
                let open = self.begin()?;
                Ok(self.current.insert(open))
            }
        }
    }

    fn begin(&mut self) -> std::io::Result<Open> {
        let name = SegmentName { boot: self.shared.boot, writer: self.writer, number: self.next_number };
        let path = self.shared.settings.dir.join(name.to_string());
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path)?;
        self.next_number = self.next_number.saturating_add(1);
        let segment = Arc::new(Segment::new(name, path, 0, false));
        self.shared.live().insert(name, Arc::clone(&segment));
        Ok(Open { file, segment, size: 0 })
    }

    fn close(&mut self) {
        if let Some(open) = self.current.take() {
            open.segment.close();
        }
    }
}

impl RecordWriter for SegmentWriter {
    fn append(&mut self, record: &ExchangeRecord) -> Result<(), AppendError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        frame::begin(&mut buffer);
        codec::encode(record, &mut buffer);
        let appended = self.append_frame(&mut buffer);
        if matches!(appended, Err(AppendError::Io(_))) && !self.shared.refused.swap(true, Ordering::Relaxed) {
            tracing::error!("the spool cannot be written; new work is refused until it can");
        }
        if buffer.capacity() <= KEEP_BUFFER_BYTES {
            self.buffer = buffer;
        }
        appended
    }
}

impl SegmentWriter {
    fn append_frame(&mut self, buffer: &mut [u8]) -> Result<(), AppendError> {
        if !frame::finish(buffer) {
            return Err(AppendError::Io(std::io::ErrorKind::InvalidData.into()));
        }
        let length = buffer.len() as u64;
        let bytes = self.shared.waiting.load(Ordering::Relaxed);
        if bytes.saturating_add(length) > self.shared.settings.max_bytes {
            return Err(AppendError::Full { bytes });
        }
        let open = self.segment_for(length)?;
        if let Err(error) = open.file.write_all(buffer) {
            // Half a frame may lie in the file: cut it off and write no more behind it. The drain reads no further than
            // the last whole frame either way, and a later process takes the rest for what it is.
            let _ = open.file.set_len(open.size);
            self.close();
            return Err(AppendError::Io(error));
        }
        open.size += length;
        let (segment, end) = (Arc::clone(&open.segment), open.size);
        // First what waits, then what may be read: the drain must never settle bytes that were not counted.
        self.shared.waiting.fetch_add(length, Ordering::AcqRel);
        segment.set_written(end);
        Ok(())
    }
}

impl Drop for SegmentWriter {
    fn drop(&mut self) {
        self.close();
    }
}
