//! The streams of operations that have none: whatever comes is broken, and only errors are said.

use super::{DecodeError, ErrorShape, StreamDecoder, StreamEncoder};
use crate::ir::StreamEvent;

/// Reader and writer of a stream that cannot be; it holds the shape of the dialect's errors.
pub(super) struct NoStream(pub(super) ErrorShape);

impl StreamDecoder for NoStream {
    fn decode(&mut self, _: &[u8], _: &[u8], _: &mut Vec<StreamEvent>) -> Result<(), DecodeError> {
        Err(DecodeError { message: "what is asked here is not streamed".to_owned(), param: None })
    }

    fn finish(&mut self, out: &mut Vec<StreamEvent>) {
        out.push(StreamEvent::End);
    }
}

impl StreamEncoder for NoStream {
    fn encode(&mut self, event: &StreamEvent, out: &mut Vec<u8>) {
        if let StreamEvent::Error(error) = event {
            out.append(&mut self.0.encode_event(error));
        }
    }

    fn finish(&mut self, _: &mut Vec<u8>) {}
}
