//! Streams of `GenerateContentResponse` objects: as events, or as the elements of one JSON array.

mod array;
mod decode;
mod encode;

pub use array::JsonArray;
pub(super) use decode::Decoder;
pub(super) use encode::Encoder;
