//! Parts of an upstream's answer, whole or streamed, read as contents.

use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::FORMAT;
use super::chunk::{Call, Piece};
use super::media::{at_address, inline};
use crate::dialects::CallIds;
use crate::dialects::read::{At, Object};
use crate::ir::{Content, Json};

/// What one part says: a signature that stands on it comes first, by itself.
pub(super) type Contents = SmallVec<[Content; 2]>;

/// Reads one part; `seed` is what the ids of calls are made of when the answer has none.
pub(super) fn read_part(raw: &RawValue, ids: &mut CallIds, seed: &[u8]) -> Contents {
    let mut contents = Contents::new();
    let Ok(piece) = serde_json::from_str::<Piece<'_>>(raw.get()) else {
        contents.extend(other(raw));
        return contents;
    };
    let is_thought = piece.is_thought();
    let Piece { text, thought_signature, function_call, inline_data, file_data, .. } = piece;
    let mut signature = thought_signature.into_text();
    let content = if let Some(call) = function_call {
        Some(read_call(call, ids, seed))
    } else if let Some(blob) = inline_data {
        Some(inline(
            blob.mime_type.into_text().unwrap_or_default(),
            blob.data.into_text().unwrap_or_default(),
            None,
        ))
    } else if let Some(file) = file_data {
        Some(at_address(file.file_uri.into_text().unwrap_or_default(), file.mime_type.text(), None))
    } else if let Some(text) = text.into_text() {
        Some(if is_thought {
            Content::Thinking { text, signature: signature.take(), format: Some(FORMAT.to_owned()) }
        } else {
            Content::Text(text)
        })
    } else if is_thought && signature.is_some() {
        Some(Content::Thinking {
            text: String::new(),
            signature: signature.take(),
            format: Some(FORMAT.to_owned()),
        })
    } else {
        let other = other(raw);
        if other.is_some() {
            // The whole part is kept, its signature in it.
            signature = None;
        }
        other
    };
    contents
        .extend(signature.map(|data| Content::RedactedThinking { data, format: Some(FORMAT.to_owned()) }));
    contents.extend(content);
    contents
}

fn read_call(call: Call<'_>, ids: &mut CallIds, seed: &[u8]) -> Content {
    let args = call.args.map(RawValue::get).filter(|args| args.starts_with('{'));
    Content::ToolCall {
        id: call.id.into_text().unwrap_or_else(|| ids.make(seed)),
        name: call.name.into_text().unwrap_or_default(),
        arguments: args.unwrap_or("{}").to_owned(),
    }
}

/// A part of another kind, such as code that the model has run.
fn other(raw: &RawValue) -> Option<Content> {
    let part = Object::read(raw, At::BODY).ok()?;
    let kind = part.rest().into_iter().map(|(name, _)| name).find(|name| !is_aside(name))?;
    Some(Content::Other { kind, json: Json::copied(raw) })
}

/// Whether a member says something about the part that another one holds.
pub(super) fn is_aside(name: &str) -> bool {
    matches!(
        name,
        "text" | "thought" | "thoughtSignature" | "partMetadata" | "mediaResolution" | "videoMetadata"
    )
}
