//! What the OpenAI-style dialects have in common: the outline of answers, usage, finish words, errors, sampling.
//!
//! It is no dialect itself; `openai_chat`, `openai_completions`, `openai_embeddings` and `openai_responses`
//! are built from it.

mod chunk;
mod custom;
mod data_url;
mod error;
mod sampling;
mod tap;
mod usage;

use crate::ir::FinishReason;

pub(super) use chunk::{CallDelta, Chunk, ChunkChoice, Delta};
pub(super) use custom::{custom_arguments, custom_input};
pub(super) use data_url::{read_file_data, read_url, write_url};
pub(super) use error::{encode_error, encode_error_event, write_error};
pub(super) use sampling::{ask_usage, read_sampling, stream_usage, write_sampling};
pub(super) use tap::{tap_event, tap_response, usage_at_end};
pub(super) use usage::{read_usage, walk_usage, write_usage};

/// The meaning of a finish word.
pub(super) fn read_finish(word: &str) -> FinishReason {
    match word {
        "length" | "max_tokens" => FinishReason::Length,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        "content_filter" => FinishReason::ContentFilter,
        "error" => FinishReason::Error,
        _ => FinishReason::Stop,
    }
}

/// The finish word for a meaning. `refused` says whether the refusal was said in words, after which OpenAI
/// itself says `stop`.
pub(super) fn finish_word(reason: FinishReason, refused: bool) -> &'static str {
    match reason {
        FinishReason::Stop | FinishReason::StopSequence | FinishReason::PauseTurn => "stop",
        FinishReason::Length | FinishReason::ContextWindow => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::Refusal if refused => "stop",
        FinishReason::ContentFilter | FinishReason::Refusal => "content_filter",
        FinishReason::Error => "error",
    }
}
