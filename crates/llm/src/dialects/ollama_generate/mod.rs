//! Ollama's `POST /api/generate`: one prompt, one answer.
//!
//! The server puts the prompt into the model's template, so it is a user's turn of a chat. It is asked in this form only
//! by its own clients; what chat cannot say of it passes through to Ollama, and is refused elsewhere.
//! Source: <https://docs.ollama.com/api/generate>.

mod request;

use super::{
    AnswerContext, Asking, Codec, DecodeError, Dialect, Encoded, ErrorShape, Operation, Outline,
    StreamDecoder, StreamEncoder, Tap, Target, Upstream, as_chat, ollama,
};
use crate::framing::Framing;
use crate::ir;
use crate::json::Kind;

const OUTLINE: Outline = Outline {
    dialect: Dialect::OllamaGenerate,
    name: "ollama_generate",
    operation: Operation::Chat,
    upstream: Upstream::ForItsOwn,
    clients: true,
    asking: Asking::USUAL,
    model_in_path: false,
    streams_by_default: true,
    content: "prompt",
    content_or: None,
    content_kinds: &[Kind::String],
    content_wanted: "a string",
    seals: false,
    count_suffix: None,
    errors: ErrorShape::Ollama,
    framing: Framing::Lines,
    stream_end: b"",
};

/// The codec.
pub(super) struct OllamaGenerate;

impl Codec for OllamaGenerate {
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
        ollama::decode(body).map(|answer| ir::Response::Chat(Box::new(answer)))
    }

    fn encode_response(&self, response: &ir::Response, context: &AnswerContext) -> Vec<u8> {
        ollama::encode(response, context, ollama::Shape::Response)
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(ollama::Decoder::default())
    }

    fn stream_encoder(&self, context: AnswerContext) -> Box<dyn StreamEncoder> {
        Box::new(ollama::Encoder::new(context, ollama::Shape::Response))
    }

    fn tap_response(&self, body: &[u8], tap: &mut Tap) {
        ollama::tap_response(body, tap);
    }

    fn tap_event(&self, _: &[u8], data: &[u8], tap: &mut Tap) {
        ollama::tap_event(data, tap);
    }
}
