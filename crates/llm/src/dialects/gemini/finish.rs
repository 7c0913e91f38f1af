//! The words for why an answer ended.

use crate::ir::{Finish, FinishReason};

/// Words that mean a filter; a blocked prompt has some of them, too.
const FILTERED: [&str; 11] = [
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "MODEL_ARMOR",
    "JAILBREAK",
];

/// Words that mean that the model, or the service, has failed.
const FAILED: [&str; 8] = [
    "OTHER",
    "MALFORMED_FUNCTION_CALL",
    "MALFORMED_RESPONSE",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "MISSING_THOUGHT_SIGNATURE",
    "IMAGE_OTHER",
    "NO_IMAGE",
];

/// Why an answer ended. `calls` says whether it calls functions, after which the word is `STOP` like after any other
/// answer, and may come in a later chunk than they.
pub(super) fn read_finish(word: &str, calls: bool) -> Finish {
    let reason = match word {
        "MAX_TOKENS" => FinishReason::Length,
        word if FILTERED.contains(&word) => FinishReason::ContentFilter,
        word if FAILED.contains(&word) => FinishReason::Error,
        _ if calls => FinishReason::ToolCalls,
        _ => FinishReason::Stop,
    };
    Finish { reason, native: Some(word.to_owned()), stop_sequence: None }
}

/// A prompt that a filter has refused has no answer; this is why.
pub(super) fn blocked(word: String) -> Finish {
    Finish { reason: FinishReason::ContentFilter, native: Some(word), stop_sequence: None }
}

/// The word for why an answer ended: the upstream's own, when it is one of these and means the same.
pub(super) fn finish_word(finish: &Finish) -> &str {
    let native = finish.native.as_deref().filter(|word| {
        (FILTERED.contains(word) || FAILED.contains(word)) && read_finish(word, false).reason == finish.reason
    });
    native.unwrap_or(match finish.reason {
        FinishReason::Stop
        | FinishReason::StopSequence
        | FinishReason::ToolCalls
        | FinishReason::PauseTurn => "STOP",
        FinishReason::Length | FinishReason::ContextWindow => "MAX_TOKENS",
        FinishReason::ContentFilter | FinishReason::Refusal => "SAFETY",
        FinishReason::Error => "OTHER",
    })
}
