//! A client's request: the call options.

use serde_json::value::RawValue;

use super::{options, prompt, tools};
use crate::dialects::DecodeError;
use crate::dialects::read::{At, Object, strings};
use crate::ir::{Chat, ResponseFormat, Sampling};

/// Members that are meant for the SDK itself or repeat the HTTP request's own headers.
const ASIDES: [&str; 3] = ["includeRawChunks", "headers", "abortSignal"];

/// Reads the call options. Model and streaming stand in headers.
pub(super) fn decode(body: &[u8]) -> Result<Chat, DecodeError> {
    let mut body = Object::body(body)?;
    let mut extra = Vec::new();
    let messages = prompt::read(&mut body, &mut extra)?;
    let stop =
        body.take("stopSequences").map(|raw| strings(raw, &At::BODY.key("stopSequences"))).transpose()?;
    let sampling = Sampling {
        temperature: body.number("temperature")?,
        top_p: body.number("topP")?,
        top_k: body.unsigned("topK")?,
        presence_penalty: body.number("presencePenalty")?,
        frequency_penalty: body.number("frequencyPenalty")?,
        seed: body.integer("seed")?,
        stop: stop.unwrap_or_default(),
        ..Sampling::default()
    };
    let (tools, web_search) = tools::read(&mut body, &mut extra)?;
    let mut chat = Chat {
        messages,
        tools,
        web_search: web_search.map(Box::new),
        tool_choice: tools::read_choice(&mut body)?,
        response_format: body
            .take("responseFormat")
            .map(|raw| read_format(raw, At::BODY.key("responseFormat")))
            .transpose()?,
        sampling,
        max_tokens: body.unsigned("maxOutputTokens")?,
        include_usage: true,
        extra,
        ..Chat::default()
    };
    options::read(&mut body, &mut chat)?;
    // The common option is the newer one and counts before a provider's.
    if let Some(word) = body.string("reasoning")? {
        options::read_effort(&word, &mut chat);
    }
    for aside in ASIDES {
        body.take(aside);
    }
    // Under names of their own, so that no dialect takes them for members of its own and sends them on unread.
    chat.extra.extend(body.rest().into_iter().map(|(name, json)| (format!("options.{name}"), json)));
    Ok(chat)
}

fn read_format(raw: &RawValue, at: At<'_>) -> Result<ResponseFormat, DecodeError> {
    let mut format = Object::read(raw, at)?;
    match format.need_string("type")?.as_str() {
        "text" => Ok(ResponseFormat::Text),
        "json" => Ok(match format.json("schema") {
            None => ResponseFormat::JsonObject,
            Some(schema) => ResponseFormat::JsonSchema {
                name: format.string("name")?,
                description: format.string("description")?,
                schema,
                strict: None,
            },
        }),
        _ => Err(at.key("type").expected("text or json")),
    }
}
