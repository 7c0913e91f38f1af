//! Requests: `decode` reads what clients send and `encode` writes what upstreams get; each has its `turns`; `calls`
//! ties results to calls, `asides` holds fields without a place in the IR, `tools` and `config` are what both know of these fields, `thinking` says how much reasoning
//! is asked for.

mod asides;
mod config;
mod decode;
mod encode;
mod read_turns;
mod thinking;
mod tools;
mod write_turns;

pub(super) use decode::decode;
pub(super) use encode::encode;
