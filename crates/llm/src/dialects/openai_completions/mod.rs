//! OpenAI's legacy text completions, `POST /v1/completions`.
//!
//! Clients of it are also served by chat models: a prompt becomes a user turn, the answer's text comes back.

mod request;
mod response;
mod stream;

use super::{
    AnswerContext, Asking, Codec, DecodeError, Dialect, Encoded, ErrorShape, Operation, Outline,
    StreamDecoder, StreamEncoder, Tap, Target, Upstream, openai, refuse,
};
use crate::framing::Framing;
use crate::ir;
use crate::json::Kind;

const OUTLINE: Outline = Outline {
    dialect: Dialect::OpenAiCompletions,
    name: "openai_completions",
    operation: Operation::Completions,
    upstream: Upstream::ForAll,
    clients: true,
    asking: Asking::USUAL,
    model_in_path: false,
    streams_by_default: false,
    content: "prompt",
    content_or: None,
    content_kinds: &[Kind::Array, Kind::String, Kind::Null],
    content_wanted: "a string or a list",
    seals: false,
    count_suffix: None,
    errors: ErrorShape::OpenAi,
    framing: Framing::Sse,
    stream_end: b"data: [DONE]\n\n",
};

/// The codec.
pub(super) struct OpenAiCompletions;

impl Codec for OpenAiCompletions {
    fn outline(&self) -> &'static Outline {
        &OUTLINE
    }

    fn decode_request(&self, body: &[u8]) -> Result<ir::Request, DecodeError> {
        request::decode(body).map(|completion| ir::Request::Completion(Box::new(completion)))
    }

    fn encode_request(&self, request: &ir::Request, target: &Target<'_>) -> Result<Encoded, DecodeError> {
        match request {
            ir::Request::Completion(completion) => Ok(request::encode(completion, target)),
            _ => Err(refuse("model", "this model only continues plain text; use the completions endpoint")),
        }
    }

    fn decode_response(&self, body: &[u8]) -> Result<ir::Response, DecodeError> {
        response::decode(body).map(|answer| ir::Response::Chat(Box::new(answer)))
    }

    fn encode_response(&self, response: &ir::Response, context: &AnswerContext) -> Vec<u8> {
        response::encode(response, context)
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn stream_encoder(&self, context: AnswerContext) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::new(context))
    }

    // The outline of an answer is the chat one's, with `text` in place of the message.
    fn tap_response(&self, body: &[u8], tap: &mut Tap) {
        openai::tap_response(body, tap);
    }

    fn tap_event(&self, event: &[u8], data: &[u8], tap: &mut Tap) {
        openai::tap_event(event, data, tap);
    }
}
