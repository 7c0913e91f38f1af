//! Ollama's embeddings. There are no streams.
//!
//! One codec speaks both endpoints: a body with `prompt` is one of the older `/api/embeddings`, which takes one text and
//! answers with one vector; one with `input` is of `/api/embed`, which takes several. Upstreams are asked in the latter
//! form. Source: <https://docs.ollama.com/api/embed>.

mod request;
mod response;

use super::{
    AnswerContext, Asking, Codec, DecodeError, Dialect, Encoded, ErrorShape, Operation, Outline, Tap, Target,
    Upstream, refuse,
};
use crate::framing::Framing;
use crate::ir;
use crate::json::Kind;

const OUTLINE: Outline = Outline {
    dialect: Dialect::OllamaEmbeddings,
    name: "ollama_embeddings",
    operation: Operation::Embeddings,
    upstream: Upstream::ForAll,
    clients: true,
    asking: Asking::USUAL,
    model_in_path: false,
    streams_by_default: false,
    content: "input",
    content_or: Some("prompt"),
    content_kinds: &[Kind::Array, Kind::String],
    content_wanted: "a string or a list of strings",
    seals: false,
    count_suffix: None,
    errors: ErrorShape::Ollama,
    framing: Framing::Lines,
    stream_end: b"",
};

/// The codec.
pub(super) struct OllamaEmbeddings;

impl Codec for OllamaEmbeddings {
    fn outline(&self) -> &'static Outline {
        &OUTLINE
    }

    fn decode_request(&self, body: &[u8]) -> Result<ir::Request, DecodeError> {
        request::decode(body).map(|request| ir::Request::Embeddings(Box::new(request)))
    }

    fn encode_request(&self, request: &ir::Request, target: &Target<'_>) -> Result<Encoded, DecodeError> {
        match request {
            ir::Request::Embeddings(embeddings) => request::encode(embeddings, target),
            _ => Err(refuse("model", "this model makes embeddings, it does not generate text")),
        }
    }

    fn is_second_form(&self, body: &[u8]) -> bool {
        request::is_batch(body)
    }

    fn decode_response(&self, body: &[u8]) -> Result<ir::Response, DecodeError> {
        response::decode(body).map(|answer| ir::Response::Embeddings(Box::new(answer)))
    }

    fn encode_response(&self, response: &ir::Response, context: &AnswerContext) -> Vec<u8> {
        response::encode(response, context)
    }

    fn tap_response(&self, body: &[u8], tap: &mut Tap) {
        response::tap(body, tap);
    }
}
