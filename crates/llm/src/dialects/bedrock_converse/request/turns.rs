//! Turns: a user's turn also holds the results of tools, and instructions stand apart.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::super::block::{read_blocks, sayable, write_block, write_cache_point};
use super::super::document::Names;
use crate::dialects::read::{At, Object};
use crate::dialects::{DecodeError, Losses, write};
use crate::ir::{CacheControl, Content, Message, Part, Role};

/// Reads one turn. A user's turn with results of tools becomes two: the results, then the rest.
pub(super) fn read_turn(raw: &RawValue, at: At<'_>, messages: &mut Vec<Message>) -> Result<(), DecodeError> {
    let mut turn = Object::read(raw, at)?;
    let role = match turn.need_string("role")?.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        _ => return Err(at.key("role").expected("user or assistant")),
    };
    let content =
        turn.take("content").ok_or_else(|| at.key("content").expected("a list of content blocks"))?;
    let parts = read_blocks(content, &at.key("content"))?;
    if role == Role::Assistant {
        messages.push(Message { role, parts, name: None });
        return Ok(());
    }
    let (results, rest): (Vec<_>, Vec<_>) =
        parts.into_iter().partition(|part| matches!(part.content, Content::ToolResult { .. }));
    let only_results = !results.is_empty() && rest.is_empty();
    if !results.is_empty() {
        messages.push(Message { role: Role::Tool, parts: results, name: None });
    }
    if !only_results {
        messages.push(Message { role, parts: rest, name: None });
    }
    Ok(())
}

/// One turn of the wire: the API wants them to alternate, so neighbours of one role are joined.
pub(super) struct Turn<'a> {
    assistant: bool,
    /// Results of tools, which stand first.
    results: Vec<&'a Part>,
    rest: Vec<&'a Part>,
}

/// Puts the conversation into turns, instructions excepted.
pub(super) fn turns<'a>(messages: &'a [Message], losses: &mut Losses) -> Vec<Turn<'a>> {
    let mut turns: Vec<Turn<'a>> = Vec::new();
    for message in messages {
        if matches!(message.role, Role::System | Role::Developer) {
            // All instructions go to one place; those from the middle lose theirs.
            losses.note_if(!turns.is_empty(), "messages.system.position");
            continue;
        }
        losses.note_if(message.name.is_some(), "messages.name");
        let assistant = message.role == Role::Assistant;
        let parts = message.parts.iter().filter(|part| sayable(part, assistant, losses));
        let (results, rest): (Vec<_>, Vec<_>) =
            parts.partition(|part| matches!(part.content, Content::ToolResult { .. }));
        if results.is_empty() && rest.is_empty() {
            // A turn that says nothing is refused by the API.
            continue;
        }
        match turns.last_mut() {
            Some(last) if last.assistant == assistant => {
                last.results.extend(results);
                last.rest.extend(rest);
            }
            _ => turns.push(Turn { assistant, results, rest }),
        }
    }
    turns
}

/// Writes `messages`. `cache` marks the whole prompt, which is its last block.
pub(super) fn write_turns(
    turns: &[Turn<'_>],
    cache: Option<&CacheControl>,
    out: &mut write::Object<'_>,
    losses: &mut Losses,
) {
    let mut names = Names::default();
    out.list("messages", |list| {
        for (place, turn) in turns.iter().enumerate() {
            let is_last = place + 1 == turns.len();
            list.object(|out| {
                out.text("role", if turn.assistant { "assistant" } else { "user" });
                out.list("content", |list| {
                    let parts = turn.results.iter().chain(&turn.rest);
                    parts.for_each(|part| write_block(part, list, &mut names, losses));
                    write_cache_point(cache.filter(|_| is_last), list);
                });
            });
        }
    });
}

/// Whether the conversation holds calls or their results.
pub(super) fn hold_calls(turns: &[Turn<'_>]) -> bool {
    let is_call = |part: &&Part| matches!(part.content, Content::ToolCall { .. });
    turns.iter().any(|turn| !turn.results.is_empty() || turn.rest.iter().any(is_call))
}

/// The names of the tools that were called, each once.
pub(super) fn called<'a>(turns: &[Turn<'a>]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for part in turns.iter().flat_map(|turn| &turn.rest) {
        if let Content::ToolCall { name, .. } = &part.content
            && !names.contains(&name.as_str())
        {
            names.push(name);
        }
    }
    names
}

/// Writes `system`, and last what `more` asks for.
pub(super) fn write_system(
    messages: &[Message],
    more: Option<&'static str>,
    out: &mut write::Object<'_>,
    losses: &mut Losses,
) {
    let instructions =
        messages.iter().filter(|message| matches!(message.role, Role::System | Role::Developer));
    let mut parts: Vec<Cow<'_, Part>> = Vec::new();
    for part in instructions.flat_map(|message| &message.parts) {
        match &part.content {
            Content::Text(text) if text.trim().is_empty() => {}
            Content::Text(_) => parts.push(Cow::Borrowed(part)),
            Content::Other { kind, .. } if kind == "guardContent" && sayable(part, false, losses) => {
                parts.push(Cow::Borrowed(part));
            }
            content => losses.part(content),
        }
    }
    parts.extend(more.map(|text| Cow::Owned(Part::text(text))));
    if !parts.is_empty() {
        out.list("system", |list| {
            let mut names = Names::default();
            parts.iter().for_each(|part| write_block(part, list, &mut names, losses));
        });
    }
}
