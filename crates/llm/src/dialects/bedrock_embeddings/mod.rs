//! Embeddings of the makers on Amazon Bedrock, `POST /model/{model}/invoke`: each maker has a format of its own, and whose
//! a model is, is part of its id.
//!
//! Amazon's Titan takes one text and counts its tokens; Cohere takes several and counts none in its answer. It is spoken
//! with providers only.
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html>,
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html>

mod request;
mod response;

use super::{Codec, DecodeError, Dialect, Encoded, ErrorShape, Operation, Outline, Tap, Target, refuse};
use crate::ir;

const OUTLINE: Outline = Outline {
    dialect: Dialect::BedrockEmbeddings,
    name: "bedrock_embeddings",
    operation: Operation::Embeddings,
    errors: ErrorShape::Aws,
    model_in_path: true,
    ..Outline::PROVIDERS_ONLY
};

/// The codec.
pub(super) struct BedrockEmbeddings;

impl Codec for BedrockEmbeddings {
    fn outline(&self) -> &'static Outline {
        &OUTLINE
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

    fn tap_response(&self, body: &[u8], tap: &mut Tap) {
        response::tap(body, tap);
    }
}
