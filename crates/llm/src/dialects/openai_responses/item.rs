//! Items of a conversation, alike in requests and answers: messages, calls, their outputs, reasoning.

use serde_json::value::RawValue;

use super::part::read_content;
use super::reasoning::read_reasoning;
use crate::dialects::openai::custom_arguments;
use crate::dialects::read::{At, Object, string};
use crate::dialects::{DecodeError, write};
use crate::ir::{Content, Json, Message, OwnWord, Part, Role, function_name};

/// Items that a provider has run or given out, which only the same API understands. They are kept as they are, and
/// said again where that API is spoken.
const FOREIGN: [&str; 18] = [
    "file_search_call",
    "web_search_call",
    "computer_call",
    "computer_call_output",
    "code_interpreter_call",
    "image_generation_call",
    "local_shell_call",
    "local_shell_call_output",
    "shell_call",
    "shell_call_output",
    "apply_patch_call",
    "apply_patch_call_output",
    "tool_search_call",
    "tool_search_output",
    "mcp_list_tools",
    "mcp_call",
    "mcp_approval_request",
    "mcp_approval_response",
];

/// Whether an item of this type can be said in a request as it was read.
pub(super) fn is_foreign(kind: &str) -> bool {
    FOREIGN.contains(&kind)
}

/// What an item is in the conversation.
pub(super) enum Item {
    /// A message that is not the assistant's.
    Message(Message),
    /// What the assistant has said or done: a piece of its turn.
    Said(Vec<Part>),
    /// What a tool gave back.
    Result(Part),
    /// Something else that is given to the model.
    Given(Part),
}

/// Where an item stands: answers are read more loosely.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Request,
    /// Among the items of an answer, with its number.
    Answer(usize),
}

/// Reads an item. Members without a place in the IR that change what it means are noted.
pub(super) fn read_item(
    raw: &RawValue,
    at: At<'_>,
    place: Place,
    noted: &mut Vec<(String, Json)>,
) -> Result<Item, DecodeError> {
    let mut item = Object::read(raw, at)?;
    let role = item.string("role")?;
    let kind = match item.string("type")? {
        Some(kind) => kind,
        None if role.is_some() => "message".to_owned(),
        None if item.string("id")?.is_some() => "item_reference".to_owned(),
        None => return Err(at.key("type").fault("is required")),
    };
    let said = |part: Option<Part>| Item::Said(part.into_iter().collect());
    Ok(match kind.as_str() {
        "message" => return read_message(&mut item, role, place, noted),
        "reasoning" => said(read_reasoning(&mut item, place != Place::Request)?),
        "function_call" => {
            let id = call_id(&mut item, place)?;
            let name = tool_name(&mut item)?;
            let arguments = read_arguments(&mut item)?;
            said(Some(Part::new(Content::ToolCall { id, name, arguments })))
        }
        "custom_tool_call" => {
            let id = call_id(&mut item, place)?;
            let name = tool_name(&mut item)?;
            let arguments = custom_arguments(&item.string("input")?.unwrap_or_default());
            said(Some(Part::new(Content::ToolCall { id, name, arguments })))
        }
        "function_call_output" | "custom_tool_call_output" => {
            let id = call_id(&mut item, place)?;
            let raw = item
                .take("output")
                .ok_or_else(|| at.key("output").expected("a string or a list of parts"))?;
            let mut parts = read_content(raw, &at.key("output"))?;
            parts.retain(|part| !is_empty_text(part));
            Item::Result(Part::new(Content::ToolResult { id, parts, is_error: false }))
        }
        _ => {
            let given = kind.ends_with("_output") || kind == "mcp_approval_response" || role.is_some();
            let part = Part::new(Content::Other { kind, json: Json::copied(raw) });
            if given { Item::Given(part) } else { Item::Said(vec![part]) }
        }
    })
}

fn read_message(
    item: &mut Object<'_, '_>,
    role: Option<String>,
    place: Place,
    noted: &mut Vec<(String, Json)>,
) -> Result<Item, DecodeError> {
    let at = item.at;
    let is_answer = place != Place::Request;
    let role = match role.as_deref() {
        Some("user") => Role::User,
        Some("system") => Role::System,
        Some("developer") => Role::Developer,
        Some("assistant") => Role::Assistant,
        _ if is_answer => Role::Assistant,
        None => return Err(at.key("role").fault("is required")),
        Some(_) => return Err(at.key("role").expected("one of user, assistant, system and developer")),
    };
    let mut parts = match item.take("content") {
        Some(raw) => read_content(raw, &at.key("content"))?,
        None if is_answer => Vec::new(),
        None => return Err(at.key("content").expected("a string or a list of parts")),
    };
    if role == Role::Assistant {
        note(item, "phase", noted);
        parts.retain(|part| !is_empty_text(part));
        return Ok(Item::Said(parts));
    }
    Ok(Item::Message(Message { role, parts, name: None }))
}

fn is_empty_text(part: &Part) -> bool {
    matches!(&part.content, Content::Text(text) if text.is_empty())
}

/// The function that is called or chosen; a tool of a namespace is named by both.
pub(super) fn tool_name(item: &mut Object<'_, '_>) -> Result<String, DecodeError> {
    let name = item.need_string("name")?;
    let namespace = item.string("namespace")?.filter(|namespace| !namespace.is_empty());
    Ok(namespace.map_or_else(|| name.clone(), |namespace| function_name(&namespace, &name)))
}

/// Writes the name of a tool as its client knows it.
pub(super) fn write_tool_name(word: OwnWord<'_>, out: &mut write::Object<'_>) {
    out.text("name", word.name);
    out.maybe_text("namespace", word.namespace.map(|namespace| namespace.name.as_str()));
}

/// Arguments are JSON in a string; some clients write the object itself.
fn read_arguments(item: &mut Object<'_, '_>) -> Result<String, DecodeError> {
    let Some(raw) = item.take("arguments") else { return Ok(String::new()) };
    match raw.get().as_bytes().first() {
        Some(b'{') => Ok(raw.get().to_owned()),
        _ => string(raw, &item.at.key("arguments")),
    }
}

/// The id that ties a call and its output. An answer's call without one still needs one, for its output to name.
fn call_id(item: &mut Object<'_, '_>, place: Place) -> Result<String, DecodeError> {
    let id = item.string("call_id")?.filter(|id| !id.is_empty());
    match (id, place) {
        (Some(id), _) => Ok(id),
        (None, Place::Request) => Err(item.at.key("call_id").fault("is required")),
        (None, Place::Answer(number)) => {
            Ok(item.string("id").ok().flatten().unwrap_or_else(|| format!("call_{number}")))
        }
    }
}

/// Keeps a member of an item under the name `input.<name>`, once for all items.
fn note(item: &mut Object<'_, '_>, name: &str, noted: &mut Vec<(String, Json)>) {
    let Some(value) = item.json(name) else { return };
    let name = format!("input.{name}");
    if !noted.iter().any(|(known, _)| *known == name) {
        noted.push((name, value));
    }
}

/// The turns that items make: those of one turn are joined.
pub(super) fn join(items: impl IntoIterator<Item = Item>, messages: &mut Vec<Message>) {
    for item in items {
        let (role, parts) = match item {
            Item::Message(message) => {
                messages.push(message);
                continue;
            }
            Item::Given(part) => (Role::User, vec![part]),
            Item::Said(parts) if parts.is_empty() => continue,
            Item::Said(parts) => (Role::Assistant, parts),
            Item::Result(part) => (Role::Tool, vec![part]),
        };
        match messages.last_mut() {
            Some(last) if last.role == role && role != Role::User => last.parts.extend(parts),
            _ => messages.push(Message { role, parts, name: None }),
        }
    }
}
