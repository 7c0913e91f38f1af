//! Reads a client's request.

use serde_json::value::RawValue;

use super::super::item::{Place, join, read_item};
use super::tools::{read_tool_choice, read_tools};
use crate::dialects::DecodeError;
use crate::dialects::read::{At, Object, list, string, strings};
use crate::ir::{
    Chat, Effort, Json, Message, Part, Reasoning, ReasoningMode, ResponseFormat, Role, Sampling,
};

/// Fields that ask for nothing with this value: what the API does without being told, or what is so in any dialect.
const IDLE: [(&str, &str); 3] = [("store", "false"), ("background", "false"), ("truncation", "\"disabled\"")];

/// Included data that every answer holds here: sealed reasoning is always kept.
const ALWAYS_INCLUDED: &str = "reasoning.encrypted_content";
/// Included data that other dialects ask for in a field of its own.
const LOGPROBS: &str = "message.output_text.logprobs";

/// Reads a request.
pub(in super::super) fn decode(body: &[u8]) -> Result<Chat, DecodeError> {
    let mut body = Object::body(body)?;
    let mut unread = Vec::new();
    let mut messages = Vec::new();
    if let Some(instructions) = body.string("instructions")?.filter(|text| !text.is_empty()) {
        messages.push(Message { role: Role::System, parts: vec![Part::text(instructions)], name: None });
    }
    let input = body.take("input").ok_or_else(|| At::BODY.key("input").fault("is required"))?;
    read_input(input, &mut messages, &mut unread)?;
    let logprobs = read_include(&mut body, &mut unread)?;
    read_stream_options(&mut body, &mut unread)?;
    // None of the likeliest tokens is what one gets without asking; to ask for some asks for probabilities.
    let top_logprobs = body.unsigned("top_logprobs")?.filter(|top| *top > 0);
    let (tools, own_tools, web_search) = read_tools(&mut body, &mut unread)?;
    let mut chat = Chat {
        model: body.need_string("model")?,
        messages,
        tools,
        own_tools,
        web_search: web_search.map(Box::new),
        tool_choice: read_tool_choice(&mut body, &mut unread)?,
        parallel_tool_calls: body.boolean("parallel_tool_calls")?,
        response_format: read_text(&mut body, &mut unread)?,
        sampling: Sampling {
            temperature: body.number("temperature")?,
            top_p: body.number("top_p")?,
            top_k: body.unsigned("top_k")?,
            frequency_penalty: body.number("frequency_penalty")?,
            presence_penalty: body.number("presence_penalty")?,
            logprobs: logprobs.or(top_logprobs.map(|_| true)),
            top_logprobs,
            ..Sampling::default()
        },
        max_tokens: body.unsigned("max_output_tokens")?,
        reasoning: read_reasoning(&mut body, &mut unread)?,
        user: body.string("user")?,
        metadata: body.json_object("metadata")?,
        stream: body.boolean("stream")?.unwrap_or(false),
        include_usage: true,
        service_tier: body.string("service_tier")?,
        cache_control: None,
        continues: false,
        extra: body.rest(),
    };
    chat.extra.retain(|(name, value)| !IDLE.contains(&(name.as_str(), value.get())) && value.get() != "null");
    chat.extra.extend(unread);
    Ok(chat)
}

/// Reads the conversation: one text of the user, or a list of items.
fn read_input(
    raw: &RawValue,
    messages: &mut Vec<Message>,
    unread: &mut Vec<(String, Json)>,
) -> Result<(), DecodeError> {
    let at = At::BODY.key("input");
    match raw.get().as_bytes().first() {
        Some(b'"') => {
            let parts = vec![Part::text(string(raw, &at)?)];
            messages.push(Message { role: Role::User, parts, name: None });
        }
        Some(b'[') => {
            let items = list(raw, &at)?
                .into_iter()
                .enumerate()
                .map(|(index, raw)| read_item(raw, at.index(index), Place::Request, unread))
                .collect::<Result<Vec<_>, _>>()?;
            join(items, messages);
        }
        _ => return Err(at.expected("a string or a list of items")),
    }
    Ok(())
}

/// Reads what else the answer is to hold, and whether probabilities are among it.
fn read_include(
    body: &mut Object<'_, '_>,
    unread: &mut Vec<(String, Json)>,
) -> Result<Option<bool>, DecodeError> {
    let Some(raw) = body.take("include") else { return Ok(None) };
    let names = strings(raw, &body.at.key("include"))?;
    let others = names.iter().filter(|name| *name != ALWAYS_INCLUDED && *name != LOGPROBS);
    unread.extend(others.map(|name| (format!("include.{name}"), Json::copied(raw))));
    Ok(names.iter().any(|name| name == LOGPROBS).then_some(true))
}

/// Streams are never padded here, and always tell the usage: only what else is wished is kept.
fn read_stream_options(
    body: &mut Object<'_, '_>,
    unread: &mut Vec<(String, Json)>,
) -> Result<(), DecodeError> {
    let Some(raw) = body.take("stream_options") else { return Ok(()) };
    let mut options = Object::read(raw, body.at.key("stream_options"))?;
    let padded = options.boolean("include_obfuscation")?.unwrap_or(false);
    options.boolean("include_usage")?;
    if padded || !options.rest().is_empty() {
        unread.push(("stream_options".to_owned(), Json::copied(raw)));
    }
    Ok(())
}

/// Reads `text`: the answer's form, and how wordy it is to be.
fn read_text(
    body: &mut Object<'_, '_>,
    unread: &mut Vec<(String, Json)>,
) -> Result<Option<ResponseFormat>, DecodeError> {
    let Some(raw) = body.take("text") else { return Ok(None) };
    let at = body.at.key("text");
    let mut text = Object::read(raw, at)?;
    let format = text.take("format").map(|raw| read_format(raw, at.key("format"))).transpose()?;
    keep_rest(text, "text", unread);
    Ok(format)
}

fn read_format(raw: &RawValue, at: At<'_>) -> Result<ResponseFormat, DecodeError> {
    let mut format = Object::read(raw, at)?;
    match format.need_string("type")?.as_str() {
        "text" => Ok(ResponseFormat::Text),
        "json_object" => Ok(ResponseFormat::JsonObject),
        "json_schema" => Ok(ResponseFormat::JsonSchema {
            name: format.string("name")?,
            description: format.string("description")?,
            strict: format.boolean("strict")?,
            schema: format.json_object("schema")?.ok_or_else(|| at.key("schema").fault("is required"))?,
        }),
        _ => Err(at.key("type").expected("one of text, json_object and json_schema")),
    }
}

fn read_reasoning(
    body: &mut Object<'_, '_>,
    unread: &mut Vec<(String, Json)>,
) -> Result<Option<Reasoning>, DecodeError> {
    let Some(raw) = body.take("reasoning") else { return Ok(None) };
    let at = body.at.key("reasoning");
    let mut object = Object::read(raw, at)?;
    let mut reasoning = Reasoning::default();
    match object.string("effort")?.as_deref() {
        None => {}
        Some("none") => reasoning.mode = Some(ReasoningMode::Off),
        Some(word) => {
            let expected = "one of none, minimal, low, medium, high, xhigh and max";
            let effort = Effort::from_word(word).ok_or_else(|| at.key("effort").expected(expected))?;
            reasoning.effort = Some(effort);
        }
    }
    // The summary had another name in the API's first months.
    let older = object.string("generate_summary")?;
    if let Some(word) = object.string("summary")?.or(older) {
        reasoning.hidden = Some(false);
        // `auto` is what one gets everywhere; how long the summary is to be can be said nowhere else.
        if word != "auto"
            && let Some(word) = serde_json::to_string(&word).ok().and_then(|word| Json::parse(&word))
        {
            unread.push(("reasoning.summary".to_owned(), word));
        }
    }
    keep_rest(object, "reasoning", unread);
    Ok(Some(reasoning).filter(|reasoning| *reasoning != Reasoning::default()))
}

/// Keeps the members of an object that no one took.
fn keep_rest(object: Object<'_, '_>, name: &str, unread: &mut Vec<(String, Json)>) {
    let rest = object.rest().into_iter().filter(|(_, value)| value.get() != "null");
    unread.extend(rest.map(|(member, value)| (format!("{name}.{member}"), value)));
}
