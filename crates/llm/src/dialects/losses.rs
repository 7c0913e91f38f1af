//! The list of what an encoder could not say.

use std::collections::HashSet;

use crate::ir::{Content, Json};

/// Names of lost fields, each once, in the order in which they were noticed.
#[derive(Debug, Default)]
pub(super) struct Losses {
    names: Vec<String>,
    /// The same, for a body that holds very many.
    known: HashSet<String>,
}

impl Losses {
    pub(super) fn note(&mut self, name: &str) {
        if !self.known.contains(name) {
            self.known.insert(name.to_owned());
            self.names.push(name.to_owned());
        }
    }

    pub(super) fn note_if(&mut self, lost: bool, name: &str) {
        if lost {
            self.note(name);
        }
    }

    /// Top-level fields of the client's dialect that the target's has no place for.
    pub(super) fn extra(&mut self, extra: &[(String, Json)]) {
        extra.iter().for_each(|(name, _)| self.note(name));
    }

    /// A part that the target has no place for.
    pub(super) fn part(&mut self, content: &Content) {
        let kind = match content {
            Content::Text(_) => "text",
            Content::Image { .. } => "image",
            Content::File { .. } => "file",
            Content::Audio { .. } => "audio",
            Content::ToolCall { .. } => "tool_call",
            Content::ToolResult { .. } => "tool_result",
            Content::Thinking { .. } => "thinking",
            Content::RedactedThinking { .. } => "redacted_thinking",
            Content::Refusal(_) => "refusal",
            Content::Citation(_) => "citation",
            Content::Other { kind, .. } => kind,
        };
        self.note(&format!("messages.content.{kind}"));
    }

    pub(super) fn into_names(self) -> Vec<String> {
        self.names
    }
}
