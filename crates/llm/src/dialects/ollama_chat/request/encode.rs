//! Writes an upstream's request.

use std::collections::HashMap;

use crate::dialects::ollama::{write_asks, write_calls, write_images, write_said};
use crate::dialects::{DecodeError, Encoded, Losses, Target, refuse, write};
use crate::ir::{Chat, Content, Message, Part, Role, Source, Tool, ToolChoice};

/// Names of the functions that were called, by the ids of the calls.
type Names<'a> = HashMap<&'a str, &'a str>;

/// Writes a chat request.
pub(in super::super) fn encode(chat: &Chat, target: &Target<'_>) -> Result<Encoded, DecodeError> {
    let mut losses = Losses::default();
    let mut body = Vec::with_capacity(1024);
    let mut said = 0;
    write::object(&mut body, |out| {
        out.text("model", target.model);
        let mut names = Names::new();
        out.list("messages", |list| {
            for message in &chat.messages {
                said += write_message(message, &mut names, list, &mut losses);
            }
        });
        write_tools(chat, out, &mut losses);
        write_asks(chat, target, out, &mut losses);
    });
    if said == 0 {
        // Without messages Ollama loads the model, and says nothing.
        return Err(refuse("messages", "at least one message with content is needed"));
    }
    Ok(Encoded { body, lossy: losses.into_names(), ..Encoded::default() })
}

/// Writes a turn as one message, or as one for each result, and returns how many those are.
fn write_message<'a>(
    message: &'a Message,
    names: &mut Names<'a>,
    list: &mut write::List<'_>,
    losses: &mut Losses,
) -> usize {
    losses.note_if(message.name.is_some(), "messages.name");
    match message.role {
        Role::Tool => write_results(message, names, list, losses),
        Role::Assistant => write_assistant(message, names, list, losses),
        role => {
            let word = if role == Role::User { "user" } else { "system" };
            let content = Words::of(&message.parts, losses);
            // Nothing of it can be said; an empty turn would say something else.
            if content.is_empty() && !message.parts.is_empty() {
                return 0;
            }
            list.object(|out| {
                out.text("role", word);
                content.write(out);
            });
            1
        }
    }
}

fn write_assistant<'a>(
    message: &'a Message,
    names: &mut Names<'a>,
    list: &mut write::List<'_>,
    losses: &mut Losses,
) -> usize {
    let mut sayable = message.parts.is_empty();
    for part in &message.parts {
        losses.note_if(part.cache_control.is_some(), "cache_control");
        match &part.content {
            Content::Text(_) | Content::Refusal(_) => sayable = true,
            Content::Thinking { text, signature, .. } => {
                // Nobody checks a proof here.
                losses.note_if(signature.is_some(), "messages.thinking.signature");
                sayable |= !text.is_empty();
            }
            Content::ToolCall { id, name, .. } => {
                names.insert(id, name);
                sayable = true;
            }
            content => losses.part(content),
        }
    }
    if !sayable {
        return 0;
    }
    list.object(|out| {
        out.text("role", "assistant");
        write_said(&message.parts, "content", out);
        write_calls(&message.parts, out, losses);
    });
    1
}

fn write_results(
    message: &Message,
    names: &Names<'_>,
    list: &mut write::List<'_>,
    losses: &mut Losses,
) -> usize {
    let mut said = 0;
    for part in &message.parts {
        let Content::ToolResult { id, parts, is_error } = &part.content else { continue };
        losses.note_if(*is_error, "messages.tool_result.is_error");
        losses.note_if(part.cache_control.is_some(), "cache_control");
        let content = Words::of(parts, losses);
        list.object(|out| {
            out.text("role", "tool");
            content.write(out);
            out.maybe_text("tool_name", names.get(id.as_str()).copied());
            if !id.is_empty() {
                out.text("tool_call_id", id);
            }
        });
        said += 1;
    }
    said
}

/// The content of a message that is not the assistant's: one text and pictures.
#[derive(Default)]
struct Words<'a> {
    texts: Vec<&'a str>,
    images: Vec<&'a str>,
}

impl<'a> Words<'a> {
    /// What can be said of these parts; the rest is noted.
    fn of(parts: &'a [Part], losses: &mut Losses) -> Self {
        let mut words = Self::default();
        for part in parts {
            losses.note_if(part.cache_control.is_some(), "cache_control");
            match &part.content {
                Content::Text(text) | Content::Refusal(text) => words.texts.push(text),
                Content::Image { source: Source::Base64 { data, .. }, detail } => {
                    let detailed = detail.as_deref().is_some_and(|detail| detail != "auto");
                    losses.note_if(detailed, "messages.content.image.detail");
                    words.images.push(data);
                }
                Content::File { source: Source::Text(text), name } => {
                    losses.note_if(name.is_some(), "messages.document.title");
                    words.texts.push(text);
                }
                content => losses.part(content),
            }
        }
        words
    }

    fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.images.is_empty()
    }

    fn write(&self, out: &mut write::Object<'_>) {
        out.text("content", &self.texts.join("\n"));
        write_images(&self.images, out);
    }
}

fn write_tools(chat: &Chat, out: &mut write::Object<'_>, losses: &mut Losses) {
    for tool in &chat.tools {
        match tool {
            Tool::Other { kind, .. } => losses.note(&format!("tools.{kind}")),
            Tool::Function { strict, cache_control, .. } => {
                losses.note_if(*strict == Some(true), "tools.strict");
                losses.note_if(cache_control.is_some(), "cache_control");
            }
        }
    }
    losses.note_if(chat.parallel_tool_calls == Some(false), "parallel_tool_calls");
    match &chat.tool_choice {
        None | Some(ToolChoice::Auto) => {}
        // What is not offered is not called.
        Some(ToolChoice::None) => return,
        Some(_) => losses.note("tool_choice"),
    }
    if !chat.tools.iter().any(|tool| matches!(tool, Tool::Function { .. })) {
        return;
    }
    out.list("tools", |list| {
        for tool in &chat.tools {
            let Tool::Function { name, description, parameters, .. } = tool else { continue };
            list.object(|tool| {
                tool.text("type", "function");
                tool.object("function", |function| {
                    function.text("name", name);
                    function.maybe_text("description", description.as_deref());
                    function.maybe_json("parameters", parameters.as_ref());
                });
            });
        }
    });
}
