//! The spool: where records wait for the database, safe from the death of the process.
//!
//! In: records from the data plane's workers, each through a writer and a segment file of its own. Out: segments for the
//! drain. An append is one short write into the page cache; nothing here waits for a disk, a lock that another worker
//! holds, or the database.

mod codec;
mod frame;
mod reader;
mod segment;
mod writer;

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use yumen_telemetry::{AppendError, RecordSink, RecordWriter};

use crate::error::StoreError;
use crate::folder;
pub(crate) use reader::{Read, Reader};
pub(crate) use segment::{Segment, SegmentName};
use writer::SegmentWriter;

/// The folder of the spool below a data folder.
pub const SPOOL_FOLDER: &str = "spool";
/// Enough to need a block of the disk.
const PROBE_BYTES: usize = 4096;

/// Where the spool lies and how large it may grow.
#[derive(Debug, Clone)]
pub struct SpoolSettings {
    /// Its folder.
    pub dir: PathBuf,
    /// Bytes that may wait for the database. New work is refused when seven eighths are reached; the rest is for the
    /// exchanges that have begun by then.
    pub max_bytes: u64,
    /// Size at which a writer begins its next segment file.
    pub segment_bytes: u64,
}

impl SpoolSettings {
    /// The usual bounds: 256 MiB in segments of 8 MiB.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), max_bytes: 256 << 20, segment_bytes: 8 << 20 }
    }
}

/// The spool of one running server. A clone is the same spool.
#[derive(Debug, Clone)]
pub(crate) struct Spool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: SpoolSettings,
    boot: u64,
    next_writer: AtomicU32,
    /// Bytes in frames that have not reached the database.
    waiting: AtomicU64,
    /// Unix microseconds of the last moment when nothing waited.
    empty_at_us: AtomicI64,
    /// The disk took no record; until it does again, no new work is to begin.
    refused: AtomicBool,
    /// Live segments. Locked when a segment begins or ends and when the drain looks around, never by an append.
    segments: Mutex<BTreeMap<SegmentName, Arc<Segment>>>,
    _lock: SpoolLock,
}

/// Held as long as the spool is in use: one process at a time, for two would hand the same records to the database.
#[derive(Debug)]
pub(crate) struct SpoolLock(#[allow(dead_code, reason = "held, never read")] File);

impl SpoolLock {
    /// Makes the spool's folder when there is none and takes its lock.
    pub(crate) fn take(settings: &SpoolSettings) -> Result<Self, StoreError> {
        let dir = &settings.dir;
        folder::make(dir)?;
        let path = dir.join("lock");
        let file = File::create(&path).map_err(StoreError::file(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::SpoolInUse { path: dir.clone() }),
            Err(TryLockError::Error(source)) => Err(StoreError::File { path, source }),
        }
    }
}

impl Spool {
    /// Takes the spool over. `boot` is a number that no earlier start of this server had; `stored` tells how much of each
    /// segment has reached the database, as it is known since the lock was taken.
    pub(crate) fn open(
        settings: SpoolSettings,
        lock: SpoolLock,
        boot: u64,
        stored: &HashMap<SegmentName, u64>,
    ) -> Result<Self, StoreError> {
        let (segments, oldest) = list(&settings.dir)?;
        let newest = segments.keys().next_back().map_or(0, |name| name.boot);
        let waiting = segments
            .values()
            .map(|segment| segment.written().saturating_sub(stored.get(&segment.name).copied().unwrap_or(0)));
        Ok(Self(Arc::new(Shared {
            boot: boot.max(newest.saturating_add(1)),
            next_writer: AtomicU32::new(0),
            waiting: AtomicU64::new(waiting.sum()),
            empty_at_us: AtomicI64::new(oldest.unwrap_or_else(now_us)),
            refused: AtomicBool::new(false),
            segments: Mutex::new(segments),
            settings,
            _lock: lock,
        })))
    }

    /// The live segments, the oldest first.
    pub(crate) fn segments(&self) -> Vec<Arc<Segment>> {
        self.0.live().values().cloned().collect()
    }

    /// Bytes of records that have not reached the database.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        self.0.waiting.load(Ordering::Acquire)
    }

    /// How many segment files there are.
    pub(crate) fn segment_count(&self) -> usize {
        self.0.live().len()
    }

    /// Microseconds for which some record may have waited.
    pub(crate) fn oldest_age_us(&self) -> i64 {
        if self.waiting_bytes() == 0 {
            return 0;
        }
        (now_us() - self.0.empty_at_us.load(Ordering::Relaxed)).max(0)
    }

    /// Whether the disk took no record when it was last asked to.
    pub(crate) fn is_refused(&self) -> bool {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// Asks the disk again, with a file that is nobody's, so that no exchange has to lose its record for it.
    pub(crate) fn try_disk(&self) {
        let path = self.0.settings.dir.join("probe");
        let written = fs::write(&path, [0; PROBE_BYTES]);
        let _ = fs::remove_file(&path);
        if written.is_ok() {
            self.0.refused.store(false, Ordering::Relaxed);
            tracing::info!("the spool can be written again");
        }
    }

    /// Tells that `bytes` more have reached the database.
    pub(crate) fn settle(&self, bytes: u64) {
        let before = self.0.waiting.fetch_sub(bytes, Ordering::AcqRel);
        if before == bytes {
            self.0.empty_at_us.store(now_us(), Ordering::Relaxed);
        }
    }

    /// Tells that just now no record waits.
    pub(crate) fn note_empty(&self) {
        self.0.empty_at_us.store(now_us(), Ordering::Relaxed);
    }

    /// Drops a segment that is closed and has reached the database; one with damage is set aside for people to look at.
    pub(crate) fn drop_segment(&self, segment: &Segment, damaged: bool) -> std::io::Result<()> {
        let done = if damaged {
            let mut aside = segment.path.clone().into_os_string();
            aside.push(".damaged");
            fs::rename(&segment.path, aside)
        } else {
            fs::remove_file(&segment.path)
        };
        match done {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => {
                self.0.live().remove(&segment.name);
                Ok(())
            }
        }
    }
}

impl RecordSink for Spool {
    fn writer(&self) -> Result<Box<dyn RecordWriter>, AppendError> {
        let number = self.0.next_writer.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(SegmentWriter::new(Arc::clone(&self.0), number)))
    }

    fn has_room(&self) -> bool {
        let max = self.0.settings.max_bytes;
        self.0.waiting.load(Ordering::Relaxed) < max - max / 8 && !self.is_refused()
    }

    fn has_ample_room(&self) -> bool {
        self.0.waiting.load(Ordering::Relaxed) < self.0.settings.max_bytes / 8 && !self.is_refused()
    }
}

impl Shared {
    /// A panic while the lock was held cannot leave the map half changed, so it is used on.
    fn live(&self) -> MutexGuard<'_, BTreeMap<SegmentName, Arc<Segment>>> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Listed = (BTreeMap<SegmentName, Arc<Segment>>, Option<i64>);

/// The segments that earlier processes left, all closed, and the time of the oldest.
fn list(dir: &Path) -> Result<Listed, StoreError> {
    let mut segments = BTreeMap::new();
    let mut oldest = None;
    for entry in fs::read_dir(dir).map_err(StoreError::file(dir))? {
        let entry = entry.map_err(StoreError::file(dir))?;
        let Some(name) = entry.file_name().to_str().and_then(SegmentName::parse) else { continue };
        let path = entry.path();
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(StoreError::file(&path)(error)),
        };
        let modified = metadata.modified().map(unix_us).unwrap_or_else(|_| now_us());
        oldest = Some(oldest.unwrap_or(modified).min(modified));
        segments.insert(name, Arc::new(Segment::new(name, path, metadata.len(), true)));
    }
    Ok((segments, oldest))
}

/// Counts the records of a spool, whoever may be using it, that lie behind what has been stored.
pub(crate) fn count_waiting(dir: &Path, stored: &HashMap<SegmentName, u64>) -> Result<u64, StoreError> {
    if !dir.is_dir() {
        return Ok(0);
    }
    let (mut count, mut reader) = (0, Reader::default());
    for segment in list(dir)?.0.into_values() {
        let from = stored.get(&segment.name).copied().unwrap_or(0);
        let count_one = |read, _| {
            count += u64::from(matches!(read, Read::Record(_)));
            true
        };
        let counted =
            File::open(&segment.path).and_then(|file| reader.read(&file, from, segment.written(), count_one));
        match counted {
            // A running server stores and drops segments all the time, and cuts back what it could not write.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof) => {}
            counted => counted.map_err(StoreError::file(&segment.path))?,
        }
    }
    Ok(count)
}

fn now_us() -> i64 {
    unix_us(SystemTime::now())
}

fn unix_us(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
