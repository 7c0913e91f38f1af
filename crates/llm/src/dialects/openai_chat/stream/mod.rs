//! Streams of `chat.completion.chunk` events.

mod decode;
mod encode;

pub(super) use decode::Decoder;
pub(super) use encode::Encoder;
