//! Reads a client's request.

use super::super::block::read_blocks;
use super::additional;
use super::tools::read_tools;
use super::turns::read_turn;
use crate::dialects::DecodeError;
use crate::dialects::read::{At, Object, strings};
use crate::ir::{Chat, Json, Message, ResponseFormat, Role};

/// Reads a Converse request. Model and streaming are told by the path, not by the body.
pub(in super::super) fn decode(body: &[u8]) -> Result<Chat, DecodeError> {
    let mut body = Object::body(body)?;
    let mut messages = Vec::new();
    if let Some(raw) = body.take("system") {
        let parts = read_blocks(raw, &At::BODY.key("system"))?;
        messages.push(Message { role: Role::System, parts, name: None });
    }
    let at = At::BODY.key("messages");
    let turns = body.list("messages")?.ok_or_else(|| at.fault("is required"))?;
    for (index, raw) in turns.into_iter().enumerate() {
        read_turn(raw, at.index(index), &mut messages)?;
    }
    let mut chat = Chat { messages, include_usage: true, ..Chat::default() };
    read_inference(&mut body, &mut chat)?;
    read_tools(&mut body, &mut chat)?;
    chat.response_format = read_format(&mut body)?;
    additional::read(&mut body, &mut chat)?;
    chat.metadata = body.json_object("requestMetadata")?;
    if let Some(raw) = body.take("serviceTier") {
        chat.service_tier = Object::read(raw, At::BODY.key("serviceTier"))?.string("type")?;
    }
    chat.extra.extend(body.rest());
    Ok(chat)
}

fn read_inference(body: &mut Object<'_, '_>, chat: &mut Chat) -> Result<(), DecodeError> {
    let Some(raw) = body.take("inferenceConfig") else { return Ok(()) };
    let at = At::BODY.key("inferenceConfig");
    let mut config = Object::read(raw, at)?;
    chat.max_tokens = config.unsigned("maxTokens")?;
    chat.sampling.temperature = config.number("temperature")?;
    chat.sampling.top_p = config.number("topP")?;
    let stop = config.take("stopSequences").map(|raw| strings(raw, &at.key("stopSequences"))).transpose()?;
    chat.sampling.stop = stop.unwrap_or_default();
    Ok(())
}

fn read_format(body: &mut Object<'_, '_>) -> Result<Option<ResponseFormat>, DecodeError> {
    let Some(raw) = body.take("outputConfig") else { return Ok(None) };
    let at = At::BODY.key("outputConfig");
    let Some(raw) = Object::read(raw, at)?.take("textFormat") else { return Ok(None) };
    let at = at.key("textFormat");
    let Some(raw) = Object::read(raw, at)?.take("structure") else { return Ok(None) };
    let at = at.key("structure");
    let Some(raw) = Object::read(raw, at)?.take("jsonSchema") else { return Ok(None) };
    let at = at.key("jsonSchema");
    let mut object = Object::read(raw, at)?;
    let schema = Json::parse(&object.need_string("schema")?).filter(Json::is_object);
    let schema = schema.ok_or_else(|| at.key("schema").expected("a JSON schema as a text"))?;
    let (name, description) = (object.string("name")?, object.string("description")?);
    Ok(Some(ResponseFormat::JsonSchema { name, description, schema, strict: None }))
}
