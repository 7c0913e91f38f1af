//! Cohere's embeddings, `POST /v2/embed`. There are no streams.
//!
//! No client's surface is built on it: it is there for upstreams. Source: <https://docs.cohere.com/v2/reference/embed>.

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
    dialect: Dialect::CohereEmbeddings,
    name: "cohere_embeddings",
    operation: Operation::Embeddings,
    upstream: Upstream::ForAll,
    clients: true,
    asking: Asking::USUAL,
    model_in_path: false,
    streams_by_default: false,
    content: "texts",
    content_or: Some("inputs"),
    content_kinds: &[Kind::Array],
    content_wanted: "a list of strings",
    seals: false,
    count_suffix: None,
    errors: ErrorShape::Cohere,
    framing: Framing::Sse,
    stream_end: b"",
};

/// The codec.
pub(super) struct CohereEmbeddings;

impl Codec for CohereEmbeddings {
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
