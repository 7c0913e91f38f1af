//! Streams of lines, each an answer as far as it goes; the last says that it is.

mod decode;
mod encode;

pub(in crate::dialects) use decode::Decoder;
pub(in crate::dialects) use encode::Encoder;
