//! Agents of Coze, `POST /v3/chat`.
//!
//! - The model is the agent's id (`bot_id`). The conversation is sent with each request as `additional_messages`, and not
//!   kept there, unless the client says otherwise.
//! - Pictures are named by their addresses. Those that a client sends whole are brought first, by `POST /v1/files/upload`, and
//!   named by their ids. <https://www.coze.com/docs/developer_guides/upload_files>
//! - An answer that is not streamed has to be asked for again and again: every agent is asked for a stream, and whole
//!   answers are gathered.
//! - Of the messages those of the type `answer` are the answer. The pieces of one come as `conversation.message.delta`; its
//!   whole text follows, and is the answer where no pieces have come.
//! - `conversation.chat.completed` ends it and has the usage. Failures come as events, and as answers with a code under
//!   HTTP 200.
//! - An agent that waits for the result of a client's tool cannot be given it: that is an error.
//!
//! It is spoken with providers only. <https://www.coze.com/docs/developer_guides/chat_v3>

mod error;
mod event;
mod request;
mod stream;

use super::{
    Answers, Asking, Codec, DecodeError, Dialect, Encoded, Outline, StreamDecoder, Tap, Target, as_chat,
    plain,
};
use crate::ir::{self, ErrorFacts};

const OUTLINE: Outline = Outline {
    dialect: Dialect::CozeChat,
    name: "coze_chat",
    asking: Asking { answers: Answers::Streamed, ..Asking::USUAL },
    ..Outline::PROVIDERS_ONLY
};

/// The codec.
pub(super) struct CozeChat;

impl Codec for CozeChat {
    fn outline(&self) -> &'static Outline {
        &OUTLINE
    }

    fn encode_request(&self, request: &ir::Request, target: &Target<'_>) -> Result<Encoded, DecodeError> {
        request::encode(&*as_chat(request)?, target)
    }

    fn upload(&self, content: &ir::Content, _: Option<&str>) -> Option<Encoded> {
        plain::upload_form(content, &[])
    }

    fn uploaded(&self, body: &[u8]) -> Option<String> {
        request::uploaded(body)
    }

    /// What is not streamed is an error.
    fn decode_response(&self, body: &[u8]) -> Result<ir::Response, DecodeError> {
        Err(DecodeError { message: error::read(0, body).message, param: None })
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn status_within(&self, body: &[u8]) -> Option<u16> {
        error::status_within(body)
    }

    fn decode_error(&self, status: u16, body: &[u8]) -> ErrorFacts {
        error::read(status, body)
    }

    fn tap_event(&self, event: &[u8], data: &[u8], tap: &mut Tap) {
        stream::tap(event, data, tap);
    }
}
