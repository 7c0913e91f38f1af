//! Follows the spool: reads what is new, shows each record once to the observers and gathers batches for the database.
//!
//! In: segments. Out: batches with the place up to which each segment is then stored. It blocks on files and observers, so
//! it runs where that is allowed. It never drops a segment before it was told that all of it is stored.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::sync::Arc;

use yumen_telemetry::{ExchangeRecord, RecordObserver};

use super::state::LedgerState;
use crate::spool::{Read, Reader, Segment, SegmentName, Spool};

/// Records of one transaction: enough to share the cost of a commit.
const BATCH_RECORDS: usize = 4096;
/// Bytes of frames at which a batch ends with fewer records, to bound the memory.
const BATCH_BYTES: u64 = 8 << 20;

/// Records and the places up to which they complete their segments.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) records: Vec<ExchangeRecord>,
    pub(crate) positions: Vec<(SegmentName, u64)>,
    /// Why some segment could not be read on.
    pub(crate) failed: Option<io::Error>,
}

/// How far one segment is.
#[derive(Debug)]
struct Cursor {
    segment: Arc<Segment>,
    file: Option<File>,
    /// Up to here it is in the database.
    stored: u64,
    /// Up to here the observers saw it; ahead of `stored` while the database is down.
    seen: u64,
    damaged: bool,
}

/// The place up to which a pass goes in each segment: what was written when the pass began.
pub(crate) type Limits = BTreeMap<SegmentName, u64>;

pub(crate) struct Tail {
    spool: Spool,
    state: Arc<LedgerState>,
    observers: Vec<Box<dyn RecordObserver>>,
    cursors: BTreeMap<SegmentName, Cursor>,
    reader: Reader,
    /// What earlier processes stored of the segments that they left.
    left_stored: HashMap<SegmentName, u64>,
}

impl Tail {
    pub(crate) fn new(
        spool: Spool,
        state: Arc<LedgerState>,
        observers: Vec<Box<dyn RecordObserver>>,
        left_stored: HashMap<SegmentName, u64>,
    ) -> Self {
        let (cursors, reader) = (BTreeMap::new(), Reader::default());
        Self { spool, state, observers, cursors, reader, left_stored }
    }

    /// Looks which segments there are and how far they are written.
    pub(crate) fn look(&mut self) -> Limits {
        let mut limits = Limits::new();
        for segment in self.spool.segments() {
            let (name, written) = (segment.name, segment.written());
            let stored = self.left_stored.remove(&name).unwrap_or(0).min(written);
            let fresh = || Cursor { segment, file: None, stored, seen: stored, damaged: false };
            self.cursors.entry(name).or_insert_with(fresh);
            limits.insert(name, written);
        }
        limits
    }

    /// The next records that are not stored, as many as one transaction takes; none when all up to the limits is.
    pub(crate) fn next_batch(&mut self, limits: &Limits) -> Batch {
        let mut batch = Batch::default();
        let mut bytes = 0;
        for (name, limit) in limits {
            let Some(cursor) = self.cursors.get_mut(name) else { continue };
            if batch.records.len() >= BATCH_RECORDS || bytes >= BATCH_BYTES {
                break;
            }
            if cursor.stored >= *limit {
                continue;
            }
            let (from, records) = (cursor.stored, &mut batch.records);
            let mut end = from;
            let mut take = |record, at| {
                bytes += at - end;
                end = at;
                records.extend(record);
                records.len() < BATCH_RECORDS && bytes < BATCH_BYTES
            };
            let done =
                read(cursor, from, *limit, &mut self.reader, &mut self.observers, &self.state, &mut take);
            batch.failed = batch.failed.or(done.err());
            if end > from {
                batch.positions.push((*name, end));
            }
        }
        self.flush_observers();
        batch
    }

    /// Shows the observers what they have not seen, stored or not.
    pub(crate) fn observe_rest(&mut self) {
        for (name, limit) in self.look() {
            let Some(cursor) = self.cursors.get_mut(&name) else { continue };
            let from = cursor.seen;
            if from < limit {
                // What cannot be read now is looked at again by the next pass, which tells of it.
                let _ = read(
                    cursor,
                    from,
                    limit,
                    &mut self.reader,
                    &mut self.observers,
                    &self.state,
                    &mut |_, _| true,
                );
            }
        }
        self.flush_observers();
    }

    /// Takes note that a batch is in the database, and drops the segments that are done. Gives back those.
    pub(crate) fn settle(&mut self, positions: &[(SegmentName, u64)]) -> Vec<SegmentName> {
        let mut bytes = 0;
        for (name, end) in positions {
            let Some(cursor) = self.cursors.get_mut(name) else { continue };
            bytes += end.saturating_sub(cursor.stored);
            cursor.stored = (*end).max(cursor.stored);
        }
        self.spool.settle(bytes);
        let spool = &self.spool;
        let mut dropped = Vec::new();
        self.cursors.retain(|name, cursor| {
            // Closed first, written second: a segment that is closed grows no more.
            let done = cursor.segment.is_closed() && cursor.stored >= cursor.segment.written();
            if !done {
                return true;
            }
            match spool.drop_segment(&cursor.segment, cursor.damaged) {
                Ok(()) => dropped.push(*name),
                Err(error) => {
                    tracing::warn!(segment = %name, %error, "a stored segment of the spool cannot be removed");
                    return true;
                }
            }
            false
        });
        dropped
    }

    fn flush_observers(&mut self) {
        self.observers.iter_mut().for_each(|observer| observer.flush());
    }
}

/// Reads one segment from a place on, shows the observers what is new to them, and hands all to `take` with the place
/// where it ends; a place without a record is handed on as such.
fn read(
    cursor: &mut Cursor,
    from: u64,
    limit: u64,
    reader: &mut Reader,
    observers: &mut [Box<dyn RecordObserver>],
    state: &LedgerState,
    take: &mut dyn FnMut(Option<ExchangeRecord>, u64) -> bool,
) -> io::Result<()> {
    let name = cursor.segment.name;
    let file = match cursor.file.take() {
        Some(file) => Ok(file),
        None => File::open(&cursor.segment.path),
    };
    let (seen, damaged) = (&mut cursor.seen, &mut cursor.damaged);
    let outcome = file.and_then(|file| {
        reader.read(&file, from, limit, |found, end| {
            let is_new = end > *seen;
            *seen = end.max(*seen);
            match found {
                Read::Record(record) => {
                    if is_new {
                        observers.iter_mut().for_each(|observer| observer.observe(&record));
                    }
                    return take(Some(record), end);
                }
                Read::Damaged if is_new => {
                    *damaged = true;
                    state.count_damaged();
                    tracing::error!(segment = %name, end, "a damaged frame in the spool was stepped over");
                }
                Read::Torn if is_new => {
                    tracing::warn!(segment = %name, end, "a record was cut short when the server was killed");
                }
                Read::Damaged | Read::Torn => {}
            }
            take(None, end)
        })?;
        Ok(file)
    });
    match outcome {
        Ok(file) => {
            cursor.file = Some(file);
            Ok(())
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof) => {
            // Somebody removed or cut the file: what was there cannot come back.
            state.count_damaged();
            tracing::error!(segment = %name, "a segment of the spool is gone or was cut short by someone else");
            cursor.seen = limit;
            take(None, limit);
            Ok(())
        }
        Err(error) => {
            tracing::error!(segment = %name, %error, "a segment of the spool cannot be read");
            Err(error)
        }
    }
}
