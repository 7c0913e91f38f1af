//! The payload of any event of a stream, with the members that are understood. Read loosely: what is of another kind than
//! expected says nothing.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialects::read::Loose;

/// A payload.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(in super::super) struct Event<'a> {
    #[serde(borrow)]
    pub(super) content_block_index: Loose<'a>,
    pub(super) start: Option<Start<'a>>,
    pub(super) delta: Option<Delta<'a>>,
    pub(in super::super) stop_reason: Loose<'a>,
    pub(super) additional_model_response_fields: Option<&'a RawValue>,
    pub(super) usage: Option<&'a RawValue>,
}

/// What begins.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Start<'a> {
    #[serde(borrow)]
    pub(super) tool_use: Option<Call<'a>>,
}

/// A call that begins, or a piece of its input.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Call<'a> {
    #[serde(borrow)]
    pub(super) tool_use_id: Loose<'a>,
    pub(super) name: Loose<'a>,
    pub(super) input: Loose<'a>,
}

/// A piece of a block.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Delta<'a> {
    #[serde(borrow)]
    pub(super) text: Loose<'a>,
    pub(super) tool_use: Option<Call<'a>>,
    pub(super) reasoning_content: Option<Reasoning<'a>>,
}

/// A piece of reasoning.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Reasoning<'a> {
    #[serde(borrow)]
    pub(super) text: Loose<'a>,
    pub(super) signature: Loose<'a>,
    pub(super) redacted_content: Loose<'a>,
}

impl<'a> Event<'a> {
    /// Reads a payload.
    pub(in super::super) fn read(data: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(data).ok()
    }

    /// Bytes of text, reasoning and calls in it.
    pub(in super::super) fn size(&self) -> usize {
        let length = |loose: &Loose<'_>| loose.text().map_or(0, str::len);
        let name = self.start.as_ref().and_then(|start| start.tool_use.as_ref());
        let delta = self.delta.as_ref();
        let reasoning = delta.and_then(|delta| delta.reasoning_content.as_ref());
        let input = delta.and_then(|delta| delta.tool_use.as_ref());
        name.map_or(0, |call| length(&call.name))
            + delta.map_or(0, |delta| length(&delta.text))
            + reasoning.map_or(0, |reasoning| length(&reasoning.text))
            + input.map_or(0, |call| length(&call.input))
    }
}
