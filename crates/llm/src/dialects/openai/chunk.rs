//! One event of a stream, or a whole answer as far as its outline goes: borrowed, and read loosely, because
//! compatible servers vary in everything but the outline.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialects::read::Loose;

/// A chunk, or a whole answer.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::dialects) struct Chunk<'a> {
    #[serde(borrow)]
    pub(in crate::dialects) id: Loose<'a>,
    pub(in crate::dialects) model: Loose<'a>,
    pub(in crate::dialects) created: Loose<'a>,
    pub(in crate::dialects) system_fingerprint: Loose<'a>,
    pub(in crate::dialects) service_tier: Loose<'a>,
    pub(in crate::dialects) choices: Option<Vec<ChunkChoice<'a>>>,
    pub(in crate::dialects) usage: Option<&'a RawValue>,
    pub(in crate::dialects) error: Option<&'a RawValue>,
    /// The sources of the answer, where a server tells them beside it.
    pub(in crate::dialects) search_results: Option<&'a RawValue>,
    pub(in crate::dialects) citations: Option<&'a RawValue>,
    pub(in crate::dialects) web_search: Option<&'a RawValue>,
}

/// One choice of a chunk.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::dialects) struct ChunkChoice<'a> {
    #[serde(borrow)]
    pub(in crate::dialects) index: Loose<'a>,
    pub(in crate::dialects) delta: Option<Delta<'a>>,
    /// Whole answers have it in place of `delta`; one provider sends both in each chunk.
    pub(in crate::dialects) message: Option<Delta<'a>>,
    /// Legacy text completions have it in place of `delta`.
    pub(in crate::dialects) text: Loose<'a>,
    pub(in crate::dialects) finish_reason: Loose<'a>,
    /// vLLM: the stop text that was met.
    pub(in crate::dialects) stop_reason: Loose<'a>,
    pub(in crate::dialects) logprobs: Option<&'a RawValue>,
    /// Moonshot: usage in the last chunk's choice.
    pub(in crate::dialects) usage: Option<&'a RawValue>,
}

/// What a chunk adds to a message.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::dialects) struct Delta<'a> {
    #[serde(borrow)]
    pub(in crate::dialects) content: Loose<'a>,
    pub(in crate::dialects) reasoning_content: Loose<'a>,
    pub(in crate::dialects) reasoning: Loose<'a>,
    pub(in crate::dialects) reasoning_details: Loose<'a>,
    pub(in crate::dialects) refusal: Loose<'a>,
    pub(in crate::dialects) images: Option<&'a RawValue>,
    pub(in crate::dialects) annotations: Option<&'a RawValue>,
    pub(in crate::dialects) tool_calls: Option<Vec<CallDelta<'a>>>,
}

/// What a chunk adds to a tool call.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::dialects) struct CallDelta<'a> {
    #[serde(borrow)]
    pub(in crate::dialects) index: Loose<'a>,
    pub(in crate::dialects) id: Loose<'a>,
    pub(in crate::dialects) function: Option<FunctionDelta<'a>>,
}

/// What a chunk adds to the function of a tool call.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::dialects) struct FunctionDelta<'a> {
    #[serde(borrow)]
    pub(in crate::dialects) name: Loose<'a>,
    pub(in crate::dialects) arguments: Loose<'a>,
}

impl<'a> Chunk<'a> {
    /// Reads a payload.
    pub(in crate::dialects) fn read(data: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(data).ok()
    }
}

impl Delta<'_> {
    /// Bytes of text, reasoning and arguments.
    pub(super) fn size(&self) -> usize {
        let reasoning =
            size(&self.reasoning_content).max(size(&self.reasoning)).max(match &self.reasoning_details {
                Loose::Nested(serde_json::Value::Array(details)) if !details.is_empty() => 1,
                _ => 0,
            });
        let calls = self.tool_calls.iter().flatten().filter_map(|call| call.function.as_ref());
        let calls: usize = calls.map(|function| size(&function.name) + size(&function.arguments)).sum();
        size(&self.content) + reasoning + size(&self.refusal) + calls
    }
}

fn size(value: &Loose<'_>) -> usize {
    match value {
        Loose::Text(text) => text.len(),
        Loose::Nested(value) => nested_size(value),
        _ => 0,
    }
}

fn nested_size(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::String(text) => text.len(),
        // Block lists hold objects with their text one level down; deeper nesting is not text.
        serde_json::Value::Array(items) => items.iter().map(nested_size).sum(),
        serde_json::Value::Object(members) => {
            ["text", "thinking"].iter().filter_map(|name| members.get(*name)).map(nested_size).sum()
        }
        _ => 0,
    }
}
