//! Why an answer ended and what it used, in the words of each version of the specification.

use crate::dialects::write;
use crate::ir::{Finish, FinishReason};
use crate::usage::Usage;

/// Writes `finishReason`: an object since version 3, a word before.
pub(super) fn write_finish(finish: &Finish, calls: bool, version: u8, out: &mut write::Object<'_>) {
    let word = word(finish.reason, calls);
    if version < 3 {
        return out.text("finishReason", word);
    }
    out.object("finishReason", |reason| {
        reason.text("unified", word);
        reason.maybe_text("raw", finish.native.as_deref());
    });
}

/// `calls` says whether the answer holds tool calls: the SDK goes on with their results only after `tool-calls`, and some
/// upstreams say a plain stop after them.
fn word(reason: FinishReason, calls: bool) -> &'static str {
    match reason {
        FinishReason::Stop | FinishReason::StopSequence if calls => "tool-calls",
        FinishReason::Stop | FinishReason::StopSequence => "stop",
        FinishReason::Length | FinishReason::ContextWindow => "length",
        FinishReason::ToolCalls => "tool-calls",
        FinishReason::ContentFilter | FinishReason::Refusal => "content-filter",
        FinishReason::PauseTurn => "other",
        FinishReason::Error => "error",
    }
}

/// Writes `usage`: by kind since version 3, flat before. What nobody counted is left out, never zero.
pub(super) fn write_usage(usage: Option<&Usage>, version: u8, out: &mut write::Object<'_>) {
    let written = |usage: &Usage| usage.cache_write.saturating_add(usage.cache_write_1h);
    if version < 3 {
        return out.object("usage", |object| {
            let Some(usage) = usage else { return };
            object.number("inputTokens", usage.input);
            object.number("outputTokens", usage.output);
            object.number("totalTokens", usage.input.saturating_add(usage.output));
            object.number("reasoningTokens", usage.reasoning);
            object.number("cachedInputTokens", usage.cached_input);
        });
    }
    out.object("usage", |object| {
        object.object("inputTokens", |input| {
            let Some(usage) = usage else { return };
            let cached = usage.cached_input.saturating_add(written(usage));
            input.number("total", usage.input);
            input.number("noCache", usage.input.saturating_sub(cached));
            input.number("cacheRead", usage.cached_input);
            input.number("cacheWrite", written(usage));
        });
        object.object("outputTokens", |output| {
            let Some(usage) = usage else { return };
            output.number("total", usage.output);
            output.number("text", usage.output.saturating_sub(usage.reasoning));
            output.number("reasoning", usage.reasoning);
        });
    });
}
