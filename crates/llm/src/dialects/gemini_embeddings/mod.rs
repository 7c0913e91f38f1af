//! Google's embeddings, `models/{model}:embedContent` and `:batchEmbedContents`. There are no streams.
//!
//! One codec speaks both: a body with `requests` is a batch, one with `content` a single text, and answers differ
//! likewise. A single text is asked for as one, several as a batch.

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
    dialect: Dialect::GeminiEmbeddings,
    name: "gemini_embeddings",
    operation: Operation::Embeddings,
    upstream: Upstream::ForAll,
    clients: true,
    asking: Asking::USUAL,
    model_in_path: true,
    streams_by_default: false,
    content: "content",
    content_or: Some("requests"),
    content_kinds: &[Kind::Object, Kind::Array],
    content_wanted: "a content",
    seals: false,
    count_suffix: None,
    errors: ErrorShape::Google,
    framing: Framing::Sse,
    stream_end: b"",
};

/// The codec.
pub(super) struct GeminiEmbeddings;

impl Codec for GeminiEmbeddings {
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
