//! What is learned of an answer beside its way to the client.

use crate::ir::ErrorFacts;
use crate::price::Tier;
use crate::usage::{Units, Usage};

/// What a side reader has learned of an answer that passes through in its own bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tap {
    /// The upstream's id for this answer.
    pub id: Option<String>,
    /// The model that the upstream says has answered.
    pub model: Option<String>,
    /// The finish reason in the dialect's own word.
    pub finish_reason: Option<String>,
    /// Usage as reported, merged over the events seen so far (see pitfall 26: the last or largest, never the sum).
    pub usage: Option<Usage>,
    /// What was used beside text tokens.
    pub units: Units,
    /// At which service tier the answer says that it was served.
    pub tier: Tier,
    /// Whether the provider says that it keeps the answer, in dialects in which it does.
    pub stored: Option<bool>,
    /// The ids of its items, where it ends with all of them.
    pub items: Vec<String>,
    /// Bytes of generated text, reasoning and tool arguments seen so far: the ground for an estimate.
    pub output_bytes: u64,
    /// Whether any generated content (not only lifecycle frames) has been seen.
    pub content_seen: bool,
    /// Whether the dialect's terminal event has been seen (`[DONE]`, `message_stop`, `response.completed`).
    pub finished: bool,
    /// An error event that the upstream sent inside the stream.
    pub error: Option<Box<ErrorFacts>>,
}
