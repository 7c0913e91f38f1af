//! Requests: `decode` reads what clients send, `encode` writes what upstreams get; `additional` is what only models of one
//! maker take, `asides` what only this dialect says.

mod additional;
mod asides;
mod decode;
mod encode;
mod tools;
mod turns;

pub(super) use decode::decode;
pub(super) use encode::encode;
