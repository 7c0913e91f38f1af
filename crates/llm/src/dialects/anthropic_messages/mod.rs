//! Anthropic Messages, `POST /v1/messages`.
//!
//! Its turns hold typed blocks; system text stands apart; tool results stand in user turns. Its usage is net of
//! caches, the IR's is gross: it is converted here and nowhere else.

mod block;
mod error;
mod request;
mod response;
mod stream;
mod tap;
mod usage;

use super::{
    AnswerContext, Asking, Codec, DecodeError, Dialect, Encoded, ErrorShape, Operation, Outline, Prefill,
    Quirk, StreamDecoder, StreamEncoder, Tap, Target, Upstream, as_chat,
};
use crate::framing::Framing;
use crate::ir;
use crate::json::Kind;

pub(super) use error::{encode as encode_error, encode_event as encode_error_event};
pub use response::{count_tokens_answer, read_count_tokens};

const OUTLINE: Outline = Outline {
    dialect: Dialect::AnthropicMessages,
    name: "anthropic_messages",
    operation: Operation::Chat,
    upstream: Upstream::ForAll,
    clients: true,
    asking: Asking { prefill: Prefill::With(&[Quirk::PrefillPlain]), ..Asking::USUAL },
    model_in_path: false,
    streams_by_default: false,
    content: "messages",
    content_or: None,
    content_kinds: &[Kind::Array],
    content_wanted: "a list of messages",
    seals: true,
    count_suffix: Some("/count_tokens"),
    errors: ErrorShape::Anthropic,
    framing: Framing::Sse,
    stream_end: b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
};

/// The codec.
pub(super) struct AnthropicMessages;

impl Codec for AnthropicMessages {
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

    fn tap_event(&self, event: &[u8], data: &[u8], tap: &mut Tap) {
        tap::read_event(event, data, tap);
    }
}
