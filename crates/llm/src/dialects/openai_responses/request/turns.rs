//! Writes the conversation as the items that its turns are made of.

use std::collections::HashSet;

use super::super::item::{is_foreign, write_tool_name};
use super::super::part::{keep_sayable, write_content};
use super::super::reasoning::{FORMAT, write_reasoning};
use crate::dialects::openai::custom_input;
use crate::dialects::{Losses, Quirk, Target, write};
use crate::ir::{Chat, Content, Message, OwnWords, Part, Role};

/// Writes all turns; returns whether there was anything to say.
pub(super) fn write_input(
    chat: &Chat,
    target: &Target<'_>,
    list: &mut write::List<'_>,
    losses: &mut Losses,
) -> bool {
    let mut writer =
        Writer { own: chat.own_tools.words(), custom_calls: HashSet::new(), list, losses, any: false };
    for message in &chat.messages {
        writer.losses.note_if(message.name.is_some(), "messages.name");
        match message.role {
            Role::Assistant => writer.assistant(&message.parts),
            Role::Tool => message.parts.iter().for_each(|part| writer.result(part)),
            role => writer.message(role_word(role, target), message),
        }
    }
    writer.any
}

struct Writer<'w, 'l> {
    own: OwnWords<'w>,
    /// Ids of the calls of such tools so far.
    custom_calls: HashSet<&'w str>,
    list: &'w mut write::List<'l>,
    losses: &'w mut Losses,
    any: bool,
}

fn role_word(role: Role, target: &Target<'_>) -> &'static str {
    match role {
        Role::System => "system",
        Role::Developer if target.has(Quirk::NoDeveloperRole) => "system",
        Role::Developer => "developer",
        _ => "user",
    }
}

impl<'w> Writer<'w, '_> {
    fn item(&mut self, kind: &str, fill: impl FnOnce(&mut write::Object<'_>)) {
        self.any = true;
        self.list.object(|item| {
            item.text("type", kind);
            fill(item);
        });
    }

    /// An item of this API's own, as it was read.
    fn foreign(&mut self, content: &Content) {
        match content {
            Content::Other { kind, json } if is_foreign(kind) => {
                self.any = true;
                self.list.json(json);
            }
            content => self.losses.part(content),
        }
    }

    fn message(&mut self, role: &str, message: &Message) {
        if let [Part { content: content @ Content::Other { .. }, .. }] = message.parts.as_slice() {
            self.foreign(content);
            return;
        }
        let sayable = keep_sayable(&message.parts, self.losses);
        if sayable.is_empty() && !message.parts.is_empty() {
            return;
        }
        self.item("message", |item| {
            item.text("role", role);
            write_content("content", &sayable, item);
        });
    }

    /// The pieces of an assistant's turn in their order; neighbouring texts are one message.
    fn assistant(&mut self, parts: &'w [Part]) {
        let is_said = |part: &Part| matches!(part.content, Content::Text(_) | Content::Refusal(_));
        for row in parts.chunk_by(|one, next| is_said(one) && is_said(next)) {
            for part in row {
                self.losses.note_if(part.cache_control.is_some(), "cache_control");
            }
            match row {
                [first, ..] if is_said(first) => {
                    self.item("message", |item| {
                        item.text("role", "assistant");
                        item.list("content", |list| {
                            row.iter().for_each(|part| list.object(|out| write_said(&part.content, out)));
                        });
                    });
                }
                [part] => self.piece(&part.content),
                _ => {}
            }
        }
    }

    fn piece(&mut self, content: &'w Content) {
        let own = |format: &Option<String>| format.as_deref() == Some(FORMAT);
        match content {
            Content::Thinking { text, signature: Some(sealed), format } if own(format) => {
                self.item("reasoning", |item| write_reasoning(text, Some(sealed), item));
            }
            Content::RedactedThinking { data, format } if own(format) => {
                self.item("reasoning", |item| write_reasoning("", Some(data), item));
            }
            Content::ToolCall { id, name, arguments } if self.own.of(name).custom => {
                self.custom_calls.insert(id);
                let word = self.own.of(name);
                self.item("custom_tool_call", |item| {
                    item.text("call_id", call_id(id));
                    write_tool_name(word, item);
                    item.text("input", &custom_input(arguments));
                });
            }
            Content::ToolCall { id, name, arguments } => {
                let word = self.own.of(name);
                self.item("function_call", |item| {
                    item.text("call_id", call_id(id));
                    write_tool_name(word, item);
                    item.text("arguments", if arguments.is_empty() { "{}" } else { arguments });
                });
            }
            content => self.foreign(content),
        }
    }

    fn result(&mut self, part: &Part) {
        let Content::ToolResult { id, parts, is_error } = &part.content else { return };
        self.losses.note_if(*is_error, "messages.tool_result.is_error");
        self.losses.note_if(part.cache_control.is_some(), "cache_control");
        let custom = self.custom_calls.contains(id.as_str());
        let kind = if custom { "custom_tool_call_output" } else { "function_call_output" };
        let sayable = keep_sayable(parts, self.losses);
        self.item(kind, |item| {
            item.text("call_id", call_id(id));
            write_content("output", &sayable, item);
        });
    }
}

/// The id that ties a call and its result. Some clients leave it empty, which is refused here; the same id always
/// becomes the same.
fn call_id(id: &str) -> &str {
    if id.is_empty() { "call_0" } else { id }
}

fn write_said(content: &Content, out: &mut write::Object<'_>) {
    match content {
        Content::Refusal(text) => {
            out.text("type", "refusal");
            out.text("refusal", text);
        }
        Content::Text(text) => {
            out.text("type", "output_text");
            out.text("text", text);
        }
        _ => {}
    }
}
