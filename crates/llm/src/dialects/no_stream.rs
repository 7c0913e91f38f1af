//! The streams of operations that have none: whatever comes is broken, and only errors are said.

use super::{DecodeError, ErrorFacts, StreamDecoder, StreamEncoder};
use crate::ir::StreamEvent;

/// Reader and writer of a stream that cannot be; it holds how the dialect says an error in a stream.
pub(super) struct NoStream(pub(super) fn(&ErrorFacts) -> Vec<u8>);

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
            out.append(&mut (self.0)(error));
        }
    }

    fn finish(&mut self, _: &mut Vec<u8>) {}
}
