//! The vocabulary of facts: the exchange record, metric names and how they are shown.
//!
//! In: what the data plane saw. Out: records to the spool and text for Prometheus. This crate never decides
//! anything and knows none of our other crates.

mod record;
mod sink;

pub use record::{AttemptRecord, ExchangeRecord, Outcome, TokenCounts, TokenSource};
pub use sink::{AppendError, GenerationLookup, LookupError, RecordSink, RecordWriter};
