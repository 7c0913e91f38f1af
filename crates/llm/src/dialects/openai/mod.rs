//! What the OpenAI-style dialects have in common: the outline of answers, usage, finish words, errors, sampling.
//!
//! It is no dialect itself; `openai_chat`, `openai_completions` and `openai_embeddings`
//! are built from it.

mod chunk;
mod error;
mod sampling;
mod tap;

use serde::Deserialize;

use super::read::Loose;
use super::write;
use crate::ir::FinishReason;
use crate::usage::Usage;

pub(super) use chunk::{CallDelta, Chunk, ChunkChoice, Delta};
pub(super) use error::{encode_error, encode_error_event};
pub(super) use sampling::{ask_usage, read_sampling, stream_usage, write_sampling};
pub(super) use tap::{tap_event, tap_response};

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireUsage<'a> {
    #[serde(borrow)]
    prompt_tokens: Loose<'a>,
    completion_tokens: Loose<'a>,
    total_tokens: Loose<'a>,
    // Some servers use the newer names on the older endpoint.
    input_tokens: Loose<'a>,
    output_tokens: Loose<'a>,
    prompt_tokens_details: Option<InputDetails<'a>>,
    completion_tokens_details: Option<OutputDetails<'a>>,
    // DeepSeek and Moonshot say it beside the totals.
    prompt_cache_hit_tokens: Loose<'a>,
    cached_tokens: Loose<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct InputDetails<'a> {
    #[serde(borrow)]
    cached_tokens: Loose<'a>,
    cache_write_tokens: Loose<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OutputDetails<'a> {
    #[serde(borrow)]
    reasoning_tokens: Loose<'a>,
}

/// Reads a usage object; `None` when it counts nothing.
pub(super) fn read_usage(json: &str) -> Option<Usage> {
    let wire: WireUsage<'_> = serde_json::from_str(json).ok()?;
    let input = wire.prompt_tokens.number().or(wire.input_tokens.number());
    let output = wire.completion_tokens.number().or(wire.output_tokens.number());
    if input.is_none() && output.is_none() {
        return None;
    }
    let (input, mut output) = (input.unwrap_or(0), output.unwrap_or(0));
    let details = wire.prompt_tokens_details.unwrap_or_default();
    let cached =
        [details.cached_tokens.number(), wire.prompt_cache_hit_tokens.number(), wire.cached_tokens.number()];
    let reasoning = wire.completion_tokens_details.unwrap_or_default().reasoning_tokens.number().unwrap_or(0);
    // Some providers (xAI) count reasoning beside the completion and not in it; their total gives it away.
    if reasoning > 0
        && wire.total_tokens.number() == input.checked_add(output).and_then(|sum| sum.checked_add(reasoning))
    {
        output = output.saturating_add(reasoning);
    }
    Some(Usage {
        input,
        cached_input: cached.into_iter().flatten().max().unwrap_or(0),
        cache_write: details.cache_write_tokens.number().unwrap_or(0),
        cache_write_1h: 0,
        output,
        reasoning,
    })
}

/// Writes a usage object's members.
pub(super) fn write_usage(usage: &Usage, out: &mut write::Object<'_>) {
    out.number("prompt_tokens", usage.input);
    out.number("completion_tokens", usage.output);
    out.number("total_tokens", usage.input.saturating_add(usage.output));
    out.object("prompt_tokens_details", |details| {
        details.number("cached_tokens", usage.cached_input);
        let written = usage.cache_write.saturating_add(usage.cache_write_1h);
        if written > 0 {
            details.number("cache_write_tokens", written);
        }
    });
    out.object("completion_tokens_details", |details| details.number("reasoning_tokens", usage.reasoning));
}

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
