//! Reads a client's turns: `contents` and `systemInstruction`.

use serde_json::value::RawValue;

use super::super::FORMAT;
use super::super::answer::is_aside;
use super::super::media::{at_address, inline};
use super::super::proof::proof;
use super::asides::keep;
use crate::dialects::read::{At, Object, list, string};
use crate::dialects::{Calls, DecodeError};
use crate::ir::{Content, Json, Message, Part, Role};

/// The reader's state.
#[derive(Default)]
pub(super) struct Turns {
    pub(super) messages: Vec<Message>,
    calls: Calls,
    /// What parts hold beside what is understood, once for each name.
    pub(super) asides: Vec<(String, Json)>,
}

impl Turns {
    /// Reads the instruction: a text, a content, or parts.
    pub(super) fn read_system(&mut self, raw: &RawValue, at: At<'_>) -> Result<(), DecodeError> {
        let parts = match raw.get().as_bytes().first() {
            Some(b'"') => vec![Part::text(string(raw, &at)?)],
            Some(b'[') => self.read_parts(raw, &at)?,
            _ => {
                let mut content = Object::read(raw, at)?;
                match content.take("parts") {
                    Some(raw) => self.read_parts(raw, &at.key("parts"))?,
                    None => self.read_part(raw, at)?.into_iter().map(Part::new).collect(),
                }
            }
        };
        self.messages.push(Message { role: Role::System, parts, name: None });
        Ok(())
    }

    /// Reads one turn. One with results of functions becomes two: the results, then the rest.
    pub(super) fn read_turn(&mut self, raw: &RawValue, at: At<'_>) -> Result<(), DecodeError> {
        let mut turn = Object::read(raw, at)?;
        let role = match turn.string("role")?.as_deref() {
            None | Some("user" | "function" | "tool" | "") => Role::User,
            Some("model") => Role::Assistant,
            Some(_) => return Err(at.key("role").expected("one of user, model and function")),
        };
        if role == Role::User {
            self.calls.interrupt();
        }
        let parts = match turn.take("parts") {
            Some(raw) => self.read_parts(raw, &at.key("parts"))?,
            None => Vec::new(),
        };
        if role == Role::Assistant {
            self.messages.push(Message { role, parts: joined(parts), name: None });
            return Ok(());
        }
        let (results, rest): (Vec<_>, Vec<_>) =
            parts.into_iter().partition(|part| matches!(part.content, Content::ToolResult { .. }));
        let only_results = !results.is_empty() && rest.is_empty();
        if !results.is_empty() {
            self.messages.push(Message { role: Role::Tool, parts: results, name: None });
        }
        if !only_results {
            self.messages.push(Message { role, parts: rest, name: None });
        }
        Ok(())
    }

    fn read_parts(&mut self, raw: &RawValue, at: &At<'_>) -> Result<Vec<Part>, DecodeError> {
        let mut parts = Vec::new();
        for (index, raw) in list(raw, at)?.into_iter().enumerate() {
            parts.extend(self.read_part(raw, at.index(index))?.into_iter().map(Part::new));
        }
        Ok(parts)
    }

    /// Reads one part: what it holds, and before it the signature that stands on it.
    fn read_part(&mut self, raw: &RawValue, at: At<'_>) -> Result<Vec<Content>, DecodeError> {
        let mut part = Object::read(raw, at)?.in_camel_case();
        let is_thought = part.boolean("thought")?.unwrap_or(false);
        let signature = part.string("thoughtSignature")?.filter(|signature| !signature.is_empty());
        let mut signature = signature.map(proof);
        let text = part.string("text")?;
        let content = if let Some(raw) = part.take("functionCall") {
            Some(self.read_call(raw, at.key("functionCall"))?)
        } else if let Some(raw) = part.take("functionResponse") {
            Some(self.read_result(raw, at.key("functionResponse"))?)
        } else if let Some(raw) = part.take("inlineData") {
            let mut blob = Object::read(raw, at.key("inlineData"))?.in_camel_case();
            let (mime_type, data) = (blob.need_string("mimeType")?, blob.need_string("data")?);
            Some(inline(mime_type, data, blob.string("displayName")?))
        } else if let Some(raw) = part.take("fileData") {
            let mut file = Object::read(raw, at.key("fileData"))?.in_camel_case();
            let mime_type = file.string("mimeType")?;
            Some(at_address(file.need_string("fileUri")?, mime_type.as_deref(), file.string("displayName")?))
        } else if is_thought && (text.is_some() || signature.is_some()) {
            let text = text.unwrap_or_default();
            Some(match signature.take() {
                Some((proof, format)) => Content::Thinking { text, signature: Some(proof), format },
                None => Content::Thinking { text, signature: None, format: Some(FORMAT.to_owned()) },
            })
        } else if let Some(text) = text {
            // An empty text is there for its signature.
            (signature.is_none() || !text.is_empty()).then_some(Content::Text(text))
        } else {
            None
        };
        let rest = part.rest();
        let other = rest.iter().find(|(name, _)| content.is_none() && !is_aside(name));
        if let Some((kind, _)) = other {
            // The whole part is kept, its signature in it.
            return Ok(vec![Content::Other { kind: kind.clone(), json: Json::copied(raw) }]);
        }
        keep(&mut self.asides, "contents.parts", rest);
        if content.is_none() && signature.is_none() {
            return Err(at.expected("one of text, inlineData, fileData, functionCall and functionResponse"));
        }
        let seal = signature.map(|(data, format)| Content::RedactedThinking { data, format });
        Ok(seal.into_iter().chain(content).collect())
    }

    fn read_call(&mut self, raw: &RawValue, at: At<'_>) -> Result<Content, DecodeError> {
        let mut call = Object::read(raw, at)?;
        let name = call.need_string("name")?;
        let id = call.string("id")?.filter(|id| !id.is_empty());
        let arguments = call.json_object("args")?;
        Ok(Content::ToolCall {
            id: self.calls.call(id, &name),
            name,
            arguments: arguments.map_or_else(|| "{}".to_owned(), |arguments| arguments.get().to_owned()),
        })
    }

    fn read_result(&mut self, raw: &RawValue, at: At<'_>) -> Result<Content, DecodeError> {
        let mut result = Object::read(raw, at)?;
        let name = result.need_string("name")?;
        let id = result.string("id")?.filter(|id| !id.is_empty());
        let response = result.json_object("response")?;
        let (text, is_error) = response.as_ref().map(read_response).transpose()?.unwrap_or_default();
        let mut parts: Vec<Part> = text.filter(|text| !text.is_empty()).map(Part::text).into_iter().collect();
        if let Some(raw) = result.take("parts") {
            parts.extend(self.read_parts(raw, &at.key("parts"))?);
        }
        Ok(Content::ToolResult { id: self.calls.result(id, &name), parts, is_error })
    }
}

/// What a function gave back, as text, and whether it failed. Client libraries put plain values under one of three
/// names; anything else is the result itself.
fn read_response(response: &Json) -> Result<(Option<String>, bool), DecodeError> {
    let whole = || Ok((Some(response.get().to_owned()), false));
    let Ok(raw) = serde_json::from_str::<&RawValue>(response.get()) else { return whole() };
    let members: Vec<(String, Json)> = Object::read(raw, At::BODY)?.rest();
    let [(name, value)] = members.as_slice() else {
        return if members.is_empty() { Ok((None, false)) } else { whole() };
    };
    let text = serde_json::from_str::<String>(value.get()).ok();
    match (name.as_str(), text) {
        ("result" | "output", Some(text)) => Ok((Some(text), false)),
        ("error", text) => Ok((Some(text.unwrap_or_else(|| value.get().to_owned())), true)),
        _ => whole(),
    }
}

/// The model's turn: a client that has collected a stream sends one part per piece, which belong together. A text on
/// which a signature stands is left alone, for it is signed as it is.
fn joined(parts: Vec<Part>) -> Vec<Part> {
    let mut joined: Vec<Part> = Vec::with_capacity(parts.len());
    let mut sealed = false;
    for part in parts {
        let seals = matches!(part.content, Content::RedactedThinking { .. });
        match (joined.last_mut().map(|last| &mut last.content), part.content) {
            (_, Content::Text(text) | Content::Thinking { text, signature: None, .. }) if text.is_empty() => {
            }
            (Some(Content::Text(text)), Content::Text(more)) if !sealed => text.push_str(&more),
            (
                Some(Content::Thinking { text, signature: signature @ None, format }),
                Content::Thinking { text: more, signature: seal, format: whose },
            ) => {
                text.push_str(&more);
                (*signature, *format) = (seal, whose);
            }
            (last, content) => {
                sealed = matches!(last, Some(Content::RedactedThinking { .. })) && !seals;
                joined.push(Part::new(content));
            }
        }
    }
    joined
}
