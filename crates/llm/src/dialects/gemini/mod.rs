//! Google's `generateContent`, as AI Studio and Vertex AI speak it.
//!
//! Turns hold untyped parts, told apart by their one member; model and streaming stand in the path and not in the
//! body, so neither is read or written here. Requests are read in camelCase and in snake_case, as protobuf's JSON
//! allows; camelCase is written. A stream has no end mark: it is complete when a finish reason has come.

mod answer;
mod chunk;
mod error;
mod finish;
mod logprobs;
mod media;
mod part;
mod proof;
mod request;
mod response;
mod schema;
mod stream;
mod tap;
mod usage;

use super::{
    AnswerContext, Asking, Codec, DecodeError, Dialect, Encoded, ErrorShape, Operation, Outline, Prefill,
    StreamDecoder, StreamEncoder, Tap, Target, Upstream, as_chat_with,
};
use crate::framing::Framing;
use crate::ir;
use crate::json::Kind;

pub(super) use error::{encode as encode_error, encode_event as encode_error_event};
pub use response::{
    count_tokens_answer as gemini_count_tokens_answer, read_count_tokens as read_gemini_count_tokens,
};
pub use stream::JsonArray;
pub(super) use usage::read_usage;

/// Marks signatures as this dialect's own.
const FORMAT: &str = "google-gemini-v1";

/// Whether sealed reasoning of this format proves the part that follows it, and is no turn of thought by itself: Google's
/// signatures stand on parts.
pub fn proves_what_follows(format: Option<&str>) -> bool {
    format == Some(FORMAT)
}

const OUTLINE: Outline = Outline {
    dialect: Dialect::Gemini,
    name: "gemini",
    operation: Operation::Chat,
    upstream: Upstream::ForAll,
    clients: true,
    asking: Asking { prefill: Prefill::Plain, ..Asking::USUAL },
    model_in_path: true,
    streams_by_default: false,
    content: "contents",
    content_or: None,
    content_kinds: &[Kind::Array],
    content_wanted: "a list of contents",
    seals: true,
    count_suffix: None,
    errors: ErrorShape::Google,
    framing: Framing::Sse,
    stream_end: b"",
};

/// The codec.
pub(super) struct Gemini;

impl Codec for Gemini {
    fn outline(&self) -> &'static Outline {
        &OUTLINE
    }

    fn decode_request(&self, body: &[u8]) -> Result<ir::Request, DecodeError> {
        request::decode(body).map(|chat| ir::Request::Chat(Box::new(chat)))
    }

    fn encode_request(&self, request: &ir::Request, target: &Target<'_>) -> Result<Encoded, DecodeError> {
        request::encode(&*as_chat_with(request, &["cachedContent"])?, target)
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
