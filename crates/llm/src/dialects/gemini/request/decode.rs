//! Reads a client's request.

use super::config::read_config;
use super::read_turns::Turns;
use super::tools::{read_tool_choice, read_tools};
use crate::dialects::DecodeError;
use crate::dialects::read::{At, Object};
use crate::ir::Chat;

/// Reads a `generateContent` request. Model and streaming are told by the path, not by the body.
pub(in super::super) fn decode(body: &[u8]) -> Result<Chat, DecodeError> {
    let mut body = Object::body(body)?.in_camel_case();
    let mut turns = Turns::default();
    if let Some(raw) = body.take("systemInstruction") {
        turns.read_system(raw, At::BODY.key("systemInstruction"))?;
    }
    let at = At::BODY.key("contents");
    let contents = body.list("contents")?.ok_or_else(|| at.fault("is required"))?;
    for (index, raw) in contents.into_iter().enumerate() {
        turns.read_turn(raw, at.index(index))?;
    }
    let Turns { messages, mut asides, .. } = turns;
    let mut chat = Chat { messages, include_usage: true, ..Chat::default() };
    let web_search;
    (chat.tools, web_search) = read_tools(&mut body, &mut asides)?;
    chat.web_search = web_search.map(Box::new);
    chat.tool_choice = read_tool_choice(&mut body, &mut asides)?;
    read_config(&mut body, &mut chat, &mut asides)?;
    chat.service_tier = body.string("serviceTier")?.map(|tier| service_tier(&tier));
    chat.extra = body.rest();
    chat.extra.extend(asides);
    Ok(chat)
}

/// The tier in OpenAI's words.
fn service_tier(word: &str) -> String {
    match word.to_ascii_lowercase().as_str() {
        "standard" => "default".to_owned(),
        "unspecified" => "auto".to_owned(),
        word => word.to_owned(),
    }
}
