//! Two doors between the data plane and persistence; `store` implements them, `yumen` brings both together.

use std::future::Future;
use std::pin::Pin;

use crate::ExchangeRecord;

/// A record could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The spool has reached its bound: new work must be refused until it drains.
    #[error("the record spool is full ({bytes} bytes)")]
    Full {
        /// Bytes waiting in the spool.
        bytes: u64,
    },
    /// The disk refused.
    #[error("the record spool cannot be written")]
    Io(#[from] std::io::Error),
}

/// Hands out one writer for each worker of the data plane.
pub trait RecordSink: Send + Sync {
    /// A writer of its own for one worker: no lock is shared with other workers on the path of a request.
    fn writer(&self) -> Result<Box<dyn RecordWriter>, AppendError>;
    /// Whether new work may be taken on; cheap (an atomic load).
    fn has_room(&self) -> bool;
    /// Whether there is so much room that requests of nobody in particular may take some of it.
    fn has_ample_room(&self) -> bool;
}

/// Appends records. After `append` has returned, the record survives the death of the process.
pub trait RecordWriter: Send {
    /// Appends one record: one short write, no fsync.
    fn append(&mut self, record: &ExchangeRecord) -> Result<(), AppendError>;
}

/// A look-up failed.
#[derive(Debug, thiserror::Error)]
#[error("the ledger cannot be read: {0}")]
pub struct LookupError(pub String);

/// Finds the record of an exchange, also one that ended a moment ago.
pub trait GenerationLookup: Send + Sync {
    /// The record with this id, when this key (or any, for `None`) made it.
    fn find<'a>(
        &'a self,
        id: &'a str,
        key_id: Option<&'a str>,
    ) -> Pin<Box<dyn Future<Output = Result<Option<ExchangeRecord>, LookupError>> + Send + 'a>>;

    /// What the exchanges of a key have cost since each of these Unix hours, in nano-dollars, those that ended a moment
    /// ago included. Exchanges of unknown cost count for nothing.
    fn spent<'a>(
        &'a self,
        key_id: &'a str,
        since_hours: [i64; 4],
    ) -> Pin<Box<dyn Future<Output = Result<[u64; 4], LookupError>> + Send + 'a>>;
}
