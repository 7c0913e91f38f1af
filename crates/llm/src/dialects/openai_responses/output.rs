//! The items of an answer as they grow: messages, reasoning, calls.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::reasoning::{FORMAT, write_reasoning};
use crate::dialects::citations::{length, write_responses};
use crate::dialects::openai::custom_input;
use crate::dialects::seal::seal;
use crate::dialects::{AnswerContext, write};
use crate::ir::{Citation, Content, Json, Part};

/// One item of an answer.
pub(super) struct OutputItem {
    pub(super) id: String,
    pub(super) status: ItemStatus,
    pub(super) kind: ItemKind,
}

/// How far an item has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemStatus {
    Growing,
    Complete,
    /// The answer was cut off in it.
    Cut,
}

/// What an item holds.
pub(super) enum ItemKind {
    Message(Vec<Said>),
    Reasoning { text: String, sealed: Option<String> },
    Call { call_id: String, name: String, namespace: Option<String>, arguments: String, custom: bool },
}

/// A part of a message.
pub(super) struct Said {
    pub(super) text: String,
    pub(super) refusal: bool,
    pub(super) logprobs: Logprobs,
    pub(super) citations: Vec<Citation>,
}

/// Probabilities of a text's tokens: the members of a JSON list, verbatim.
#[derive(Default)]
pub(super) struct Logprobs(String);

impl OutputItem {
    pub(super) fn new(kind: ItemKind, index: usize, context: &AnswerContext) -> Self {
        let prefix = match &kind {
            ItemKind::Message(_) => "msg",
            ItemKind::Reasoning { .. } => "rs",
            ItemKind::Call { custom: false, .. } => "fc",
            ItemKind::Call { custom: true, .. } => "ctc",
        };
        let answer = context.id.strip_prefix("resp_").unwrap_or(&context.id);
        Self { id: format!("{prefix}_{answer}_{index}"), status: ItemStatus::Growing, kind }
    }

    /// Writes the item as far as it has come.
    pub(super) fn write(&self, out: &mut write::Object<'_>) {
        let status = match self.status {
            ItemStatus::Growing => "in_progress",
            ItemStatus::Complete => "completed",
            ItemStatus::Cut => "incomplete",
        };
        out.text("id", &self.id);
        match &self.kind {
            ItemKind::Message(parts) => {
                out.text("type", "message");
                out.text("status", status);
                out.text("role", "assistant");
                out.list("content", |list| parts.iter().for_each(|part| list.object(|out| part.write(out))));
            }
            ItemKind::Reasoning { text, sealed } => {
                out.text("type", "reasoning");
                write_reasoning(text, sealed.as_deref(), out);
            }
            ItemKind::Call { call_id, name, namespace, arguments, custom } => {
                out.text("type", if *custom { "custom_tool_call" } else { "function_call" });
                out.text("status", status);
                out.text("call_id", call_id);
                out.text("name", name);
                out.maybe_text("namespace", namespace.as_deref());
                if *custom {
                    out.text("input", &custom_input(arguments));
                } else {
                    out.text("arguments", arguments);
                }
            }
        }
    }
}

impl Said {
    pub(super) fn new(refusal: bool) -> Self {
        Self { text: String::new(), refusal, logprobs: Logprobs::default(), citations: Vec::new() }
    }

    pub(super) fn write(&self, out: &mut write::Object<'_>) {
        if self.refusal {
            out.text("type", "refusal");
            out.text("refusal", &self.text);
            return;
        }
        out.text("type", "output_text");
        out.text("text", &self.text);
        out.list("annotations", |list| {
            if self.citations.is_empty() {
                return;
            }
            let length = length(&self.text);
            self.citations.iter().for_each(|source| list.object(|out| write_responses(source, length, out)));
        });
        self.logprobs.write(out);
    }
}

impl Logprobs {
    /// Those of a piece of text, in the shape of Chat Completions.
    pub(super) fn of(json: Option<&Json>) -> Self {
        #[derive(Deserialize)]
        struct Shape<'a> {
            #[serde(borrow)]
            content: Option<&'a RawValue>,
        }
        let content = json.and_then(|json| serde_json::from_str::<Shape<'_>>(json.get()).ok()?.content);
        let members = content.and_then(|list| list.get().strip_prefix('[')?.strip_suffix(']'));
        Self(members.unwrap_or_default().trim().to_owned())
    }

    /// Adds those of the next piece.
    pub(super) fn extend(&mut self, next: &Self) {
        if !self.0.is_empty() && !next.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(&next.0);
    }

    pub(super) fn write(&self, out: &mut write::Object<'_>) {
        out.raw("logprobs", &format!("[{}]", self.0));
    }

    /// Bytes held.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The arguments of a call that has none.
pub(super) const NO_ARGUMENTS: &str = "{}";

/// The items of a whole answer.
pub(super) fn items(parts: &[Part], logprobs: Option<&Json>, context: &AnswerContext) -> Vec<OutputItem> {
    let mut items: Vec<OutputItem> = Vec::new();
    let mut logprobs = Some(Logprobs::of(logprobs));
    for part in parts {
        let kind = match &part.content {
            Content::Text(text) | Content::Refusal(text) => {
                let refusal = matches!(part.content, Content::Refusal(_));
                let said = Said {
                    text: text.clone(),
                    refusal,
                    logprobs: logprobs.take_if(|_| !refusal).unwrap_or_default(),
                    citations: Vec::new(),
                };
                if let Some(OutputItem { kind: ItemKind::Message(parts), .. }) = items.last_mut() {
                    parts.push(said);
                    continue;
                }
                ItemKind::Message(vec![said])
            }
            Content::Citation(source) => {
                if let Some(OutputItem { kind: ItemKind::Message(parts), .. }) = items.last_mut() {
                    parts
                        .iter_mut()
                        .last()
                        .into_iter()
                        .for_each(|said| said.citations.push((**source).clone()));
                }
                continue;
            }
            Content::Thinking { text, signature, format } => ItemKind::Reasoning {
                text: text.clone(),
                sealed: signature.as_deref().map(|proof| sealed(format.as_deref(), false, proof)),
            },
            Content::RedactedThinking { data, format } => ItemKind::Reasoning {
                text: String::new(),
                sealed: Some(sealed(format.as_deref(), true, data)),
            },
            Content::ToolCall { id, name, arguments } => call(id, name, arguments, context),
            _ => continue,
        };
        items.push(OutputItem::new(kind, items.len(), context));
    }
    items
}

/// A call, in the client's own words for the tool.
pub(super) fn call(id: &str, name: &str, arguments: &str, context: &AnswerContext) -> ItemKind {
    let word = context.own_tools.word(name);
    ItemKind::Call {
        call_id: id.to_owned(),
        name: word.name.to_owned(),
        namespace: word.namespace.map(|namespace| namespace.name.clone()),
        arguments: arguments.to_owned(),
        custom: word.custom,
    }
}

/// A proof as this dialect's clients keep it. Sealed reasoning of its own looks like a signature without text.
pub(super) fn sealed(format: Option<&str>, redacted: bool, proof: &str) -> String {
    seal(FORMAT, format, redacted && format != Some(FORMAT), proof).into_owned()
}
