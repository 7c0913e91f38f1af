//! Apps of Dify: `POST /chat-messages` for chatbots, agents and chatflows, `/completion-messages` for text generators.
//!
//! - The credential is an app's, so that no model is named: the gateway's model is a name for the app.
//! - An app is asked one `query`, and keeps conversations itself: one that it knows goes on by `conversation_id`, which a
//!   client may give. Without it the whole conversation is the query, as a transcript when it has several turns. The query
//!   stands in `inputs`, too, where text generators look for it.
//! - Pictures are named by their addresses. Those that a client sends whole are brought to the app first, by
//!   `POST /files/upload`, and named by their ids. <https://docs.dify.ai/api-reference/files/upload-file>
//! - Agents only stream: every app is asked for a stream, and whole answers are gathered.
//! - `message_end` is the last event and has the usage. Errors are events of that name.
//!
//! It is spoken with providers only. <https://docs.dify.ai/api-reference/chat/send-chat-message>

mod event;
mod request;
mod stream;

use super::{
    Answers, Asking, Codec, DecodeError, Dialect, Encoded, Outline, StreamDecoder, Tap, Target, as_chat,
};
use crate::ir::{self, ErrorFacts};

const OUTLINE: Outline = Outline {
    dialect: Dialect::DifyChat,
    name: "dify_chat",
    asking: Asking { answers: Answers::Streamed, ..Asking::USUAL },
    ..Outline::PROVIDERS_ONLY
};

/// The codec.
pub(super) struct DifyChat;

impl Codec for DifyChat {
    fn outline(&self) -> &'static Outline {
        &OUTLINE
    }

    fn encode_request(&self, request: &ir::Request, _: &Target<'_>) -> Result<Encoded, DecodeError> {
        request::encode(&*as_chat(request)?)
    }

    fn upload(&self, content: &ir::Content, user: Option<&str>) -> Option<Encoded> {
        request::upload(content, user)
    }

    fn uploaded(&self, body: &[u8]) -> Option<String> {
        request::uploaded(body)
    }

    /// A server that has not streamed all the same has answered in its blocking mode.
    fn decode_response(&self, body: &[u8]) -> Result<ir::Response, DecodeError> {
        event::decode(body).map(|answer| ir::Response::Chat(Box::new(answer)))
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn decode_error(&self, status: u16, body: &[u8]) -> ErrorFacts {
        event::read_error(status, body)
    }

    fn tap_response(&self, body: &[u8], tap: &mut Tap) {
        event::tap_response(body, tap);
    }

    fn tap_event(&self, _: &[u8], data: &[u8], tap: &mut Tap) {
        event::tap(data, tap);
    }
}
