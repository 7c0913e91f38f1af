//! Writes an upstream's turns: `contents`, and `systemInstruction` with what stands in for a form of the answer.

use std::borrow::Cow;
use std::collections::HashMap;

use super::super::media::is_readable;
use super::super::part::{Said, is_own, is_own_kind, signed};
use crate::dialects::read::is_object;
use crate::dialects::{Losses, write};
use crate::ir::{Content, Message, Part, Role, Source};

/// Stands for the signature of a call that Google has not made, or whose signature no one has kept; without one, the
/// models that check signatures refuse the call.
const SKIP_SIGNATURE: &str = "skip_thought_signature_validator";

/// One turn of the wire: neighbours of one role are joined.
pub(super) struct Turn<'a> {
    model: bool,
    /// Results of functions, which stand first.
    results: Vec<Returned<'a>>,
    rest: Vec<Said<'a>>,
}

/// What a function gave back.
struct Returned<'a> {
    id: &'a str,
    name: &'a str,
    parts: &'a [Part],
    is_error: bool,
}

/// Puts the conversation into turns, instructions excepted. `signs` says whether the model checks signatures.
pub(super) fn turns<'a>(messages: &'a [Message], signs: bool, losses: &mut Losses) -> Vec<Turn<'a>> {
    let mut turns: Vec<Turn<'a>> = Vec::new();
    let mut names: HashMap<&str, &str> = HashMap::new();
    for message in messages {
        if matches!(message.role, Role::System | Role::Developer) {
            // All instructions go to one place; those from the middle lose theirs.
            losses.note_if(!turns.is_empty(), "messages.system.position");
            continue;
        }
        losses.note_if(message.name.is_some(), "messages.name");
        let model = message.role == Role::Assistant;
        let mut results = Vec::new();
        for part in &message.parts {
            losses.note_if(part.cache_control.is_some(), "cache_control");
            match &part.content {
                Content::ToolCall { id, name, .. } => drop(names.insert(id, name)),
                Content::ToolResult { id, parts, is_error } if !model => {
                    // A result of a call that no one has seen is named by its id, as OpenAI's first clients do.
                    let name = names.get(id.as_str()).copied().unwrap_or(id);
                    results.push(Returned { id, name, parts, is_error: *is_error });
                }
                _ => {}
            }
        }
        let inner = results.iter().flat_map(|result| attachments(result.parts));
        let mut rest: Vec<Said<'a>> = signed_each(inner, losses);
        losses.note_if(!rest.is_empty(), "messages.tool_result.content");
        rest.extend(signed(&message.parts, |part| match part.content {
            Content::ToolResult { .. } if !model => false,
            _ => sayable(&part.content, model, losses),
        }));
        if results.is_empty() && rest.is_empty() {
            continue;
        }
        match turns.last_mut() {
            Some(last) if last.model == model => {
                last.results.extend(results);
                last.rest.extend(rest);
            }
            _ => turns.push(Turn { model, results, rest }),
        }
    }
    if signs {
        turns.iter_mut().for_each(Turn::sign);
    }
    turns
}

/// What a result holds beside text: it follows the results.
fn attachments(parts: &[Part]) -> impl Iterator<Item = &Part> {
    parts.iter().filter(|part| !matches!(part.content, Content::Text(_)))
}

fn signed_each<'a>(parts: impl Iterator<Item = &'a Part>, losses: &mut Losses) -> Vec<Said<'a>> {
    parts
        .filter(|part| sayable(&part.content, false, losses))
        .map(|part| Said { content: Some(&part.content), signature: None })
        .collect()
}

/// Whether a content becomes a part of a turn; what cannot is noted.
fn sayable(content: &Content, model: bool, losses: &mut Losses) -> bool {
    let possible = match content {
        // Google refuses an empty part, and there is nothing in it to lose.
        Content::Text(text) | Content::Refusal(text) if text.is_empty() => return false,
        Content::Text(_) | Content::Refusal(_) | Content::Audio { .. } => true,
        Content::Image { source, detail } => {
            losses.note_if(
                detail.as_deref().is_some_and(|detail| detail != "auto"),
                "messages.content.image.detail",
            );
            source_is_sayable(source)
        }
        Content::File { source, name } => {
            let possible = source_is_sayable(source);
            losses.note_if(possible && name.is_some(), "messages.document.title");
            possible
        }
        Content::ToolCall { .. } => model,
        Content::Thinking { .. } | Content::RedactedThinking { .. } => model && is_own(content),
        Content::Other { kind, json } => is_own_kind(kind, json),
        Content::ToolResult { .. } | Content::Citation(_) => false,
    };
    if !possible {
        losses.part(content);
    }
    possible
}

fn source_is_sayable(source: &Source) -> bool {
    match source {
        Source::Base64 { .. } => true,
        Source::Text(text) => !text.is_empty(),
        Source::Url(uri) => is_readable(uri),
        Source::FileId(_) | Source::Brought(_) => false,
    }
}

impl Turn<'_> {
    /// Of several calls at once only the first is signed, so only the first is looked at.
    fn sign(&mut self) {
        let is_call = |said: &&mut Said<'_>| matches!(said.content, Some(Content::ToolCall { .. }));
        if let Some(first) = self.rest.iter_mut().find(is_call) {
            first.signature.get_or_insert(Cow::Borrowed(SKIP_SIGNATURE));
        }
    }

    /// Writes the turn.
    pub(super) fn write(&self, list: &mut write::List<'_>, losses: &mut Losses) {
        list.object(|out| {
            out.text("role", if self.model { "model" } else { "user" });
            out.list("parts", |list| {
                self.results.iter().for_each(|result| result.write(list));
                self.rest.iter().for_each(|said| said.write(list, losses));
            });
        });
    }
}

impl Returned<'_> {
    /// A result must be an object: one that is goes as it is, any other text under a name.
    fn write(&self, list: &mut write::List<'_>) {
        let texts: Vec<&str> = self
            .parts
            .iter()
            .filter_map(
                |part| if let Content::Text(text) = &part.content { Some(text.as_str()) } else { None },
            )
            .collect();
        let text = texts.join("\n");
        list.object(|part| {
            part.object("functionResponse", |out| {
                if !self.id.is_empty() {
                    out.text("id", self.id);
                }
                out.text("name", self.name);
                if self.is_error {
                    out.object("response", |response| response.text("error", &text));
                } else if is_plain_object(&text) {
                    out.raw("response", text.trim());
                } else {
                    out.object("response", |response| response.text("result", &text));
                }
            });
        });
    }
}

/// Whether a text is an object that can go as it is. Google takes a `$ref` in a result for a reference to a file of
/// that name and refuses the others.
fn is_plain_object(text: &str) -> bool {
    !text.contains("\"$ref\"") && is_object(text.trim())
}

/// Writes the instructions, and last what `more` asks for.
pub(super) fn write_system(
    messages: &[Message],
    more: Option<&str>,
    out: &mut write::Object<'_>,
    losses: &mut Losses,
) {
    let instructions =
        messages.iter().filter(|message| matches!(message.role, Role::System | Role::Developer));
    let mut texts: Vec<&str> = Vec::new();
    for part in instructions.flat_map(|message| &message.parts) {
        losses.note_if(part.cache_control.is_some(), "cache_control");
        match &part.content {
            Content::Text(text) => texts.extend(Some(text.as_str()).filter(|text| !text.is_empty())),
            content => losses.part(content),
        }
    }
    texts.extend(more);
    if texts.is_empty() {
        return;
    }
    out.object("systemInstruction", |system| {
        system.list("parts", |list| {
            texts.into_iter().for_each(|text| list.object(|part| part.text("text", text)));
        });
    });
}
