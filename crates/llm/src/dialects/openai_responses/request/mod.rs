//! Requests: `decode` reads what clients send, `encode` writes what upstreams get; `tools` does both for tools and
//! `turns` writes the conversation.

mod decode;
mod encode;
mod tools;
mod turns;

pub(super) use decode::decode;
pub(super) use encode::encode;
