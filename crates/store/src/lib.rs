//! Persistence: what outlives the process.
//!
//! In: records from the data plane, an operator's wishes for virtual keys and presets, what is to be remembered for clients. Out: the
//! ledger and its sums, virtual keys and presets as the data plane takes them, and what was remembered. A request never waits for
//! anything in here but its own short append to the spool, unless it asks for what is remembered or adds to it.

mod database;
mod error;
mod folder;
mod kept_responses;
mod ledger;
mod owned_objects;
mod presets;
#[cfg(test)]
mod samples;
mod seal;
mod server_key;
mod shadows;
mod spool;
mod store;
mod usage;
mod virtual_keys;
mod watch;

pub use error::StoreError;
pub use kept_responses::KeptResponses;
pub use ledger::{DrainError, Ledger};
pub use owned_objects::OwnedObjects;
pub use presets::{Presets, StoredPreset, StoredPresetVersion};
pub use shadows::{ShadowQuery, ShadowRow};
pub use spool::{SPOOL_FOLDER, SpoolSettings};
pub use store::Store;
pub use usage::{GroupBy, UsageQuery, UsageRow};
pub use virtual_keys::{KeyChange, KeySpec, NewKey, StoredKey, VirtualKeys};
pub use watch::{StoreChanges, StoreWatch};
