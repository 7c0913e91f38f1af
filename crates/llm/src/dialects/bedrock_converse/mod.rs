//! Amazon Bedrock's Converse, `POST /model/{model}/converse`, and ConverseStream at `/converse-stream`.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>
//!
//! Turns hold untyped blocks, told apart by their one member; model and streaming stand in the path. What is odd:
//!
//! - A cache marker is a block of its own, `cachePoint`, behind what it marks: here it belongs to the part before it.
//! - One interface serves many makers' models. What only one of them takes (`top_k`, thinking) goes into
//!   `additionalModelRequestFields`, in that maker's words; whose a model is, is part of its id (see [`family`]).
//! - Pictures and documents come whole or from Amazon's storage (`s3://`), never from the web.
//! - Documents must have names, of few characters, each once.
//! - A schema for the answer is JSON within a text. There is no JSON mode.
//! - Where a conversation holds calls, tools must be offered; whether they may be called cannot be switched off.
//! - Answers have neither an id nor the model's name. Usage leaves out what was read from and written to the cache.
//! - Streams are binary messages ([`crate::eventstream`]). Text blocks begin without a word; the event `metadata`, with
//!   the usage, is the last and comes after the reason; failures come as exceptions under HTTP 200.
//!
//! No path of ours speaks it to clients; what stands here for them is the way back of what is written for upstreams.

mod block;
mod document;
mod error;
mod family;
mod media;
mod request;
mod response;
mod stream;
mod tap;
mod usage;

use super::{
    AnswerContext, Asking, Codec, DecodeError, Dialect, Encoded, ErrorShape, Operation, Outline, Prefill,
    StreamDecoder, StreamEncoder, Tap, Target, Upstream, as_chat,
};
use crate::framing::Framing;
use crate::ir;
use crate::json::Kind;

pub(super) use error::{encode as encode_error, encode_event as encode_error_event};

const OUTLINE: Outline = Outline {
    dialect: Dialect::BedrockConverse,
    name: "bedrock_converse",
    operation: Operation::Chat,
    upstream: Upstream::ForAll,
    clients: true,
    asking: Asking { prefill: Prefill::Plain, ..Asking::USUAL },
    model_in_path: true,
    streams_by_default: false,
    content: "messages",
    content_or: None,
    content_kinds: &[Kind::Array],
    content_wanted: "a list of messages",
    seals: false,
    count_suffix: None,
    errors: ErrorShape::Aws,
    framing: Framing::AwsEventStream,
    stream_end: b"",
};

/// The codec.
pub(super) struct BedrockConverse;

impl Codec for BedrockConverse {
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
        matches!(content, ir::Content::Image { .. } | ir::Content::File { .. })
    }

    fn decode_response(&self, body: &[u8]) -> Result<ir::Response, DecodeError> {
        response::decode(body).map(|answer| ir::Response::Chat(Box::new(answer)))
    }

    fn encode_response(&self, response: &ir::Response, _: &AnswerContext) -> Vec<u8> {
        response::encode(response)
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn stream_encoder(&self, _: AnswerContext) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::default())
    }

    fn tap_response(&self, body: &[u8], tap: &mut Tap) {
        tap::read_response(body, tap);
    }

    fn tap_event(&self, event: &[u8], data: &[u8], tap: &mut Tap) {
        tap::read_event(event, data, tap);
    }
}
