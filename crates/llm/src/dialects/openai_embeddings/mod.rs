//! Being written.
use super::*;
use crate::ir;
pub(super) struct OpenAiEmbeddings;
struct Nothing;
impl StreamDecoder for Nothing {
    fn decode(&mut self, _: &[u8], _: &[u8], _: &mut Vec<ir::StreamEvent>) -> Result<(), DecodeError> { Ok(()) }
    fn finish(&mut self, _: &mut Vec<ir::StreamEvent>) {}
}
impl StreamEncoder for Nothing {
    fn encode(&mut self, _: &ir::StreamEvent, _: &mut Vec<u8>) {}
    fn finish(&mut self, _: &mut Vec<u8>) {}
}
fn missing() -> DecodeError { DecodeError { message: "being written".into(), param: None } }
impl Codec for OpenAiEmbeddings {
    fn dialect(&self) -> Dialect { Dialect::OpenAiEmbeddings }
    fn decode_request(&self, _: &[u8]) -> Result<ir::Request, DecodeError> { Err(missing()) }
    fn encode_request(&self, _: &ir::Request, _: &Target<'_>) -> Result<Encoded, DecodeError> { Err(missing()) }
    fn decode_response(&self, _: &[u8]) -> Result<ir::Response, DecodeError> { Err(missing()) }
    fn encode_response(&self, _: &ir::Response, _: &AnswerContext) -> Vec<u8> { Vec::new() }
    fn stream_decoder(&self) -> Box<dyn StreamDecoder> { Box::new(Nothing) }
    fn stream_encoder(&self, _: AnswerContext) -> Box<dyn StreamEncoder> { Box::new(Nothing) }
    fn decode_error(&self, status: u16, _: &[u8]) -> ErrorFacts {
        ErrorFacts { status, kind: ErrorKind::Server, message: String::new(), code: None, param: None, metadata: None, request_id: None }
    }
    fn encode_error(&self, _: &ErrorFacts) -> Vec<u8> { Vec::new() }
    fn encode_error_event(&self, _: &ErrorFacts) -> Vec<u8> { Vec::new() }
    fn tap_response(&self, _: &[u8], _: &mut Tap) {}
    fn tap_event(&self, _: &[u8], _: &[u8], _: &mut Tap) {}
}
