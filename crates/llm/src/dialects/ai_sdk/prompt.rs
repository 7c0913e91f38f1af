//! The prompt: messages of which each has a role and parts.

use serde_json::value::RawValue;

use super::{metadata, part};
use crate::dialects::DecodeError;
use crate::dialects::read::{At, Object};
use crate::ir::{Content, Json, Message, Part, Role};

/// Reads the prompt. Parts that no turn of their role can hold are named in `unread`.
pub(super) fn read(
    body: &mut Object<'_, '_>,
    unread: &mut Vec<(String, Json)>,
) -> Result<Vec<Message>, DecodeError> {
    let at = At::BODY.key("prompt");
    let turns = body.list("prompt")?.ok_or_else(|| at.fault("is required"))?;
    let mut messages = Vec::with_capacity(turns.len());
    for (index, raw) in turns.into_iter().enumerate() {
        messages.extend(read_turn(raw, at.index(index), unread)?);
    }
    Ok(messages)
}

fn read_turn(
    raw: &RawValue,
    at: At<'_>,
    unread: &mut Vec<(String, Json)>,
) -> Result<Option<Message>, DecodeError> {
    let mut turn = Object::read(raw, at)?;
    let role = match turn.need_string("role")?.as_str() {
        "system" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        _ => return Err(at.key("role").expected("one of system, user, assistant and tool")),
    };
    let marker = metadata::read(&mut turn)?.cache_control;
    if role == Role::System {
        let mut part = Part::text(turn.need_string("content")?);
        part.cache_control = marker;
        return Ok(Some(Message { role, parts: vec![part], name: None }));
    }
    let items = turn.list("content")?.ok_or_else(|| at.key("content").fault("is required"))?;
    let at = at.key("content");
    let mut parts = Vec::with_capacity(items.len());
    for (index, raw) in items.into_iter().enumerate() {
        let part = part::read(raw, at.index(index))?;
        // A provider's own tools have their results in the assistant's turn; approvals stand in the tools'.
        let is_result = matches!(part.content, Content::ToolResult { .. });
        if is_result != (role == Role::Tool) {
            unread.push((format!("prompt.{}", word(&part.content)), Json::copied(raw)));
            continue;
        }
        parts.push(part);
    }
    // A marker of the whole message stands at its end.
    if let (Some(marker), Some(last)) = (marker, parts.last_mut()) {
        last.cache_control.get_or_insert(marker);
    }
    // A tool's turn of approvals alone says nothing to a model.
    Ok((role != Role::Tool || !parts.is_empty()).then_some(Message { role, parts, name: None }))
}

fn word(content: &Content) -> &str {
    match content {
        Content::ToolResult { .. } => "tool-result",
        Content::Other { kind, .. } => kind,
        _ => "part",
    }
}
