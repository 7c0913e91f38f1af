//! Streams of events that open, fill and close each part of the message.

mod decode;
mod encode;
mod event;

pub(super) use decode::Decoder;
pub(super) use encode::Encoder;
pub(super) use event::Event;
