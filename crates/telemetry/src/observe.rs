//! The door through which each record passes once on its way from the spool to the ledger, off the request path.

use crate::ExchangeRecord;

/// Sees every record once per process: metrics and the log.
///
/// It goes on when the database is stopped, so it must not depend on it. It is called on a thread that may block, but
/// while it blocks the spool fills, and a full spool refuses new work.
pub trait RecordObserver: Send {
    /// Takes note of one record.
    fn observe(&mut self, record: &ExchangeRecord);

    /// Called when a batch of records has passed: the moment to write what was gathered.
    fn flush(&mut self) {}
}
