//! Requests: `decode` reads what clients send, `encode` writes what upstreams get.

mod decode;
mod encode;

pub(super) use decode::decode;
pub(super) use encode::encode;
