//! Streams of named events: `messageStart`, blocks by index, `messageStop` with the reason, `metadata` with the usage.

mod decode;
mod encode;
mod event;

pub(super) use decode::Decoder;
pub(super) use encode::Encoder;
pub(super) use event::Event;
