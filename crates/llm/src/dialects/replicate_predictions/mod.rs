//! Predictions of Replicate's official models, `POST /models/{owner}/{name}/predictions`, and of any version of any model,
//! `POST /predictions`.
//!
//! - A model's name is `owner/name`. One with a version behind a colon, or a version alone, is named in the body, which is
//!   the second form and has the second path.
//! - With `Prefer: wait` a prediction is answered when it is made; one that takes longer is an error. Streams would be a
//!   second request to an address that the first one tells: answers come whole, and streams are told from them.
//! - Each model has inputs of its own. Those of the well-known makers are kept in [`makers`]; all others are asked as most
//!   are. Output is a text or a list of its pieces.
//!
//! It is spoken with providers only. <https://replicate.com/docs/reference/http>

mod makers;
mod prediction;
mod request;

use super::{Answers, Asking, Codec, DecodeError, Dialect, Encoded, Outline, Tap, Target, as_chat};
use crate::ir::{self, ErrorFacts};

const OUTLINE: Outline = Outline {
    dialect: Dialect::ReplicatePredictions,
    name: "replicate_predictions",
    asking: Asking { answers: Answers::Whole, ..Asking::USUAL },
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
}
