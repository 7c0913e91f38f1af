//! What Ollama's dialects have in common: answers and their streams, errors, and what requests ask for beside their
//! content.
//!
//! It is no dialect itself; `ollama_chat`, `ollama_generate` and `ollama_embeddings` are built from it.
//! Source: <https://docs.ollama.com/api>.

mod answer;
mod asks;
mod chunk;
mod error;
mod images;
mod options;
mod stream;
mod tap;
mod timing;

pub(super) use answer::{decode, encode, write_calls, write_said};
pub(super) use asks::{read_asks, write_asks, write_own};
pub(super) use error::{encode as encode_error, encode_event as encode_error_event};
pub(super) use images::{read_images, write_images};
pub(super) use stream::{Decoder, Encoder};
pub(super) use tap::{tap_event, tap_response};
pub(super) use timing::{Timing, write_created};

use crate::ir::{Finish, FinishReason};

/// Where an answer's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// In `message`, as `/api/chat` answers.
    Message,
    /// In `response`, as `/api/generate` does.
    Response,
}

/// Why an answer ended. After calls the word is `stop`, like after any other answer.
fn read_finish(word: Option<&str>, calls: bool) -> Finish {
    let reason = match word {
        Some("length") => FinishReason::Length,
        Some("content_filter") => FinishReason::ContentFilter,
        Some("error") => FinishReason::Error,
        _ if calls => FinishReason::ToolCalls,
        _ => FinishReason::Stop,
    };
    Finish { reason, native: word.map(str::to_owned), stop_sequence: None }
}

/// The word for why an answer ended. Ollama itself knows the first two; clients show any.
fn finish_word(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Length | FinishReason::ContextWindow => "length",
        FinishReason::ContentFilter | FinishReason::Refusal => "content_filter",
        FinishReason::Error => "error",
        FinishReason::Stop
        | FinishReason::StopSequence
        | FinishReason::ToolCalls
        | FinishReason::PauseTurn => "stop",
    }
}
