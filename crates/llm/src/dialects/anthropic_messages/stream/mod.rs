//! Streams of named events: `message_start`, blocks, `message_delta`, `message_stop`.

mod decode;
mod encode;

pub(super) use decode::Decoder;
pub(super) use encode::Encoder;
