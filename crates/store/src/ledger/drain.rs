//! The task that moves the spool to the database.
//!
//! In: the tail of the spool and requests to hurry. Out: rows. It looks around a few times a second, so no request ever
//! wakes it; a database that is stopped, locked or full is tried again with growing pauses, while the observers go on.

use std::sync::Arc;
use std::time::Duration;

use sqlx::SqlitePool;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::insert::{self, Checkpoint, Step};
use super::state::LedgerState;
use super::tail::{Batch, Tail};
use crate::spool::{SegmentName, Spool};

const LOOK_EVERY: Duration = Duration::from_millis(200);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A transaction that takes longer is given up and tried again; nothing is lost by it.
const LONGEST_TRANSACTION: Duration = Duration::from_secs(30);

/// A wish to the drain.
pub(crate) enum Wish {
    /// Store what has been appended so far.
    Flush(oneshot::Sender<Result<(), DrainError>>),
    /// The same, then end.
    Stop(oneshot::Sender<Result<(), DrainError>>),
}

/// Why records still wait.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DrainError {
    /// The database does not take records now. They stay in the spool.
    #[error("the database takes no records: {0}")]
    Database(String),
    /// The drain has ended.
    #[error("the ledger has been stopped")]
    Stopped,
}

pub(crate) struct Drain {
    pool: SqlitePool,
    spool: Spool,
    state: Arc<LedgerState>,
    wishes: mpsc::Receiver<Wish>,
    checkpoint: Checkpoint,
    /// Segments whose files are gone and whose positions are still in the database.
    dropped: Vec<SegmentName>,
    pause: Option<Pause>,
}

/// The database failed; it is left alone for a while.
struct Pause {
    length: Duration,
    until: Instant,
    reason: String,
}

impl Drain {
    pub(crate) fn new(
        pool: SqlitePool,
        spool: Spool,
        state: Arc<LedgerState>,
        wishes: mpsc::Receiver<Wish>,
        checkpoint: Checkpoint,
    ) -> Self {
        Self { pool, spool, state, wishes, checkpoint, dropped: Vec::new(), pause: None }
    }

    /// Works until it is told to stop or nobody is left who could.
    pub(crate) async fn run(mut self, tail: Tail) {
        let mut tail = self.sweep(tail).await;
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while let Some(held) = tail.take() {
            let wish = tokio::select! {
                wish = self.wishes.recv() => Some(wish),
                _ = ticks.tick() => None,
            };
            let result;
            (tail, result) = self.turn(held).await;
            match wish {
                None => {}
                Some(Some(Wish::Flush(reply))) => drop(reply.send(result)),
                Some(last) => {
                    if let Some(tail) = tail {
                        self.sweep(tail).await;
                    }
                    if let Some(Wish::Stop(reply)) = last {
                        drop(reply.send(result));
                    }
                    return;
                }
            }
        }
    }

    /// Drops segments that were stored before and closed since, without waiting for the next record.
    async fn sweep(&mut self, tail: Tail) -> Option<Tail> {
        let look_and_settle = |tail: &mut Tail| {
            tail.look();
            tail.settle(&[])
        };
        let (tail, dropped) = blocking(tail, look_and_settle).await?;
        self.dropped.extend(dropped);
        Some(tail)
    }

    /// One look at the spool. The tail is lost only when an observer panics: then the spool fills and says so.
    async fn turn(&mut self, tail: Tail) -> (Option<Tail>, Result<(), DrainError>) {
        if self.spool.is_refused() {
            let spool = self.spool.clone();
            let _ = tokio::task::spawn_blocking(move || spool.try_disk()).await;
        }
        if self.spool.waiting_bytes() == 0 {
            self.spool.note_empty();
            return (Some(tail), Ok(()));
        }
        if let Some(pause) = self.pause.as_ref().filter(|pause| Instant::now() < pause.until) {
            let result = Err(DrainError::Database(pause.reason.clone()));
            return (blocking(tail, Tail::observe_rest).await.map(|(tail, ())| tail), result);
        }
        let (tail, outcome) = match self.pass(tail).await {
            Some((tail, outcome)) => (tail, outcome),
            None => return (None, Err(DrainError::Stopped)),
        };
        match outcome {
            Ok(()) => {
                self.recovered();
                (Some(tail), Ok(()))
            }
            Err(error) => {
                let reason = self.failed(&error);
                let tail = blocking(tail, Tail::observe_rest).await.map(|(tail, ())| tail);
                (tail, Err(DrainError::Database(reason)))
            }
        }
    }

    /// Stores everything that was written when the pass began.
    async fn pass(&mut self, tail: Tail) -> Option<(Tail, Result<(), sqlx::Error>)> {
        let (mut tail, limits) = blocking(tail, Tail::look).await?;
        let limits = Arc::new(limits);
        loop {
            let up_to = Arc::clone(&limits);
            let batch: Batch;
            (tail, batch) = blocking(tail, move |tail| tail.next_batch(&up_to)).await?;
            if batch.positions.is_empty() {
                let failed = batch.failed.map(sqlx::Error::Io);
                return Some((tail, failed.map_or(Ok(()), Err)));
            }
            let stored = match self.store(&batch).await {
                Ok(stored) => stored,
                Err(error) => return Some((tail, Err(error))),
            };
            self.state.count_stored(stored);
            let positions = batch.positions;
            let dropped;
            (tail, dropped) = blocking(tail, move |tail| tail.settle(&positions)).await?;
            self.dropped.extend(dropped);
            if let Err(error) = (self.checkpoint)(Step::Settled) {
                return Some((tail, Err(error)));
            }
        }
    }

    async fn store(&mut self, batch: &Batch) -> Result<u64, sqlx::Error> {
        let work = insert::store(&self.pool, batch, &self.dropped, &self.checkpoint);
        let stored = timeout(LONGEST_TRANSACTION, work).await.map_err(|_| sqlx::Error::PoolTimedOut)??;
        self.dropped.clear();
        (self.checkpoint)(Step::Committed)?;
        Ok(stored)
    }

    fn recovered(&mut self) {
        self.pause = None;
        if self.state.set_database_up(true) {
            tracing::info!("the database takes records again");
        }
    }

    fn failed(&mut self, error: &sqlx::Error) -> String {
        let length = self.pause.as_ref().map_or(FIRST_PAUSE, |pause| (pause.length * 2).min(LONGEST_PAUSE));
        let reason = error.to_string();
        self.pause = Some(Pause { length, until: Instant::now() + length, reason: reason.clone() });
        if self.state.set_database_up(false) {
            tracing::error!(%error, "the database takes no records; they wait in the spool");
        }
        reason
    }
}

/// Lets the tail work on a thread that may block.
async fn blocking<T: Send + 'static>(
    mut tail: Tail,
    work: impl FnOnce(&mut Tail) -> T + Send + 'static,
) -> Option<(Tail, T)> {
    let done = tokio::task::spawn_blocking(move || {
        let result = work(&mut tail);
        (tail, result)
    });
    match done.await {
        Ok(done) => Some(done),
        Err(error) => {
            tracing::error!(%error, "the drain of the spool broke off");
            None
        }
    }
}
