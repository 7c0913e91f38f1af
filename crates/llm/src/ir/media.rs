//! What is asked for beside conversations and vectors, and what is answered: pictures, rankings, speech, transcripts.

use super::{Content, Json};
use crate::usage::{Units, Usage};

/// Pictures to be made, from a text or from other pictures.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Images {
    /// What they are to show.
    pub prompt: Option<String>,
    /// How many.
    pub n: Option<u64>,
    /// Width and height, as in `1024x1024`.
    pub size: Option<String>,
    /// Width to height, as in `16:9`.
    pub aspect_ratio: Option<String>,
    /// The beginning of what is left to chance.
    pub seed: Option<i64>,
    /// The pictures from which they are made.
    pub files: Vec<Content>,
    /// What of the first of them is to be changed.
    pub mask: Option<Content>,
    /// Further members by OpenAI's names.
    pub options: Vec<(String, Json)>,
    /// Fields that have no place above.
    pub extra: Vec<(String, Json)>,
}

/// Pictures that were made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImagesAnswer {
    /// Each, in base64 or where it lies.
    pub images: Vec<Picture>,
    /// What was used, as far as it was told.
    pub counted: Counted,
}

/// A picture that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picture {
    /// Itself, as base64.
    Base64(String),
    /// Where it lies.
    Url(String),
}

/// Documents to be put in the order in which they answer a query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rerank {
    /// What is looked for.
    pub query: String,
    /// The documents.
    pub documents: Vec<String>,
    /// Whether they were objects, of which each is said as its JSON.
    pub were_objects: bool,
    /// How many are wanted.
    pub top_n: Option<u64>,
    /// Fields that have no place above.
    pub extra: Vec<(String, Json)>,
}

/// Documents in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ranking {
    /// Each with how well it answers.
    pub results: Vec<Ranked>,
    /// What was used, as far as it was told.
    pub counted: Counted,
}

/// A document's place in a ranking.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// Its place in the request.
    pub index: u64,
    /// How well it answers.
    pub score: f64,
}

/// A text to be spoken.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Speech {
    /// The text.
    pub text: String,
    /// Who speaks.
    pub voice: Option<String>,
    /// The form of the sound, such as `mp3`.
    pub format: Option<String>,
    /// How to speak.
    pub instructions: Option<String>,
    /// How fast; one is as usual.
    pub speed: Option<f64>,
    /// Its language.
    pub language: Option<String>,
    /// Further members by OpenAI's names.
    pub options: Vec<(String, Json)>,
    /// Fields that have no place above.
    pub extra: Vec<(String, Json)>,
}

/// What was spoken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpeechAnswer {
    /// The sound, as base64.
    pub base64: String,
}

/// A recording to be written down.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transcription {
    /// The recording, as base64.
    pub base64: String,
    /// Its media type.
    pub media_type: String,
    /// Further members by OpenAI's names.
    pub options: Vec<(String, Json)>,
    /// Fields that have no place above.
    pub extra: Vec<(String, Json)>,
}

/// What a recording says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transcript {
    /// All of it.
    pub text: String,
    /// Sentence by sentence.
    pub segments: Vec<Segment>,
    /// Word by word.
    pub words: Vec<Segment>,
    /// Its language, in the provider's word.
    pub language: Option<String>,
    /// How long it is.
    pub seconds: Option<f64>,
    /// What was used, as far as it was told.
    pub counted: Counted,
}

/// A piece of a recording.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Segment {
    /// What is said.
    pub text: String,
    /// When it begins, in seconds.
    pub start: f64,
    /// When it ends, in seconds.
    pub end: f64,
}

/// What an answer has used, as far as it was told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Tokens.
    pub usage: Option<Usage>,
    /// Everything else.
    pub units: Units,
}
