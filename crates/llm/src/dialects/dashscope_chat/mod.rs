//! DashScope's own chat (Alibaba Cloud Model Studio), `POST /services/aigc/text-generation/generation`, and
//! `/services/aigc/multimodal-generation/generation` for models that read more than texts.
//!
//! - The conversation is the `input`, everything else stands under `parameters`. With `result_format: message` answers are
//!   choices with messages, and with `incremental_output` the events of a stream hold pieces.
//! - In the second form every content is a list, of texts, pictures and sound. A request has it that holds such, and every
//!   request to a model that is known to read them: those are not served at the first path.
//! - While an answer goes on, its `finish_reason` is the word `null`. The event with another word is the last one.
//! - Errors are `{code, message, request_id}`, in streams, too, as events of the name `error`.
//!
//! It is spoken with providers only.
//! <https://www.alibabacloud.com/help/en/model-studio/qwen-api-via-dashscope>

mod answer;
mod error;
mod message;
mod request;
mod stream;

use super::{Asking, Codec, DecodeError, Dialect, Encoded, Outline, StreamDecoder, Tap, Target, as_chat};
use crate::ir::{self, ErrorFacts};

const OUTLINE: Outline = Outline {
    dialect: Dialect::DashScopeChat,
    name: "dashscope_chat",
    asking: Asking { stream_header: Some(("x-dashscope-sse", "enable")), ..Asking::USUAL },
    ..Outline::PROVIDERS_ONLY
};

/// The codec.
pub(super) struct DashScopeChat;

impl Codec for DashScopeChat {
    fn outline(&self) -> &'static Outline {
        &OUTLINE
    }

    fn encode_request(&self, request: &ir::Request, target: &Target<'_>) -> Result<Encoded, DecodeError> {
        request::encode(&*as_chat(request)?, target)
    }

    fn is_second_form(&self, body: &[u8]) -> bool {
        request::is_second_form(body)
    }

    fn decode_response(&self, body: &[u8]) -> Result<ir::Response, DecodeError> {
        answer::decode(body).map(|answer| ir::Response::Chat(Box::new(answer)))
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn decode_error(&self, status: u16, body: &[u8]) -> ErrorFacts {
        error::read(status, body)
    }

    fn tap_response(&self, body: &[u8], tap: &mut Tap) {
        answer::tap(body, tap);
    }

    fn tap_event(&self, event: &[u8], data: &[u8], tap: &mut Tap) {
        stream::tap(event, data, tap);
    }
}
