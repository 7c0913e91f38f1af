//! Reads a client's request.

use serde_json::value::RawValue;

use crate::dialects::ollama::{read_asks, read_images};
use crate::dialects::read::{At, Object, string};
use crate::dialects::{Calls, DecodeError};
use crate::ir::{Chat, Content, Json, Message, Part, Role, Tool};

/// Reads a chat request.
pub(in super::super) fn decode(body: &[u8]) -> Result<Chat, DecodeError> {
    let mut body = Object::body(body)?;
    let at = At::BODY.key("messages");
    let list = body.list("messages")?.ok_or_else(|| at.fault("is required"))?;
    let mut messages = Vec::with_capacity(list.len());
    let mut calls = Calls::default();
    for (index, raw) in list.into_iter().enumerate() {
        messages.push(read_message(raw, at.index(index), &mut calls)?);
    }
    let tools = read_tools(&mut body)?;
    Ok(Chat { messages, tools, ..read_asks(body)? })
}

fn read_message(raw: &RawValue, at: At<'_>, calls: &mut Calls) -> Result<Message, DecodeError> {
    let mut message = Object::read(raw, at)?;
    let role = match message.need_string("role")?.as_str() {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        _ => return Err(at.key("role").expected("one of system, user, assistant and tool")),
    };
    let text = message.string("content")?.filter(|text| !text.is_empty());
    let text = text.map(Part::text);
    let images = read_images(&mut message)?;
    let mut parts = Vec::new();
    match role {
        Role::Assistant => {
            let thinking = message.string("thinking")?.filter(|text| !text.is_empty());
            parts.extend(
                thinking.map(|text| Part::new(Content::Thinking { text, signature: None, format: None })),
            );
            parts.extend(text.into_iter().chain(images));
            read_calls(&mut message, calls, &mut parts)?;
        }
        Role::Tool => {
            calls.interrupt();
            let id = message.string("tool_call_id")?.filter(|id| !id.is_empty());
            // Older clients give the function's name as any speaker's.
            let name = message.string("tool_name")?.or(message.string("name")?);
            let id = calls.result(id, name.as_deref().unwrap_or_default());
            let inner = text.into_iter().chain(images).collect();
            parts.push(Part::new(Content::ToolResult { id, parts: inner, is_error: false }));
        }
        _ => {
            calls.interrupt();
            // An empty turn is a turn all the same.
            let is_empty = text.is_none() && images.is_empty();
            parts.extend(text.into_iter().chain(images).chain(is_empty.then(|| Part::text(""))));
        }
    }
    Ok(Message { role, parts, name: None })
}

fn read_calls(
    message: &mut Object<'_, '_>,
    calls: &mut Calls,
    parts: &mut Vec<Part>,
) -> Result<(), DecodeError> {
    let list = message.list("tool_calls")?.unwrap_or_default();
    let at = message.at.key("tool_calls");
    for (index, raw) in list.into_iter().enumerate() {
        let at = at.index(index);
        let mut call = Object::read(raw, at)?;
        let id = call.string("id")?.filter(|id| !id.is_empty());
        let at = at.key("function");
        let raw = call.take("function").ok_or_else(|| at.fault("is required"))?;
        let mut function = Object::read(raw, at)?;
        let name = function.need_string("name")?;
        let arguments = read_arguments(&mut function)?;
        parts.push(Part::new(Content::ToolCall { id: calls.call(id, &name), name, arguments }));
    }
    Ok(())
}

/// Arguments are an object; clients of OpenAI's write it into a string.
fn read_arguments(function: &mut Object<'_, '_>) -> Result<String, DecodeError> {
    let Some(raw) = function.take("arguments") else { return Ok("{}".to_owned()) };
    match raw.get().as_bytes().first() {
        Some(b'{') => Ok(raw.get().to_owned()),
        Some(b'"') => string(raw, &function.at.key("arguments")),
        _ => Err(function.at.key("arguments").expected("an object")),
    }
}

fn read_tools(body: &mut Object<'_, '_>) -> Result<Vec<Tool>, DecodeError> {
    let tools = body.list("tools")?.unwrap_or_default();
    let at = body.at.key("tools");
    tools.into_iter().enumerate().map(|(index, raw)| read_tool(raw, at.index(index))).collect()
}

fn read_tool(raw: &RawValue, at: At<'_>) -> Result<Tool, DecodeError> {
    let mut tool = Object::read(raw, at)?;
    let kind = tool.string("type")?.filter(|kind| kind != "function");
    if let Some(kind) = kind {
        return Ok(Tool::Other { kind, json: Json::copied(raw) });
    }
    let at = at.key("function");
    let raw = tool.take("function").ok_or_else(|| at.fault("is required"))?;
    let mut function = Object::read(raw, at)?;
    Ok(Tool::Function {
        name: function.need_string("name")?,
        description: function.string("description")?,
        parameters: function.json_object("parameters")?,
        strict: None,
        cache_control: None,
    })
}
