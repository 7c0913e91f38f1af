//! The control listener: `/metrics`, `/healthz` and `/readyz`.
//!
//! In: a listening socket and the state that it shows. Out: answers to Prometheus and to those who watch over the process.
//! It never touches a request of the data plane, and nobody who connects to it can hold it up: connections are counted, and
//! each has a time for its request head and an age at which it ends.

mod answer;
mod serve;
mod state;

pub use serve::serve;
pub use state::AdminState;
