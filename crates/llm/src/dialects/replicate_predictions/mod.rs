//! Predictions of Replicate's official models, `POST /models/{owner}/{name}/predictions`, and of any version of any model,
//! `POST /predictions`.
//!
//! - A model's name is `owner/name`. One with a version behind a colon, or a version alone, is named in the body, which is
//!   the second form and has the second path.
//! - With `Prefer: wait` a prediction is answered when it is made; one that takes longer tells where it can be asked for again.
//! - A stream is at an address of its own, which the prediction tells. Its events are named `output` (plain text), `error`
//!   and `done`; they tell no tokens. Models that cannot stream are asked again until they have ended.
//! - Each model has inputs of its own. Those of the well-known makers are kept in [`makers`]; all others are asked as most
//!   are. Output is a text or a list of its pieces.
//!
//! It is spoken with providers only. <https://replicate.com/docs/reference/http>,
//! <https://replicate.com/docs/topics/predictions/streaming>

mod makers;
mod prediction;
mod request;
mod stream;

use super::{
    Asking, Codec, DecodeError, Dialect, Encoded, Onward, Outline, StreamDecoder, Tap, Target, as_chat,
};
use crate::ir::{self, ErrorFacts};

const OUTLINE: Outline = Outline {
    dialect: Dialect::ReplicatePredictions,
    name: "replicate_predictions",
    // Who wants a stream does not wait until the prediction is made.
    asking: Asking { leads_on: true, stream_header: Some(("prefer", "respond-async")), ..Asking::USUAL },
    model_in_path: true,
    ..Outline::PROVIDERS_ONLY
};

/// The codec.
pub(super) struct ReplicatePredictions;

impl Codec for ReplicatePredictions {
    fn outline(&self) -> &'static Outline {
        &OUTLINE
    }

    fn encode_request(&self, request: &ir::Request, target: &Target<'_>) -> Result<Encoded, DecodeError> {
        request::encode(&*as_chat(request)?, target)
    }

    fn is_second_form(&self, body: &[u8]) -> bool {
        request::names_version(body)
    }

    fn leads_on(&self, body: &[u8], stream: bool) -> Option<Onward> {
        prediction::leads_on(body, stream)
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn decode_response(&self, body: &[u8]) -> Result<ir::Response, DecodeError> {
        prediction::decode(body).map(|answer| ir::Response::Chat(Box::new(answer)))
    }

    fn status_within(&self, body: &[u8]) -> Option<u16> {
        prediction::status_within(body)
    }

    fn decode_error(&self, status: u16, body: &[u8]) -> ErrorFacts {
        prediction::read_error(status, body)
    }

    fn tap_response(&self, body: &[u8], tap: &mut Tap) {
        prediction::tap(body, tap);
    }

    fn tap_event(&self, event: &[u8], data: &[u8], tap: &mut Tap) {
        stream::tap(event, data, tap);
    }
}
