//! The protocol of the AI SDK's own gateway provider, `POST {base}/language-model`: client side.
//!
//! A request is the SDK's call options as JSON, the model and whether to stream stand in headers; an answer is what the
//! SDK calls a generate result, a stream its stream parts. No provider is asked through it, so it is not spoken upstream.
//! The shapes are those of `@ai-sdk/provider`, language model specification 4, with what 3 and 2 say otherwise.
//! <https://github.com/vercel/ai/tree/main/packages/provider/src/language-model>

mod answer;
mod error;
mod finish;
mod metadata;
mod options;
mod part;
mod prompt;
mod request;
mod stream;
mod tools;

use super::{
    AnswerContext, Asking, Codec, DecodeError, Dialect, ErrorShape, Operation, Outline, StreamEncoder,
    Upstream,
};
use crate::framing::Framing;
use crate::ir;
use crate::json::Kind;

pub(super) use answer::{write_gateway, write_response, write_warnings};
pub(super) use error::{encode as encode_error, encode_event as encode_error_event};

const OUTLINE: Outline = Outline {
    dialect: Dialect::AiSdk,
    name: "ai_sdk",
    operation: Operation::Chat,
    upstream: Upstream::Never,
    clients: true,
    asking: Asking::USUAL,
    model_in_path: true,
    streams_by_default: false,
    content: "prompt",
    content_or: None,
    content_kinds: &[Kind::Array],
    content_wanted: "a list of messages",
    seals: false,
    count_suffix: None,
    errors: ErrorShape::AiSdk,
    framing: Framing::Sse,
    stream_end: b"",
};

/// The codec.
pub(super) struct AiSdk;

impl Codec for AiSdk {
    fn outline(&self) -> &'static Outline {
        &OUTLINE
    }

    fn decode_request(&self, body: &[u8]) -> Result<ir::Request, DecodeError> {
        request::decode(body).map(|chat| ir::Request::Chat(Box::new(chat)))
    }

    fn encode_response(&self, response: &ir::Response, context: &AnswerContext) -> Vec<u8> {
        answer::encode(response, context)
    }

    fn stream_encoder(&self, context: AnswerContext) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::new(context))
    }
}
