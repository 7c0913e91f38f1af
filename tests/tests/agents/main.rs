//! Agent programs and frameworks, unmodified, against the gateway in front of the fake upstreams.
//!
//! What runs is what the pages in `docs/guides/agents/` say, with an address, a key and a model filled in. The programs are
//! pinned in `tests/clients/agents/`; they are large, so `cargo xtask test --clients all` alone runs this.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test ends where its ground gives way, and says what it saw"
)]

mod calls;
mod frameworks;
mod programs;
mod trial;
