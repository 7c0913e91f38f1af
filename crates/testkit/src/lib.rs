//! Development only: fake upstreams of every dialect with faults, the gateway as a process, and a small client.
//!
//! In: a configuration and a scenario, chosen by the model's name or by a script. Out: what each side saw. Nothing
//! here leaves the loopback interface, waits without a bound, or is part of the product.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a set-up that does not work ends the test, with its reason"
)]

mod client;
mod gateway;
mod patience;
mod upstream;

pub use client::{Answer, Client, Event, Incoming, Talk, raw_exchange};
pub use gateway::{
    Gateway, GatewayBuilder, KEY, RunOutput, run_program, standard_config, wide_config, workspace_root,
    yumen_program,
};
pub use patience::{PATIENCE, eventually, within};
pub use upstream::{Counts, Received, Reply, SCENARIOS, Step, Upstream, closed_port, form};
