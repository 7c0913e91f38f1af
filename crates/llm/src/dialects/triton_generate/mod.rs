//! The generate extension of NVIDIA's Triton inference server, `POST /v2/models/{model}/generate` and `/generate_stream`.
//!
//! - A text goes in and a text comes out, both without any form of a chat: a conversation of several turns is sent as a
//!   transcript that ends where the assistant is to speak. A text completion is its prompt.
//! - What stands under `parameters` is for the engine behind the server. vLLM's names are the usual ones; those of
//!   TensorRT-LLM are a quirk of the provider.
//! - vLLM tells why it has ended and counts tokens when it is asked to. Streams end without a word.
//!
//! It is spoken with providers only.
//! <https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_generate.html>

mod request;
mod response;
mod stream;

use super::{Asking, Codec, DecodeError, Dialect, Encoded, Outline, StreamDecoder, Tap, Target, as_chat};
use crate::ir;

const OUTLINE: Outline = Outline {
    dialect: Dialect::TritonGenerate,
    name: "triton_generate",
    asking: Asking { ends_unsaid: true, ..Asking::USUAL },
    model_in_path: true,
    ..Outline::PROVIDERS_ONLY
};

/// The codec.
pub(super) struct TritonGenerate;

impl Codec for TritonGenerate {
    fn outline(&self) -> &'static Outline {
        &OUTLINE
    }

    fn encode_request(&self, request: &ir::Request, target: &Target<'_>) -> Result<Encoded, DecodeError> {
        request::encode(&*as_chat(request)?, target)
    }

    fn decode_response(&self, body: &[u8]) -> Result<ir::Response, DecodeError> {
        response::decode(body).map(|answer| ir::Response::Chat(Box::new(answer)))
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn tap_response(&self, body: &[u8], tap: &mut Tap) {
        response::tap(body, tap);
        tap.finished = true;
    }

    fn tap_event(&self, _: &[u8], data: &[u8], tap: &mut Tap) {
        response::tap(data, tap);
    }
}
