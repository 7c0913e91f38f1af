//! What a copy of an exchange, sent to a candidate, has come to beside the exchange itself: figures, never its text.

use serde::{Deserialize, Serialize};

/// The exchange of which another one is a copy, and how their answers compare. Part of the copy's record; what the copy's own
/// answer used, cost and took stands in that record itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ShadowRecord {
    /// The generation id of the original.
    pub of: String,
    /// The alias that the original asked for.
    pub alias: String,
    /// The provider that answered the original.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model that answered it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Whether the original was told as a stream; copies never are.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub streamed: bool,
    /// Output tokens of the original.
    pub output_tokens: u64,
    /// What the original has cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_nanos: Option<u64>,
    /// Microseconds to the first content of the original.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_byte_us: Option<u64>,
    /// Microseconds to its end.
    pub total_us: u64,
    /// How the answers compare; nothing when the copy was not answered, or one of the answers could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared: Option<ComparedRecord>,
}

/// How two answers compare: their first choices, as providers gave them and before anything is repaired.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ComparedRecord {
    /// The answer that the client got.
    pub original: AnswerFacts,
    /// The candidate's.
    pub copy: AnswerFacts,
    /// Whether both ended for the same reason.
    pub same_finish: bool,
    /// Whether both call the same tools in the same order; nothing where neither calls any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_tools: Option<bool>,
    /// Whether they call them with the same arguments, as JSON values; nothing where neither calls any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_arguments: Option<bool>,
    /// How many in a thousand of the words of both texts are in each of them; nothing where neither has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common_words: Option<u16>,
}

/// What one answer is like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AnswerFacts {
    /// Characters of its text.
    pub characters: u64,
    /// Tools that it calls.
    pub tool_calls: u64,
    /// Whether its text is JSON, where JSON was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_json: Option<bool>,
}

/// How many requests of one alias met one fate, for the metrics page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowCount {
    /// The alias.
    pub alias: String,
    /// What came of them.
    pub result: &'static str,
    /// How many.
    pub count: u64,
}
