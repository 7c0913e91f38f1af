//! Whole answers.

use super::error;
use super::message::{Call, Said, read_finish};
use crate::dialects::openai::read_usage;
use crate::dialects::read::At;
use crate::dialects::{CallIds, DecodeError, Tap};
use crate::ir::{Answer, Choice, Content, Json, Part};

/// Reads an upstream's answer.
pub(super) fn decode(body: &[u8]) -> Result<Answer, DecodeError> {
    let said = Said::read(body).ok_or_else(|| At::BODY.expected("a JSON object with an output"))?;
    if said.is_error() {
        return Err(DecodeError { message: error::read(0, body).message, param: None });
    }
    let at = At::BODY.key("output");
    let choice = said.output.ok_or_else(|| at.fault("is missing from the answer"))?.into_choice();
    let id = said.request_id.into_text();
    let mut ids = CallIds::default();
    ids.answer(id.as_deref());
    let message = choice.message;
    let mut parts = Vec::new();
    if !message.thoughts().is_empty() {
        let text = message.thoughts().to_owned();
        parts.push(Part::new(Content::Thinking { text, signature: None, format: None }));
    }
    parts.extend(Some(message.text()).filter(|text| !text.is_empty()).map(Part::text));
    let calls = message.tool_calls.into_iter().flatten();
    parts.extend(calls.map(|call| Part::new(read_call(call, &mut ids, body))));
    let logprobs = choice.logprobs.and_then(|raw| Json::object(raw.get()));
    Ok(Answer {
        id,
        choices: vec![Choice { index: 0, parts, finish: read_finish(&choice.finish_reason), logprobs }],
        usage: said.usage.and_then(|raw| read_usage(raw.get())),
        ..Answer::default()
    })
}

fn read_call(call: Call<'_>, ids: &mut CallIds, seed: &[u8]) -> Content {
    Content::ToolCall {
        id: call.id.into_text().unwrap_or_else(|| ids.make(seed)),
        name: call.function.name.into_text().unwrap_or_default(),
        arguments: call.function.arguments.into_text().unwrap_or_default(),
    }
}

/// Reads what the record needs.
pub(super) fn tap(body: &[u8], tap: &mut Tap) {
    let Ok(answer) = decode(body) else { return };
    tap.id = answer.id;
    tap.usage = answer.usage;
    for choice in answer.choices {
        tap.finish_reason = choice.finish.and_then(|finish| finish.native);
        for part in choice.parts {
            let size = match &part.content {
                Content::Text(text) | Content::Thinking { text, .. } => text.len(),
                Content::ToolCall { name, arguments, .. } => name.len() + arguments.len(),
                _ => 0,
            };
            tap.output_bytes += size as u64;
        }
    }
    tap.content_seen = tap.output_bytes > 0;
    tap.finished = true;
}
