//! Requests: `decode` reads what clients send, `encode` writes what upstreams get, `thinking` says how much
//! reasoning is asked for.

mod decode;
mod encode;
mod thinking;

pub(super) use decode::decode;
pub(super) use encode::encode;
