//! Reads a request.

use serde_json::value::RawValue;

use super::super::message::{read_content, read_parts};
use crate::dialects::read::{At, Object, strings};
use crate::dialects::{CallIds, DecodeError};
use crate::ir::{
    Chat, Content, Json, Message, Part, Reasoning, ReasoningMode, ResponseFormat, Role, Sampling, Tool,
    ToolChoice,
};

/// Reads a chat request.
pub(in super::super) fn decode(body: &[u8]) -> Result<Chat, DecodeError> {
    let seed = body;
    let mut body = Object::body(body)?;
    let at = At::BODY.key("messages");
    let list = body.list("messages")?.ok_or_else(|| at.fault("is required"))?;
    let mut ids = CallIds::default();
    let messages = list
        .into_iter()
        .enumerate()
        .map(|(index, raw)| read_message(raw, at.index(index), &mut ids, seed))
        .collect::<Result<_, _>>()?;
    let stop = body.take("stop_sequences").map(|raw| strings(raw, &At::BODY.key("stop_sequences")));
    let sampling = Sampling {
        temperature: body.number("temperature")?,
        top_p: body.number("p")?,
        top_k: body.unsigned("k")?,
        frequency_penalty: body.number("frequency_penalty")?,
        presence_penalty: body.number("presence_penalty")?,
        seed: body.integer("seed")?,
        stop: stop.transpose()?.unwrap_or_default(),
        logprobs: body.boolean("logprobs")?,
        ..Sampling::default()
    };
    let strict = body.boolean("strict_tools")?.filter(|strict| *strict);
    Ok(Chat {
        model: body.need_string("model")?,
        messages,
        tools: read_tools(&mut body, strict)?,
        tool_choice: read_tool_choice(&mut body)?,
        response_format: read_format(&mut body)?,
        sampling,
        max_tokens: body.unsigned("max_tokens")?,
        reasoning: read_thinking(&mut body)?,
        stream: body.boolean("stream")?.unwrap_or(false),
        include_usage: true,
        extra: body.rest(),
        ..Chat::default()
    })
}

fn read_message(raw: &RawValue, at: At<'_>, ids: &mut CallIds, seed: &[u8]) -> Result<Message, DecodeError> {
    let mut message = Object::read(raw, at)?;
    let role = match message.need_string("role")?.as_str() {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        _ => return Err(at.key("role").expected("one of system, user, assistant and tool")),
    };
    let at = at.key("content");
    let parts = match role {
        Role::Assistant => read_parts(&mut message, ids, seed)?,
        Role::Tool => {
            let id = message.need_string("tool_call_id")?;
            let content = message.take("content").map(|raw| read_content(raw, &at)).transpose()?;
            let mut parts = content.unwrap_or_default();
            parts.retain(|part| !matches!(&part.content, Content::Text(text) if text.is_empty()));
            vec![Part::new(Content::ToolResult { id, parts, is_error: false })]
        }
        _ => {
            let raw = message.take("content").ok_or_else(|| at.expected("a string or a list of parts"))?;
            read_content(raw, &at)?
        }
    };
    Ok(Message { role, parts, name: None })
}

fn read_tools(body: &mut Object<'_, '_>, strict: Option<bool>) -> Result<Vec<Tool>, DecodeError> {
    let tools = body.list("tools")?.unwrap_or_default();
    let at = body.at.key("tools");
    tools.into_iter().enumerate().map(|(index, raw)| read_tool(raw, at.index(index), strict)).collect()
}

fn read_tool(raw: &RawValue, at: At<'_>, strict: Option<bool>) -> Result<Tool, DecodeError> {
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
        strict,
        cache_control: None,
    })
}

fn read_tool_choice(body: &mut Object<'_, '_>) -> Result<Option<ToolChoice>, DecodeError> {
    match body.string("tool_choice")?.as_deref() {
        None => Ok(None),
        Some("REQUIRED") => Ok(Some(ToolChoice::Required)),
        Some("NONE") => Ok(Some(ToolChoice::None)),
        Some(_) => Err(body.at.key("tool_choice").expected("REQUIRED or NONE")),
    }
}

fn read_format(body: &mut Object<'_, '_>) -> Result<Option<ResponseFormat>, DecodeError> {
    let Some(raw) = body.take("response_format") else { return Ok(None) };
    let at = body.at.key("response_format");
    let mut format = Object::read(raw, at)?;
    let schema = format.json_object("json_schema")?.or(format.json_object("schema")?);
    match (format.need_string("type")?.as_str(), schema) {
        ("text", _) => Ok(Some(ResponseFormat::Text)),
        ("json_object", None) => Ok(Some(ResponseFormat::JsonObject)),
        ("json_object", Some(schema)) => {
            Ok(Some(ResponseFormat::JsonSchema { name: None, description: None, schema, strict: None }))
        }
        _ => Err(at.key("type").expected("text or json_object")),
    }
}

fn read_thinking(body: &mut Object<'_, '_>) -> Result<Option<Reasoning>, DecodeError> {
    let Some(raw) = body.take("thinking") else { return Ok(None) };
    let at = body.at.key("thinking");
    let mut thinking = Object::read(raw, at)?;
    let mode = match thinking.need_string("type")?.as_str() {
        "enabled" => ReasoningMode::On,
        "disabled" => ReasoningMode::Off,
        _ => return Err(at.key("type").expected("enabled or disabled")),
    };
    let budget_tokens = thinking.unsigned("token_budget")?;
    Ok(Some(Reasoning { mode: Some(mode), budget_tokens, ..Reasoning::default() }))
}
