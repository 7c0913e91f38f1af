//! Parts as they are written, alike in requests and answers: what a signature stands on, and how each content is said.
//!
//! A signature that stands on a part is carried before it, as sealed reasoning. Here it is put back on the part that
//! follows, or on an empty text when none does.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::FORMAT;
use super::media::write_media;
use super::proof::signature;
use crate::dialects::read::{At, Object, is_object};
use crate::dialects::{Losses, write, write_arguments};
use crate::ir::{Content, Json, Part};

/// One part of the wire.
pub(super) struct Said<'a> {
    /// Its content; nothing when only a signature is said.
    pub(super) content: Option<&'a Content>,
    /// The signature that stands on it.
    pub(super) signature: Option<Cow<'a, str>>,
}

/// Puts signatures on the parts that they were carried before. `keep` says which contents can be said; the caller
/// notes those that cannot.
pub(super) fn signed<'a>(parts: &'a [Part], mut keep: impl FnMut(&Part) -> bool) -> Vec<Said<'a>> {
    let mut said = Vec::with_capacity(parts.len());
    let mut waiting = None;
    for part in parts {
        match &part.content {
            Content::RedactedThinking { data, format } => {
                if keep(part) {
                    said.extend(waiting.replace(signature(format.as_deref(), data)).map(alone));
                }
            }
            // Thoughts have a signature of their own.
            content @ Content::Thinking { signature: proof, format, .. } => {
                if keep(part) {
                    said.extend(waiting.take().map(alone));
                    let signature = proof.as_deref().map(|proof| signature(format.as_deref(), proof));
                    said.push(Said { content: Some(content), signature });
                }
            }
            content => {
                if keep(part) {
                    said.push(Said { content: Some(content), signature: waiting.take() });
                }
            }
        }
    }
    said.extend(waiting.map(alone));
    said
}

/// A signature without a part to stand on.
fn alone(signature: Cow<'_, str>) -> Said<'_> {
    Said { content: None, signature: Some(signature) }
}

/// Whether a signature or a thought is this dialect's own. What is nobody's is not signed.
pub(super) fn is_own(content: &Content) -> bool {
    match content {
        Content::RedactedThinking { format, .. } => format.as_deref() == Some(FORMAT),
        Content::Thinking { signature: None, format, .. } => {
            format.as_deref().is_none_or(|format| format == FORMAT)
        }
        Content::Thinking { format, .. } => format.as_deref() == Some(FORMAT),
        _ => true,
    }
}

/// Whether a part or a tool of another kind was read from this dialect: it is told by a member of that name, where
/// others have a type.
pub(super) fn is_own_kind(kind: &str, json: &Json) -> bool {
    let Ok(raw) = serde_json::from_str::<&RawValue>(json.get()) else { return false };
    let Ok(object) = Object::read(raw, At::BODY) else { return false };
    let mut object = object.in_camel_case();
    object.take(kind).is_some() && object.take("type").is_none() && is_object(json.get())
}

impl Said<'_> {
    /// Writes the part.
    pub(super) fn write(&self, list: &mut write::List<'_>, losses: &mut Losses) {
        if let Some(Content::Other { json, .. }) = self.content {
            list.raw(json.get());
            return;
        }
        list.object(|out| {
            match self.content {
                None => out.text("text", ""),
                Some(Content::Text(text) | Content::Refusal(text)) => out.text("text", text),
                Some(Content::Thinking { text, .. }) => {
                    out.text("text", text);
                    out.boolean("thought", true);
                }
                Some(Content::ToolCall { id, name, arguments }) => {
                    write_call(id, name, arguments, out, losses)
                }
                Some(content) => write_media(content, out),
            }
            out.maybe_text("thoughtSignature", self.signature.as_deref());
        });
    }
}

/// Writes a call.
pub(super) fn write_call(
    id: &str,
    name: &str,
    arguments: &str,
    out: &mut write::Object<'_>,
    losses: &mut Losses,
) {
    out.object("functionCall", |call| {
        if !id.is_empty() {
            call.text("id", id);
        }
        call.text("name", name);
        write_arguments("args", arguments, call, losses);
    });
}
