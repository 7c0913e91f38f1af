//! OpenAI Chat Completions, `POST /v1/chat/completions`, and what compatible servers make of it.
//!
//! Beside OpenAI's own fields it reads and writes what has become common: `reasoning_content`,
//! `reasoning_details`, `cache_control` on parts (read only), the `reasoning` object of requests.

mod assistant;
mod parts;
mod request;
mod response;
mod stream;

use super::{
    AnswerContext, Asking, Codec, DecodeError, Dialect, Encoded, ErrorShape, Operation, Outline, Prefill,
    Quirk, StreamDecoder, StreamEncoder, Tap, Target, Upstream, as_chat, openai,
};
use crate::framing::Framing;
use crate::ir;
use crate::json::Kind;

const OUTLINE: Outline = Outline {
    dialect: Dialect::OpenAiChat,
    name: "openai_chat",
    operation: Operation::Chat,
    upstream: Upstream::ForAll,
    clients: true,
    asking: Asking { prefill: Prefill::With(&PREFILLS), ..Asking::USUAL },
    model_in_path: false,
    streams_by_default: false,
    content: "messages",
    content_or: None,
    content_kinds: &[Kind::Array],
    content_wanted: "a list of messages",
    seals: false,
    count_suffix: None,
    errors: ErrorShape::OpenAi,
    framing: Framing::Sse,
    stream_end: b"data: [DONE]\n\n",
};

/// What servers differ in that go on with an answer.
const PREFILLS: [Quirk; 4] =
    [Quirk::PrefillPlain, Quirk::PrefillPrefix, Quirk::PrefillPartial, Quirk::PrefillContinue];

/// The codec.
pub(super) struct OpenAiChat;

impl Codec for OpenAiChat {
    fn outline(&self) -> &'static Outline {
        &OUTLINE
    }

    fn decode_request(&self, body: &[u8]) -> Result<ir::Request, DecodeError> {
        request::decode(body).map(|chat| ir::Request::Chat(Box::new(chat)))
    }

    fn encode_request(&self, request: &ir::Request, target: &Target<'_>) -> Result<Encoded, DecodeError> {
        Ok(request::encode(&*as_chat(request)?, target))
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
        openai::tap_response(body, tap);
    }

    fn tap_event(&self, event: &[u8], data: &[u8], tap: &mut Tap) {
        openai::tap_event(event, data, tap);
    }
}
