//! Reads a client's request.

use serde_json::value::RawValue;

use super::super::assistant;
use super::super::parts::{read_cache_control, read_content};
use crate::dialects::openai::{read_sampling, stream_usage};
use crate::dialects::read::{At, Object, string};
use crate::dialects::{DecodeError, refuse, search};
use crate::ir::{
    Chat, Content, Effort, Json, Message, OwnTools, Part, Reasoning, ReasoningMode, ResponseFormat, Role,
    Tool, ToolChoice, WebSearch,
};

/// Reads a chat request.
pub(in super::super) fn decode(body: &[u8]) -> Result<Chat, DecodeError> {
    let mut body = Object::body(body)?;
    let messages = body.list("messages")?.ok_or_else(|| At::BODY.key("messages").fault("is required"))?;
    let at = At::BODY.key("messages");
    let messages = messages
        .into_iter()
        .enumerate()
        .map(|(index, raw)| read_message(raw, at.index(index)))
        .collect::<Result<_, _>>()?;
    for name in ["functions", "function_call"] {
        if body.take(name).is_some() {
            return Err(refuse(
                name,
                "is not understood by this model's provider; use tools and tool_choice",
            ));
        }
    }
    let mut web_search = search::read_options(&mut body)?;
    let tools = read_tools(&mut body, &mut web_search)?;
    let mut sampling = read_sampling(&mut body)?;
    sampling.logprobs = body.boolean("logprobs")?;
    sampling.top_logprobs = body.unsigned("top_logprobs")?;
    // The newer name wins, as it does at OpenAI.
    let (older, newer) = (body.unsigned("max_tokens")?, body.unsigned("max_completion_tokens")?);
    Ok(Chat {
        model: body.need_string("model")?,
        messages,
        tools,
        web_search: web_search.map(Box::new),
        own_tools: OwnTools::default(),
        tool_choice: read_tool_choice(&mut body)?,
        parallel_tool_calls: body.boolean("parallel_tool_calls")?,
        response_format: read_response_format(&mut body)?,
        sampling,
        max_tokens: newer.or(older),
        reasoning: read_reasoning(&mut body)?,
        user: body.string("user")?,
        metadata: body.json_object("metadata")?,
        stream: body.boolean("stream")?.unwrap_or(false),
        include_usage: stream_usage(&mut body)?,
        service_tier: body.string("service_tier")?,
        cache_control: read_cache_control(&mut body)?,
        continues: false,
        extra: body.rest(),
    })
}

fn read_message(raw: &RawValue, at: At<'_>) -> Result<Message, DecodeError> {
    let mut message = Object::read(raw, at)?;
    let word = message.need_string("role")?;
    let name = message.string("name")?;
    let role = match word.as_str() {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" | "function" => Role::Tool,
        _ => return Err(at.key("role").expected("one of system, developer, user, assistant and tool")),
    };
    let parts = match role {
        Role::Assistant => assistant::read_parts(&mut message, "call")?,
        Role::Tool => {
            // The legacy role `function` names the function instead of the call.
            let id = match message.string("tool_call_id")? {
                Some(id) => id,
                None if word == "function" => {
                    name.clone().ok_or_else(|| at.key("name").fault("is required"))?
                }
                None => return Err(at.key("tool_call_id").fault("is required")),
            };
            let cache_control = read_cache_control(&mut message)?;
            let mut parts = match message.take("content") {
                Some(raw) => read_content(raw, &at.key("content"))?,
                None => Vec::new(),
            };
            parts.retain(|part| !matches!(&part.content, Content::Text(text) if text.is_empty()));
            vec![Part { content: Content::ToolResult { id, parts, is_error: false }, cache_control }]
        }
        _ => {
            let raw = message
                .take("content")
                .ok_or_else(|| at.key("content").expected("a string or a list of parts"))?;
            read_content(raw, &at.key("content"))?
        }
    };
    Ok(Message { role, parts, name: name.filter(|_| role != Role::Tool) })
}

/// Reads the tools; the first that searches is a wish of its own, unless one is known already.
fn read_tools(
    body: &mut Object<'_, '_>,
    web_search: &mut Option<WebSearch>,
) -> Result<Vec<Tool>, DecodeError> {
    let mut tools = Vec::new();
    let parent = body.at;
    let at = parent.key("tools");
    for (index, raw) in body.list("tools")?.into_iter().flatten().enumerate() {
        let at = at.index(index);
        match read_tool(raw, at)? {
            Tool::Other { kind, .. } if web_search.is_none() && search::is_chat_tool(&kind) => {
                *web_search = search::read_chat_tool(&kind, raw, at)?;
            }
            tool => tools.push(tool),
        }
    }
    Ok(tools)
}

fn read_tool(raw: &RawValue, at: At<'_>) -> Result<Tool, DecodeError> {
    let mut tool = Object::read(raw, at)?;
    let kind = tool.string("type")?.unwrap_or_else(|| "function".to_owned());
    if kind != "function" {
        return Ok(Tool::Other { kind, json: Json::copied(raw) });
    }
    let outer_cache = read_cache_control(&mut tool)?;
    let raw = tool.take("function").ok_or_else(|| at.key("function").fault("is required"))?;
    let mut function = Object::read(raw, at.key("function"))?;
    Ok(Tool::Function {
        name: function.need_string("name")?,
        description: function.string("description")?,
        parameters: function.json_object("parameters")?,
        strict: function.boolean("strict")?,
        cache_control: outer_cache.or(read_cache_control(&mut function)?),
    })
}

fn read_tool_choice(body: &mut Object<'_, '_>) -> Result<Option<ToolChoice>, DecodeError> {
    let Some(raw) = body.take("tool_choice") else { return Ok(None) };
    let at = body.at.key("tool_choice");
    if raw.get().starts_with('"') {
        return match string(raw, &at)?.as_str() {
            "auto" => Ok(Some(ToolChoice::Auto)),
            "none" => Ok(Some(ToolChoice::None)),
            "required" | "any" => Ok(Some(ToolChoice::Required)),
            _ => Err(at.expected("auto, none, required or an object that names a function")),
        };
    }
    let mut choice = Object::read(raw, at)?;
    let kind = choice.string("type")?.unwrap_or_default();
    if kind == "allowed_tools" {
        return read_allowed_tools(&mut choice).map(Some);
    }
    let name = if kind == "custom" { "custom" } else { "function" };
    let raw = choice.take(name).ok_or_else(|| at.key(name).fault("is required"))?;
    Ok(Some(ToolChoice::Named(Object::read(raw, at.key(name))?.need_string("name")?)))
}

fn read_allowed_tools(choice: &mut Object<'_, '_>) -> Result<ToolChoice, DecodeError> {
    let parent = choice.at;
    let at = parent.key("allowed_tools");
    let raw = choice.take("allowed_tools").ok_or_else(|| at.fault("is required"))?;
    let mut allowed = Object::read(raw, at)?;
    let required = allowed.string("mode")?.is_some_and(|mode| mode == "required");
    let tools = allowed.list("tools")?.unwrap_or_default();
    let at = at.key("tools");
    let mut names = Vec::with_capacity(tools.len());
    for (index, raw) in tools.into_iter().enumerate() {
        let at = at.index(index);
        let raw =
            Object::read(raw, at)?.take("function").ok_or_else(|| at.key("function").fault("is required"))?;
        names.push(Object::read(raw, at.key("function"))?.need_string("name")?);
    }
    Ok(ToolChoice::Allowed { required, names })
}

fn read_response_format(body: &mut Object<'_, '_>) -> Result<Option<ResponseFormat>, DecodeError> {
    let Some(raw) = body.take("response_format") else { return Ok(None) };
    let at = body.at.key("response_format");
    let mut format = Object::read(raw, at)?;
    match format.need_string("type")?.as_str() {
        "text" => Ok(Some(ResponseFormat::Text)),
        "json_object" => Ok(Some(ResponseFormat::JsonObject)),
        "json_schema" => {
            let at = at.key("json_schema");
            let raw = format.take("json_schema").ok_or_else(|| at.fault("is required"))?;
            let mut inner = Object::read(raw, at)?;
            Ok(Some(ResponseFormat::JsonSchema {
                name: inner.string("name")?,
                description: inner.string("description")?,
                strict: inner.boolean("strict")?,
                schema: inner.json_object("schema")?.ok_or_else(|| at.key("schema").fault("is required"))?,
            }))
        }
        _ => Err(at.key("type").expected("one of text, json_object and json_schema")),
    }
}

/// `reasoning_effort`, and OpenRouter's `reasoning` object that says more.
fn read_reasoning(body: &mut Object<'_, '_>) -> Result<Option<Reasoning>, DecodeError> {
    let mut reasoning = Reasoning::default();
    if let Some(word) = body.string("reasoning_effort")? {
        read_effort(&word, &body.at.key("reasoning_effort"), &mut reasoning)?;
    }
    if let Some(raw) = body.take("reasoning") {
        let at = body.at.key("reasoning");
        let mut object = Object::read(raw, at)?;
        if let Some(word) = object.string("effort")? {
            read_effort(&word, &at.key("effort"), &mut reasoning)?;
        }
        reasoning.budget_tokens = object.unsigned("max_tokens")?;
        reasoning.hidden = object.boolean("exclude")?;
        if let Some(enabled) = object.boolean("enabled")? {
            reasoning.mode = Some(if enabled { ReasoningMode::On } else { ReasoningMode::Off });
        }
    }
    Ok(Some(reasoning).filter(|reasoning| *reasoning != Reasoning::default()))
}

fn read_effort(word: &str, at: &At<'_>, reasoning: &mut Reasoning) -> Result<(), DecodeError> {
    if word == "none" {
        reasoning.mode = Some(ReasoningMode::Off);
        return Ok(());
    }
    reasoning.effort = Some(
        Effort::from_word(word)
            .ok_or_else(|| at.expected("one of none, minimal, low, medium, high, xhigh and max"))?,
    );
    Ok(())
}
