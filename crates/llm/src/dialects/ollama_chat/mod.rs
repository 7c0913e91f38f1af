//! Ollama's own chat, `POST /api/chat`.
//!
//! Streams are lines and the default; arguments of calls are objects; calls and results may come without ids; pictures
//! are base64 texts. Source: <https://docs.ollama.com/api/chat>.

mod request;

use super::{
    AnswerContext, Asking, Codec, DecodeError, Dialect, Encoded, ErrorShape, Operation, Outline, Prefill,
    StreamDecoder, StreamEncoder, Tap, Target, Upstream, as_chat, ollama,
};
use crate::framing::Framing;
use crate::ir;
use crate::json::Kind;

const OUTLINE: Outline = Outline {
    dialect: Dialect::OllamaChat,
    name: "ollama_chat",
    operation: Operation::Chat,
    upstream: Upstream::ForAll,
    clients: true,
    asking: Asking { prefill: Prefill::Plain, ..Asking::USUAL },
    model_in_path: false,
    streams_by_default: true,
    content: "messages",
    content_or: None,
    content_kinds: &[Kind::Array],
    content_wanted: "a list of messages",
    seals: false,
    count_suffix: None,
    errors: ErrorShape::Ollama,
    framing: Framing::Lines,
    stream_end: b"",
};

/// The codec.
pub(super) struct OllamaChat;

impl Codec for OllamaChat {
    fn outline(&self) -> &'static Outline {
        &OUTLINE
    }

    fn decode_request(&self, body: &[u8]) -> Result<ir::Request, DecodeError> {
        request::decode(body).map(|chat| ir::Request::Chat(Box::new(chat)))
    }

    fn encode_request(&self, request: &ir::Request, target: &Target<'_>) -> Result<Encoded, DecodeError> {
        request::encode(&*as_chat(request)?, target)
    }

    fn needs_bytes(&self, content: &ir::Content) -> bool {
        matches!(content, ir::Content::Image { .. })
    }

    fn decode_response(&self, body: &[u8]) -> Result<ir::Response, DecodeError> {
        ollama::decode(body).map(|answer| ir::Response::Chat(Box::new(answer)))
    }

    fn encode_response(&self, response: &ir::Response, context: &AnswerContext) -> Vec<u8> {
        ollama::encode(response, context, ollama::Shape::Message)
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(ollama::Decoder::default())
    }

    fn stream_encoder(&self, context: AnswerContext) -> Box<dyn StreamEncoder> {
        Box::new(ollama::Encoder::new(context, ollama::Shape::Message))
    }

    fn tap_response(&self, body: &[u8], tap: &mut Tap) {
        ollama::tap_response(body, tap);
    }

    fn tap_event(&self, _: &[u8], data: &[u8], tap: &mut Tap) {
        ollama::tap_event(data, tap);
    }
}
