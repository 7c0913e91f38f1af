//! The words for why an answer ended.

use crate::ir::{Finish, FinishReason};

/// What is said of an answer that ended with `ERROR` or `TIMEOUT` and nothing more.
pub(super) const FAILED: &str = "The provider failed while it answered.";

/// What a word means.
pub(super) fn read_finish(word: &str) -> Finish {
    let reason = match word {
        "STOP_SEQUENCE" => FinishReason::StopSequence,
        "MAX_TOKENS" => FinishReason::Length,
        "TOOL_CALL" => FinishReason::ToolCalls,
        "ERROR_TOXIC" => FinishReason::ContentFilter,
        "ERROR_LIMIT" => FinishReason::ContextWindow,
        "ERROR" | "TIMEOUT" => FinishReason::Error,
        _ => FinishReason::Stop,
    };
    Finish { reason, native: Some(word.to_owned()), stop_sequence: None }
}

/// The word for a meaning.
pub(super) fn finish_word(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop | FinishReason::PauseTurn => "COMPLETE",
        FinishReason::StopSequence => "STOP_SEQUENCE",
        FinishReason::Length => "MAX_TOKENS",
        FinishReason::ContextWindow => "ERROR_LIMIT",
        FinishReason::ToolCalls => "TOOL_CALL",
        FinishReason::ContentFilter | FinishReason::Refusal => "ERROR_TOXIC",
        FinishReason::Error => "ERROR",
    }
}
