//! Reads a client's request.

use serde_json::value::RawValue;

use super::super::block::{read_cache_control, read_content};
use crate::dialects::read::{At, Object, strings};
use crate::dialects::{DecodeError, search};
use crate::ir::{
    Chat, Content, Effort, Json, Message, Reasoning, ReasoningMode, ResponseFormat, Role, Sampling, Tool,
    ToolChoice, WebSearch,
};

/// Reads a messages request.
pub(in super::super) fn decode(body: &[u8]) -> Result<Chat, DecodeError> {
    let mut body = Object::body(body)?;
    let mut messages = Vec::new();
    if let Some(raw) = body.take("system") {
        let parts = read_content(raw, &At::BODY.key("system"))?;
        messages.push(Message { role: Role::System, parts, name: None });
    }
    let turns = body.list("messages")?.ok_or_else(|| At::BODY.key("messages").fault("is required"))?;
    let at = At::BODY.key("messages");
    for (index, raw) in turns.into_iter().enumerate() {
        read_turn(raw, at.index(index), &mut messages)?;
    }
    let stop =
        body.take("stop_sequences").map(|raw| strings(raw, &At::BODY.key("stop_sequences"))).transpose()?;
    let sampling = Sampling {
        temperature: body.number("temperature")?,
        top_p: body.number("top_p")?,
        top_k: body.unsigned("top_k")?,
        stop: stop.unwrap_or_default(),
        ..Sampling::default()
    };
    let (tools, web_search) = read_tools(&mut body)?;
    let (tool_choice, parallel_tool_calls) = read_tool_choice(&mut body)?;
    let user = read_user(&mut body)?;
    let mut chat = Chat {
        model: body.need_string("model")?,
        messages,
        tools,
        web_search: web_search.map(Box::new),
        tool_choice,
        parallel_tool_calls,
        sampling,
        max_tokens: body.unsigned("max_tokens")?,
        user,
        stream: body.boolean("stream")?.unwrap_or(false),
        include_usage: true,
        service_tier: body
            .string("service_tier")?
            .map(|tier| if tier == "standard_only" { "default".to_owned() } else { tier }),
        cache_control: read_cache_control(&mut body)?,
        ..Chat::default()
    };
    let mut reasoning = read_thinking(&mut body)?;
    let unread = read_output_config(&mut body, &mut reasoning, &mut chat.response_format)?;
    chat.reasoning = Some(reasoning).filter(|reasoning| *reasoning != Reasoning::default());
    chat.extra = body.rest();
    chat.extra.extend(unread);
    Ok(chat)
}

/// A user's turn with tool results becomes two: the results, then the rest.
fn read_turn(raw: &RawValue, at: At<'_>, messages: &mut Vec<Message>) -> Result<(), DecodeError> {
    let mut turn = Object::read(raw, at)?;
    let role = match turn.need_string("role")?.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        _ => return Err(at.key("role").expected("user or assistant")),
    };
    let content = turn
        .take("content")
        .ok_or_else(|| at.key("content").expected("a string or a list of content blocks"))?;
    let parts = read_content(content, &at.key("content"))?;
    if role != Role::User {
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

fn read_user(body: &mut Object<'_, '_>) -> Result<Option<String>, DecodeError> {
    let Some(raw) = body.take("metadata") else { return Ok(None) };
    let at = body.at.key("metadata");
    Object::read(raw, at)?.string("user_id")
}

/// Reads the tools, and the wish that the one that searches stands for.
fn read_tools(body: &mut Object<'_, '_>) -> Result<(Vec<Tool>, Option<WebSearch>), DecodeError> {
    let (mut tools, mut web_search) = (Vec::new(), None);
    let parent = body.at;
    let at = parent.key("tools");
    for (index, raw) in body.list("tools")?.into_iter().flatten().enumerate() {
        let at = at.index(index);
        match read_tool(raw, at)? {
            Tool::Other { kind, .. } if web_search.is_none() && search::is_anthropic_tool(&kind) => {
                web_search = Some(search::read_anthropic_tool(&kind, raw, at)?);
            }
            tool => tools.push(tool),
        }
    }
    Ok((tools, web_search))
}

fn read_tool(raw: &RawValue, at: At<'_>) -> Result<Tool, DecodeError> {
    let mut tool = Object::read(raw, at)?;
    if let Some(kind) = tool.string("type")?.filter(|kind| kind != "custom") {
        return Ok(Tool::Other { kind, json: Json::copied(raw) });
    }
    Ok(Tool::Function {
        name: tool.need_string("name")?,
        description: tool.string("description")?,
        parameters: tool.json_object("input_schema")?,
        strict: tool.boolean("strict")?,
        cache_control: read_cache_control(&mut tool)?,
    })
}

fn read_tool_choice(body: &mut Object<'_, '_>) -> Result<(Option<ToolChoice>, Option<bool>), DecodeError> {
    let Some(raw) = body.take("tool_choice") else { return Ok((None, None)) };
    let at = body.at.key("tool_choice");
    let mut choice = Object::read(raw, at)?;
    let kind = match choice.need_string("type")?.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Named(choice.need_string("name")?),
        _ => return Err(at.key("type").expected("one of auto, any, tool and none")),
    };
    let single = choice.boolean("disable_parallel_tool_use")? == Some(true);
    Ok((Some(kind), single.then_some(false)))
}

fn read_thinking(body: &mut Object<'_, '_>) -> Result<Reasoning, DecodeError> {
    let Some(raw) = body.take("thinking") else { return Ok(Reasoning::default()) };
    let at = body.at.key("thinking");
    let mut thinking = Object::read(raw, at)?;
    let mode = match thinking.need_string("type")?.as_str() {
        "enabled" => ReasoningMode::On,
        "disabled" => ReasoningMode::Off,
        "adaptive" => ReasoningMode::Adaptive,
        _ => return Err(at.key("type").expected("one of enabled, disabled and adaptive")),
    };
    Ok(Reasoning {
        mode: Some(mode),
        effort: None,
        budget_tokens: thinking.unsigned("budget_tokens")?,
        hidden: thinking.string("display")?.map(|display| display == "omitted"),
    })
}

/// Reads effort and format; returns what else the object holds.
fn read_output_config(
    body: &mut Object<'_, '_>,
    reasoning: &mut Reasoning,
    response_format: &mut Option<ResponseFormat>,
) -> Result<Vec<(String, Json)>, DecodeError> {
    // The beta of structured outputs had the format at the top.
    if let Some(raw) = body.take("output_format") {
        *response_format = read_format(raw, body.at.key("output_format"))?;
    }
    let Some(raw) = body.take("output_config") else { return Ok(Vec::new()) };
    let at = body.at.key("output_config");
    let mut config = Object::read(raw, at)?;
    if let Some(word) = config.string("effort")? {
        let effort = Effort::from_word(&word)
            .ok_or_else(|| at.key("effort").expected("one of low, medium, high, xhigh and max"))?;
        reasoning.effort = Some(effort);
    }
    if let Some(raw) = config.take("format") {
        *response_format = read_format(raw, at.key("format"))?;
    }
    Ok(config.rest().into_iter().map(|(name, value)| (format!("output_config.{name}"), value)).collect())
}

fn read_format(raw: &RawValue, at: At<'_>) -> Result<Option<ResponseFormat>, DecodeError> {
    let mut format = Object::read(raw, at)?;
    if format.need_string("type")? != "json_schema" {
        return Err(at.key("type").expected("json_schema"));
    }
    let schema = format.json_object("schema")?.ok_or_else(|| at.key("schema").fault("is required"))?;
    Ok(Some(ResponseFormat::JsonSchema {
        name: format.string("name")?,
        description: None,
        schema,
        strict: None,
    }))
}
