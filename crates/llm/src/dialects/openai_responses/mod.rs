//! OpenAI Responses, `POST /v1/responses`, and what compatible servers make of it.
//!
//! A conversation is a list of items here (messages, calls, their outputs, reasoning), where the IR has turns: items
//! that belong to one turn are joined. Answers are told as one `response` object, streams as its growth.

mod error;
mod item;
pub mod memory;
mod object;
mod output;
mod part;
mod reasoning;
mod request;
mod response;
mod stream;
mod tap;
mod usage;

use super::{
    AnswerContext, Asking, Codec, DecodeError, Dialect, Encoded, ErrorFacts, ErrorShape, Operation, Outline,
    StreamDecoder, StreamEncoder, Tap, Target, Upstream, as_chat,
};
use crate::framing::Framing;
use crate::ir;
use crate::json::Kind;

const OUTLINE: Outline = Outline {
    dialect: Dialect::OpenAiResponses,
    name: "openai_responses",
    operation: Operation::Chat,
    streams_by_default: false,
    content: "input",
    content_kinds: &[Kind::Array, Kind::String],
    content_wanted: "a string or a list of items",
    upstream: Upstream::ForAll,
    clients: true,
    asking: Asking::USUAL,
    model_in_path: false,
    content_or: None,
    seals: true,
    count_suffix: None,
    errors: ErrorShape::OpenAi,
    framing: Framing::Sse,
    // The event that ends a stream holds the whole answer: there is no end without it.
    stream_end: b"",
};

/// The codec.
pub(super) struct OpenAiResponses;

impl Codec for OpenAiResponses {
    fn outline(&self) -> &'static Outline {
        &OUTLINE
    }

    fn decode_request(&self, body: &[u8]) -> Result<ir::Request, DecodeError> {
        request::decode(body).map(|chat| ir::Request::Chat(Box::new(chat)))
    }

    fn encode_request(&self, request: &ir::Request, target: &Target<'_>) -> Result<Encoded, DecodeError> {
        request::encode(&*as_chat(request)?, target)
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

    fn encode_error_event(&self, error: &ErrorFacts) -> Vec<u8> {
        error::encode_event(error, 0)
    }

    fn tap_response(&self, body: &[u8], tap: &mut Tap) {
        tap::read_response(body, tap);
    }

    fn tap_event(&self, event: &[u8], data: &[u8], tap: &mut Tap) {
        tap::read_event(event, data, tap);
    }
}
