//! What a provider's message tells.
//!
//! In: one message. Out: whether an answer begins or ends in it, and what was used. Sound is stepped over, never parsed;
//! of a message whose type says nothing here no more is read than its type.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialects::outline::{DEEPEST, text};
use crate::dialects::passing::milliseconds;
use crate::json::{ScanError, Walk};
use crate::usage::{Units, Usage};

/// What was used, as one event counts it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Tokens, where they were counted.
    pub usage: Option<Usage>,
    /// What was used beside text tokens.
    pub units: Units,
}

/// What a message tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The session is there.
    Session {
        /// The provider's id of it.
        id: Option<String>,
    },
    /// An answer begins.
    Begun,
    /// Something went wrong.
    Failed,
    /// An answer has ended.
    Ended {
        /// How, in the provider's own word.
        status: Option<String>,
        /// What it has used; none where the provider does not say.
        counted: Option<Counted>,
    },
    /// What the client has said was written down, by a model of its own.
    Transcribed {
        /// What that has used; none where the provider does not say.
        counted: Option<Counted>,
    },
    /// Anything else.
    Other,
}

/// Reads one message.
pub fn read_event(message: &[u8]) -> Heard {
    read(message).ok().flatten().unwrap_or(Heard::Other)
}

/// The types that tell something.
#[derive(Clone, Copy)]
enum Kind {
    Session,
    Begun,
    Failed,
    Ended,
    Transcribed,
}

fn read(message: &[u8]) -> Result<Option<Heard>, ScanError> {
    let mut walk = Walk::object(message, DEEPEST)?;
    let (mut kind, mut body) = (None, None);
    while let Some(key) = walk.key()? {
        let value = walk.value()?;
        match key {
            b"type" => {
                let Some(known) = kind_of(value) else { return Ok(None) };
                kind = Some(known);
            }
            b"response" | b"session" | b"usage" => body = Some(value),
            _ => {}
        }
    }
    let body = body.unwrap_or_default();
    Ok(kind.map(|kind| match kind {
        Kind::Session => Heard::Session { id: parse::<Named>(body).and_then(|session| session.id) },
        Kind::Begun => Heard::Begun,
        Kind::Failed => Heard::Failed,
        Kind::Ended => {
            let response = parse::<Response<'_>>(body).unwrap_or_default();
            let counted = response.usage.and_then(|usage| counted(usage.get().as_bytes()));
            Heard::Ended { status: response.status, counted }
        }
        Kind::Transcribed => Heard::Transcribed { counted: counted(body) },
    }))
}

fn kind_of(value: &[u8]) -> Option<Kind> {
    Some(match text(value)?.as_str() {
        "session.created" | "transcription_session.created" => Kind::Session,
        "response.created" => Kind::Begun,
        "error" => Kind::Failed,
        "response.done" => Kind::Ended,
        "conversation.item.input_audio_transcription.completed" => Kind::Transcribed,
        _ => return None,
    })
}

fn parse<'m, T: Deserialize<'m>>(value: &'m [u8]) -> Option<T> {
    serde_json::from_slice(value).ok()
}

#[derive(Deserialize)]
struct Named {
    id: Option<String>,
}

#[derive(Default, Deserialize)]
struct Response<'m> {
    status: Option<String>,
    #[serde(borrow)]
    usage: Option<&'m RawValue>,
}

#[derive(Deserialize)]
struct Said<'m> {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    #[serde(default, alias = "input_tokens_details")]
    input_token_details: Details,
    #[serde(default, alias = "output_tokens_details")]
    output_token_details: Details,
    /// Of a transcript that is sold by time.
    #[serde(borrow)]
    seconds: Option<&'m RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    audio_tokens: Option<u64>,
    image_tokens: Option<u64>,
    cached_tokens: Option<u64>,
    cached_tokens_details: Option<CachedDetails>,
    reasoning_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CachedDetails {
    audio_tokens: Option<u64>,
    image_tokens: Option<u64>,
}

/// Reads a usage object. Sound and pictures that were read from the provider's cache are told apart from the others: they
/// have prices of their own.
fn counted(usage: &[u8]) -> Option<Counted> {
    let said: Said<'_> = parse(usage)?;
    let (input, output) = (said.input_token_details, said.output_token_details);
    let cached = input.cached_tokens_details.unwrap_or_default();
    let fresh = |all: Option<u64>, cached: Option<u64>| all.unwrap_or(0).saturating_sub(cached.unwrap_or(0));
    let units = Units {
        audio_ms: said.seconds.and_then(|seconds| milliseconds(seconds.get().as_bytes())),
        audio_input: fresh(input.audio_tokens, cached.audio_tokens),
        image_input: fresh(input.image_tokens, cached.image_tokens),
        audio_cached: cached.audio_tokens.unwrap_or(0),
        image_cached: cached.image_tokens.unwrap_or(0),
        audio_output: output.audio_tokens.unwrap_or(0),
        image_output: output.image_tokens.unwrap_or(0),
        ..Units::default()
    };
    let usage = (said.input_tokens.is_some() || said.output_tokens.is_some()).then(|| Usage {
        input: said.input_tokens.unwrap_or(0),
        cached_input: input.cached_tokens.unwrap_or(0),
        output: said.output_tokens.unwrap_or(0),
        reasoning: output.reasoning_tokens.unwrap_or(0),
        ..Usage::default()
    });
    (usage.is_some() || units.audio_ms.is_some()).then_some(Counted { usage, units })
}
