//! The data plane: listener, stages, kinds, upstream, egress, limits.
//!
//! In: a Snapshot, a sink for records and sockets. Out: answers and one record for each exchange. This crate
//! never reads files, environment or arguments, never touches SQL, and a request never waits for another thread, unless that
//! one is already asking for the token that it needs, or makes the long list that was asked for.

mod affinity;
mod allowances;
mod answers;
#[doc(hidden)]
pub mod bench;
mod body;
mod clock;
mod discovery;
mod egress;
mod estimates;
mod exchange;
mod faults;
#[doc(hidden)]
pub mod fuzz;
mod gauges;
mod health;
mod intents;
mod kinds;
mod limits;
mod listener;
mod pipeline;
mod probes;
mod proofs;
mod rejection;
mod route;
mod serving;
mod shadows;
pub mod simulate;
mod stages;
mod upload;
mod upstream;
mod websocket;
mod worker;

pub use discovery::{Told, discover, discover_once};
pub use gauges::Gauges;
pub use health::SavedHealth;
pub use kinds::llm::explain;
pub use listener::DataPlane;
pub use pipeline::STAGES;
pub use probes::probe;
pub use rejection::{CODES, Code, CodeRow, Origin, Rejection, Retry, reference_markdown};
pub use worker::Gateway;
