//! The kinds of requests: each implements decode, resolve, dispatch and relay.

mod accounts;
pub mod http;
pub mod llm;
mod mask;
mod owned;
mod patience;
mod scrub;
pub mod turns;
mod whole;
