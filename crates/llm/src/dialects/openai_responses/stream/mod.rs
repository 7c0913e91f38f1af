//! Streams of named events: a response that begins, grows item by item, and is told whole at its end.

mod decode;
mod encode;
mod event;
mod growth;
mod incoming;

pub(super) use decode::Decoder;
pub(super) use encode::Encoder;
