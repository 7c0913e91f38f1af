//! Dialects of which clients' requests only pass through: pictures, speech, transcripts, moderations, rerankings and
//! sessions. No other dialect of a provider says what they say, so there is nothing to convert them to: requests and
//! answers go through in their own bytes. The AI SDK's clients, who ask for some of it in a dialect of their own, are
//! served in them.
//!
//! In: a row of the table, and bodies and events to look at; requests of those clients. Out: facts for the record; the
//! same requests as a provider takes them, and its answers. Whatever else there is to convert is refused in words.

mod answer;
mod event;
mod images;
mod pictures;
mod rerank;
mod sound;
mod table;
#[cfg(test)]
mod tests;

use super::{AnswerContext, Codec, DecodeError, Encoded, Operation, Outline, Tap, Target, refuse};
use crate::ir::{self, Content, Counted, Request, Response, Source};

pub(super) use answer::milliseconds;
pub use pictures::Pictures;
pub(super) use table::{
    IMAGE_EDITS, IMAGE_VARIATIONS, IMAGES, MODERATIONS, REALTIME, RERANK, SPEECH, TRANSCRIPTIONS,
    TRANSLATIONS, VIDEOS,
};

/// What is known of a dialect that only passes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passing {
    /// How its requests are written.
    pub body: BodyForm,
    /// The model of a request that names none, where the API has a default of its own.
    pub default_model: Option<&'static str>,
    /// Members of which a request has one at least, else there is nothing to answer.
    pub wants: &'static [&'static str],
    /// The member that asks for a stream by the word `sse`, where that is not `stream`.
    pub stream_format: Option<&'static str>,
    /// The member whose characters are spoken.
    pub spoken: Option<&'static str>,
    /// Whether answers are pictures, to be counted.
    pub makes_pictures: bool,
    /// Whether an answer only says that the work has begun: the client asks for the rest later, by the answer's id.
    pub makes_jobs: bool,
}

/// How requests are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyForm {
    /// As one JSON object.
    Json,
    /// As a form with files, or as one JSON object.
    FormOrJson,
    /// As a form with files.
    Form,
}

/// The codec of one row of the table.
pub(super) struct PassThrough {
    outline: &'static Outline,
    passing: &'static Passing,
}

impl PassThrough {
    /// What comes out is all pictures, or all sound, unless the answer itself says how much of it was.
    fn tell_output(&self, tap: &mut Tap) {
        let output = tap.usage.map_or(0, |usage| usage.output);
        let place = match self.passing {
            Passing { makes_pictures: true, .. } => &mut tap.units.image_output,
            Passing { spoken: Some(_), .. } => &mut tap.units.audio_output,
            _ => return,
        };
        if *place == 0 {
            *place = output;
        }
    }
}

fn nothing_to_convert() -> DecodeError {
    refuse("model", "what is asked here goes only to providers that speak this very API")
}

impl Codec for PassThrough {
    fn outline(&self) -> &'static Outline {
        self.outline
    }

    fn passing(&self) -> Option<&'static Passing> {
        Some(self.passing)
    }

    fn decode_request(&self, _: &[u8]) -> Result<ir::Request, DecodeError> {
        Err(nothing_to_convert())
    }

    fn encode_request(&self, request: &ir::Request, target: &Target<'_>) -> Result<Encoded, DecodeError> {
        match (self.outline.operation, request) {
            (Operation::Images, Request::Images(images)) => Ok(images::encode(images, target)),
            (Operation::ImageEdits, Request::Images(images)) => images::encode_form(images, target),
            (Operation::Rerank, Request::Rerank(rerank)) => Ok(rerank::encode(rerank, target)),
            (Operation::Speech, Request::Speech(speech)) => Ok(sound::encode_speech(speech, target)),
            (Operation::Transcription, Request::Transcription(transcription)) => {
                sound::encode_transcription(transcription, target)
            }
            _ => Err(nothing_to_convert()),
        }
    }

    /// Pictures go along in forms, which hold no addresses.
    fn needs_bytes(&self, content: &Content) -> bool {
        let is_address = matches!(content, Content::Image { source: Source::Url(_), .. });
        is_address && self.outline.operation == Operation::ImageEdits
    }

    fn decode_response(&self, body: &[u8]) -> Result<ir::Response, DecodeError> {
        let counted = || {
            let mut tap = Tap::default();
            self.tap_response(body, &mut tap);
            Counted { usage: tap.usage, units: tap.units }
        };
        Ok(match self.outline.operation {
            Operation::Images | Operation::ImageEdits => {
                Response::Images(Box::new(images::decode(body, counted())?))
            }
            Operation::Rerank => Response::Ranking(Box::new(rerank::decode(body, counted())?)),
            Operation::Speech => Response::Speech(Box::new(sound::decode_speech(body)?)),
            Operation::Transcription => {
                Response::Transcript(Box::new(sound::decode_transcript(body, counted())?))
            }
            _ => return Err(nothing_to_convert()),
        })
    }

    /// No answer comes here: clients of these dialects get them as they are.
    fn encode_response(&self, _: &ir::Response, _: &AnswerContext) -> Vec<u8> {
        b"{}".to_vec()
    }

    fn tap_response(&self, body: &[u8], tap: &mut Tap) {
        answer::tap(self.outline.operation, body, tap);
        self.tell_output(tap);
    }

    fn tap_event(&self, event: &[u8], data: &[u8], tap: &mut Tap) {
        event::tap(event, data, tap);
        self.tell_output(tap);
    }
}
