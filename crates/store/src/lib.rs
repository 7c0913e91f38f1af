//! Persistence: what outlives the process.
//!
//! In: records from the data plane, an operator's wishes for virtual keys. Out: the ledger and its sums, and virtual keys as
//! the data plane checks them. A request never waits for anything in here but its own short append to the spool.

mod database;
mod error;
mod folder;
mod ledger;
mod owned_objects;
#[cfg(test)]
mod samples;
mod server_key;
mod spool;
mod store;
mod usage;
mod virtual_keys;

pub use error::StoreError;
pub use ledger::{DrainError, Ledger};
pub use owned_objects::OwnedObjects;
pub use spool::{SPOOL_FOLDER, SpoolSettings};
pub use store::Store;
pub use usage::{GroupBy, UsageQuery, UsageRow};
pub use virtual_keys::{KeyChange, KeySpec, KeyWatch, NewKey, StoredKey, VirtualKeys};
