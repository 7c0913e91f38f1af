//! One event: borrowed, and read loosely.

use serde::Deserialize;

use super::error;
use crate::dialects::fault;
use crate::dialects::read::Loose;
use crate::ir::ErrorFacts;
use crate::usage::Usage;

/// A message, or the state of the chat.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Event<'a> {
    #[serde(borrow)]
    pub(super) id: Loose<'a>,
    chat_id: Loose<'a>,
    role: Loose<'a>,
    #[serde(rename = "type")]
    kind: Loose<'a>,
    content: Loose<'a>,
    reasoning_content: Loose<'a>,
    usage: Option<Counts<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Counts<'a> {
    #[serde(borrow)]
    input_count: Loose<'a>,
    output_count: Loose<'a>,
}

impl<'a> Event<'a> {
    /// Reads an event; `None` when it is none.
    pub(super) fn read(data: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(data).ok()
    }

    /// The id of the chat, which an answer is.
    pub(super) fn chat(&self, event: &[u8]) -> Option<&str> {
        if event.starts_with(b"conversation.chat.") { self.id.text() } else { self.chat_id.text() }
    }

    fn is_answer(&self) -> bool {
        self.kind.text() == Some("answer") && self.role.text() != Some("user")
    }

    /// The text of the answer, or a piece of it.
    pub(super) fn text(&self) -> Option<&str> {
        self.content.text().filter(|_| self.is_answer())
    }

    /// The thoughts that have led to it, or a piece of them.
    pub(super) fn thoughts(&self) -> Option<&str> {
        self.reasoning_content.text().filter(|_| self.is_answer())
    }

    /// What was counted; a chat that goes on counts nothing.
    pub(super) fn usage(&self) -> Option<Usage> {
        let counts = self.usage.as_ref()?;
        let (input, output) = (counts.input_count.number(), counts.output_count.number());
        let (input, output) = (input.unwrap_or(0), output.unwrap_or(0));
        (input + output > 0).then(|| Usage { input, output, ..Usage::default() })
    }
}

/// The error that an event tells of.
pub(super) fn error(event: &[u8], data: &[u8]) -> Option<ErrorFacts> {
    match event {
        b"error" | b"conversation.chat.failed" => Some(error::read(0, data)),
        b"conversation.chat.canceled" => Some(fault::plain(500, "The agent's answer was cancelled.")),
        b"conversation.chat.requires_action" => Some(fault::plain(
            400,
            "The agent waits for the result of a tool, which cannot be given to it through this gateway; use an agent \
             without tools of the client's.",
        )),
        _ => None,
    }
}
