//! Cohere's second chat API, `POST /v2/chat`.
//!
//! What a model plans before it calls stands beside its content, as `tool_plan`; an answer names no model; what was paid
//! for is counted beside what was read. No client's surface is built on it: it is there for upstreams.
//! Source: <https://docs.cohere.com/v2/reference/chat>.

mod error;
mod finish;
mod message;
mod request;
mod response;
mod stream;
mod tap;
mod usage;

use super::{
    AnswerContext, Asking, Codec, DecodeError, Dialect, Encoded, ErrorShape, Operation, Outline,
    StreamDecoder, StreamEncoder, Tap, Target, Upstream, as_chat,
};
use crate::framing::Framing;
use crate::ir;
use crate::json::Kind;

pub(super) use error::{encode as encode_error, encode_event as encode_error_event};
pub(super) use usage::read_usage;

const OUTLINE: Outline = Outline {
    dialect: Dialect::CohereChat,
    name: "cohere_chat",
    operation: Operation::Chat,
    upstream: Upstream::ForAll,
    clients: true,
    asking: Asking::USUAL,
    model_in_path: false,
    streams_by_default: false,
    content: "messages",
    content_or: None,
    content_kinds: &[Kind::Array],
    content_wanted: "a list of messages",
    seals: false,
    count_suffix: None,
    errors: ErrorShape::Cohere,
    framing: Framing::Sse,
    stream_end: b"",
};

/// The codec.
pub(super) struct CohereChat;

impl Codec for CohereChat {
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

    fn tap_response(&self, body: &[u8], tap: &mut Tap) {
        tap::read_response(body, tap);
    }

    fn tap_event(&self, _: &[u8], data: &[u8], tap: &mut Tap) {
        tap::read_event(data, tap);
    }
}
