//! A line of a stream, or a whole answer: borrowed, and read loosely in everything but its outline.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialects::CallIds;
use crate::dialects::read::Loose;
use crate::ir::{Content, Json};
use crate::usage::Usage;

/// What an upstream says.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Chunk<'a> {
    #[serde(borrow)]
    pub(super) model: Loose<'a>,
    message: Option<Said<'a>>,
    /// The text, where there is no message.
    response: Loose<'a>,
    thinking: Loose<'a>,
    pub(super) done: bool,
    pub(super) done_reason: Loose<'a>,
    prompt_eval_count: Loose<'a>,
    eval_count: Loose<'a>,
    logprobs: Option<&'a RawValue>,
    pub(super) error: Option<&'a RawValue>,
}

/// A message, or what a line adds to it.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Said<'a> {
    #[serde(borrow)]
    content: Loose<'a>,
    thinking: Loose<'a>,
    tool_calls: Option<Vec<Call<'a>>>,
}

/// A call; ids are there with newer servers only.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Call<'a> {
    #[serde(borrow)]
    id: Loose<'a>,
    function: Option<Function<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Function<'a> {
    #[serde(borrow)]
    name: Loose<'a>,
    arguments: Option<&'a RawValue>,
}

impl<'a> Chunk<'a> {
    /// Reads a payload.
    pub(super) fn read(data: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(data).ok()
    }

    /// Whether it is part of an answer at all.
    pub(super) fn has_answer(&self) -> bool {
        self.message.is_some() || !matches!(self.response, Loose::Nothing) || self.done
    }

    pub(super) fn thinking(&self) -> Option<&str> {
        self.message.as_ref().and_then(|message| message.thinking.text()).or(self.thinking.text())
    }

    pub(super) fn text(&self) -> Option<&str> {
        self.message.as_ref().and_then(|message| message.content.text()).or(self.response.text())
    }

    pub(super) fn calls(&self) -> impl Iterator<Item = &Call<'a>> {
        self.message.iter().filter_map(|message| message.tool_calls.as_ref()).flatten()
    }

    /// Probabilities in OpenAI's chat shape; Ollama's list has the same entries.
    pub(super) fn logprobs(&self) -> Option<Json> {
        let list = self.logprobs?.get();
        (list.starts_with('[') && list != "[]")
            .then(|| Json::object(&format!("{{\"content\":{list},\"refusal\":null}}")))
            .flatten()
    }

    /// Tokens; of a prompt that was evaluated before, older servers say nothing.
    pub(super) fn usage(&self) -> Option<Usage> {
        let (input, output) = (self.prompt_eval_count.number(), self.eval_count.number());
        (input.is_some() || output.is_some()).then(|| Usage {
            input: input.unwrap_or(0),
            output: output.unwrap_or(0),
            ..Usage::default()
        })
    }
}

impl Call<'_> {
    /// The call as a content; `seed` is what its id is made of when it has none.
    pub(super) fn content(&self, ids: &mut CallIds, seed: &[u8]) -> Content {
        let function = self.function.as_ref();
        let name = function.and_then(|function| function.name.text()).unwrap_or_default();
        let id = self.id.text().map_or_else(|| ids.make(seed), str::to_owned);
        Content::ToolCall { id, name: name.to_owned(), arguments: self.arguments() }
    }

    /// Arguments are an object; some servers write it into a string.
    fn arguments(&self) -> String {
        let raw = self.function.as_ref().and_then(|function| function.arguments).map(RawValue::get);
        match raw {
            Some(object) if object.starts_with('{') => object.to_owned(),
            Some(text) if text.starts_with('"') => serde_json::from_str(text).unwrap_or_default(),
            _ => "{}".to_owned(),
        }
    }

    /// Bytes of its name and arguments.
    pub(super) fn size(&self) -> usize {
        let Some(function) = &self.function else { return 0 };
        function.name.text().map_or(0, str::len) + function.arguments.map_or(0, |raw| raw.get().len())
    }
}
