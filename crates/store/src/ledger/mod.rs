//! The ledger: every exchange's record, once.
//!
//! In: records through the spool. Out: rows, hourly sums, and records by their id. A request never waits for it: the
//! data plane only ever appends to the spool.

mod drain;
mod insert;
mod rows;
mod state;
mod tail;

use std::collections::HashMap;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use sqlx::SqlitePool;
use tokio::sync::{mpsc, oneshot};
use yumen_telemetry::{ExchangeRecord, GenerationLookup, LookupError, RecordObserver, RecordSink};

use crate::database::Database;
use crate::error::StoreError;
use crate::spool::{self, SegmentName, Spool, SpoolLock, SpoolSettings};
use crate::usage;
pub use drain::DrainError;
use drain::{Drain, Wish};
use insert::Checkpoint;
pub(crate) use rows::{find, newest, page};
use state::LedgerState;
use tail::Tail;

/// Wishes that may queue; those behind wait their turn.
const QUEUED_WISHES: usize = 64;
/// Longer ids are nobody's.
const MAX_ID_BYTES: usize = 100;

/// The ledger of a running server. A clone is the same ledger.
#[derive(Debug, Clone)]
pub struct Ledger {
    database: Database,
    spool: Spool,
    state: Arc<LedgerState>,
    wishes: mpsc::Sender<Wish>,
}

impl Ledger {
    /// Takes the spool over and begins to drain it on the current runtime.
    pub(crate) async fn start(
        database: Database,
        settings: SpoolSettings,
        observers: Vec<Box<dyn RecordObserver>>,
    ) -> Result<Self, StoreError> {
        Self::start_with(database, settings, observers, Arc::new(|_| Ok(()))).await
    }

    async fn start_with(
        database: Database,
        settings: SpoolSettings,
        observers: Vec<Box<dyn RecordObserver>>,
        checkpoint: Checkpoint,
    ) -> Result<Self, StoreError> {
        let lock = SpoolLock::take(&settings)?;
        let boot: i64 =
            sqlx::query_scalar("UPDATE counters SET value = value + 1 WHERE name = 'boots' RETURNING value")
                .fetch_one(&database.writer)
                .await?;
        let positions = positions(&database.writer).await?;
        let spool = Spool::open(settings, lock, u64::try_from(boot).unwrap_or(0), &positions)?;
        forget_gone(&database, &spool, &positions).await?;
        let state = Arc::new(LedgerState::default());
        let (wishes, received) = mpsc::channel(QUEUED_WISHES);
        let tail = Tail::new(spool.clone(), Arc::clone(&state), observers, positions);
        let drain =
            Drain::new(database.writer.clone(), spool.clone(), Arc::clone(&state), received, checkpoint);
        tokio::spawn(drain.run(tail));
        Ok(Self { database, spool, state, wishes })
    }

    /// Where the data plane appends its records.
    pub fn sink(&self) -> Arc<dyn RecordSink> {
        Arc::new(self.spool.clone())
    }

    /// Waits until every record appended before is in the database.
    pub async fn flush(&self) -> Result<(), DrainError> {
        self.wish(Wish::Flush).await
    }

    /// Flushes and ends the drain. Records appended later wait in the spool for the next start.
    pub async fn stop(&self) -> Result<(), DrainError> {
        self.wish(Wish::Stop).await
    }

    async fn wish(
        &self,
        wish: impl FnOnce(oneshot::Sender<Result<(), DrainError>>) -> Wish,
    ) -> Result<(), DrainError> {
        let (reply, answer) = oneshot::channel();
        self.wishes.send(wish(reply)).await.map_err(|_| DrainError::Stopped)?;
        answer.await.unwrap_or(Err(DrainError::Stopped))
    }

    /// The record with this id, when this key (or any, for `None`) made it; also when its exchange ended just now.
    pub async fn generation(
        &self,
        id: &str,
        key_id: Option<&str>,
    ) -> Result<Option<ExchangeRecord>, LookupError> {
        if id.len() > MAX_ID_BYTES {
            return Ok(None);
        }
        let failed = |error: &dyn std::fmt::Display| LookupError(error.to_string());
        let readers = &self.database.readers;
        if let Some(record) = rows::find(readers, id, key_id).await.map_err(|error| failed(&error))? {
            return Ok(Some(record));
        }
        self.flush().await.map_err(|error| failed(&error))?;
        rows::find(readers, id, key_id).await.map_err(|error| failed(&error))
    }

    /// What a key's exchanges have cost since each of these Unix hours, in nano-dollars, those that ended just now included.
    pub async fn spent(&self, key_id: &str, since_hours: [i64; 4]) -> Result<[u64; 4], LookupError> {
        let failed = |error: &dyn std::fmt::Display| LookupError(error.to_string());
        self.flush().await.map_err(|error| failed(&error))?;
        usage::spent(&self.database.readers, key_id, since_hours).await.map_err(|error| failed(&error))
    }

    /// Bytes of records that wait for the database.
    pub fn spool_bytes(&self) -> u64 {
        self.spool.waiting_bytes()
    }

    /// Segment files of the spool.
    pub fn spool_segments(&self) -> usize {
        self.spool.segment_count()
    }

    /// Microseconds for which some record may have waited.
    pub fn spool_oldest_age_us(&self) -> i64 {
        self.spool.oldest_age_us()
    }

    /// Damaged frames found since the start.
    pub fn damaged_frames(&self) -> u64 {
        self.state.damaged()
    }

    /// Records written to the database since the start.
    pub fn records_stored(&self) -> u64 {
        self.state.stored()
    }

    /// Whether the database took records when it was last asked to.
    pub fn is_database_up(&self) -> bool {
        self.state.is_database_up()
    }
}

impl GenerationLookup for Ledger {
    fn find<'a>(
        &'a self,
        id: &'a str,
        key_id: Option<&'a str>,
    ) -> Pin<Box<dyn Future<Output = Result<Option<ExchangeRecord>, LookupError>> + Send + 'a>> {
        Box::pin(self.generation(id, key_id))
    }

    fn spent<'a>(
        &'a self,
        key_id: &'a str,
        since_hours: [i64; 4],
    ) -> Pin<Box<dyn Future<Output = Result<[u64; 4], LookupError>> + Send + 'a>> {
        Box::pin(self.spent(key_id, since_hours))
    }
}

/// Records in this spool that have not reached the database.
pub(crate) async fn waiting_records(pool: &SqlitePool, spool_dir: &Path) -> Result<u64, StoreError> {
    let (positions, dir) = (positions(pool).await?, spool_dir.to_owned());
    let counted = tokio::task::spawn_blocking(move || spool::count_waiting(&dir, &positions)).await;
    counted.map_err(|error| StoreError::file(spool_dir)(std::io::Error::other(error)))?
}

async fn positions(pool: &SqlitePool) -> Result<HashMap<SegmentName, u64>, StoreError> {
    let rows: Vec<(String, i64)> =
        sqlx::query_as("SELECT segment, stored_bytes FROM spool_position").fetch_all(pool).await?;
    let known = rows.into_iter().filter_map(|(segment, stored)| {
        Some((SegmentName::parse(&segment)?, u64::try_from(stored).unwrap_or(0)))
    });
    Ok(known.collect())
}

/// Positions of segments that are no more: a process died between removing the file and saying so.
async fn forget_gone(
    database: &Database,
    spool: &Spool,
    positions: &HashMap<SegmentName, u64>,
) -> Result<(), StoreError> {
    let live: Vec<_> = spool.segments().iter().map(|segment| segment.name).collect();
    for name in positions.keys().filter(|name| !live.contains(name)) {
        sqlx::query("DELETE FROM spool_position WHERE segment = $1")
            .bind(name.to_string())
            .execute(&database.writer)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
