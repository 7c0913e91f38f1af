//! A `GenerateContentResponse`: an event of a stream, or a whole answer. Borrowed, and read loosely in everything
//! but its outline.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialects::citations::grounding::Grounding;
use crate::dialects::read::Loose;

/// What an upstream generates.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Chunk<'a> {
    #[serde(borrow)]
    pub(super) candidates: Option<Vec<Candidate<'a>>>,
    prompt_feedback: Option<&'a RawValue>,
    pub(super) usage_metadata: Option<&'a RawValue>,
    pub(super) model_version: Loose<'a>,
    pub(super) response_id: Loose<'a>,
    pub(super) error: Option<&'a RawValue>,
}

/// One of the answers, or what a chunk adds to it.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    #[serde(borrow)]
    index: Loose<'a>,
    content: Option<Content<'a>>,
    pub(super) finish_reason: Loose<'a>,
    pub(super) logprobs_result: Option<&'a RawValue>,
    pub(super) grounding_metadata: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Content<'a> {
    #[serde(borrow)]
    parts: Option<Vec<&'a RawValue>>,
}

/// One part, with the members that are understood.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Piece<'a> {
    #[serde(borrow)]
    pub(super) text: Loose<'a>,
    thought: Option<&'a RawValue>,
    pub(super) thought_signature: Loose<'a>,
    pub(super) function_call: Option<Call<'a>>,
    pub(super) inline_data: Option<Blob<'a>>,
    pub(super) file_data: Option<Blob<'a>>,
}

/// A call of a function.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Call<'a> {
    #[serde(borrow)]
    pub(super) id: Loose<'a>,
    pub(super) name: Loose<'a>,
    pub(super) args: Option<&'a RawValue>,
}

/// Data in the answer, or a reference to it.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Blob<'a> {
    #[serde(borrow)]
    pub(super) mime_type: Loose<'a>,
    pub(super) data: Loose<'a>,
    pub(super) file_uri: Loose<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Feedback<'a> {
    #[serde(borrow)]
    block_reason: Loose<'a>,
}

impl<'a> Chunk<'a> {
    /// Reads a payload.
    pub(super) fn read(data: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(data).ok()
    }

    /// Why the prompt was not answered at all.
    pub(super) fn block_reason(&self) -> Option<String> {
        let feedback: Feedback<'_> = serde_json::from_str(self.prompt_feedback?.get()).ok()?;
        feedback.block_reason.into_text().filter(|word| !word.ends_with("_UNSPECIFIED"))
    }
}

impl<'a> Candidate<'a> {
    /// Its place among the answers; the first is not always told.
    pub(super) fn index(&self, place: usize) -> u32 {
        let told = self.index.number().and_then(|index| u32::try_from(index).ok());
        told.unwrap_or_else(|| u32::try_from(place).unwrap_or(0))
    }

    /// Its parts, unread.
    pub(super) fn parts(&self) -> impl Iterator<Item = &'a RawValue> {
        self.content.iter().filter_map(|content| content.parts.as_ref()).flatten().copied()
    }

    /// What it says of its sources.
    pub(super) fn grounding(&self) -> Option<Grounding<'a>> {
        self.grounding_metadata.and_then(Grounding::read)
    }

    /// Why it ended, in the upstream's word.
    pub(super) fn finish_word(&self) -> Option<&str> {
        self.finish_reason.text().filter(|word| *word != "FINISH_REASON_UNSPECIFIED")
    }
}

impl Piece<'_> {
    /// Whether the part is a summary of the model's thoughts.
    pub(super) fn is_thought(&self) -> bool {
        self.thought.is_some_and(|raw| raw.get() == "true")
    }
}
