//! Whole answers, and the words for why they ended.

use serde_json::value::RawValue;

use super::block::{read_blocks, write_block};
use super::document::Names;
use super::usage::{read_usage, write_usage};
use crate::dialects::read::{At, Object};
use crate::dialects::{DecodeError, Losses, write};
use crate::ir::{Answer, Choice, Content, Finish, FinishReason, Part, Response};

/// Reads an upstream's answer.
pub(super) fn decode(body: &[u8]) -> Result<Answer, DecodeError> {
    let mut object = Object::body(body)?;
    let missing = || At::BODY.key("output.message").fault("is missing from the answer");
    let output = object.take("output").ok_or_else(missing)?;
    let at = At::BODY.key("output");
    let message = Object::read(output, at)?.take("message").ok_or_else(missing)?;
    let at = at.key("message");
    let content = Object::read(message, at)?.take("content");
    let parts = content.map(|raw| read_blocks(raw, &at.key("content"))).transpose()?.unwrap_or_default();
    let parts: Vec<Part> = parts.into_iter().map(without_citations).collect();
    let calls = parts.iter().any(|part| matches!(part.content, Content::ToolCall { .. }));
    let fields = object.take("additionalModelResponseFields");
    let word = object.string("stopReason").ok().flatten();
    Ok(Answer {
        choices: vec![Choice {
            finish: word.map(|word| read_finish(word, calls, fields.and_then(stop_sequence))),
            parts,
            ..Choice::default()
        }],
        usage: object.take("usage").and_then(|raw| read_usage(raw.get())),
        service_tier: object.take("serviceTier").and_then(tier),
        ..Answer::default()
    })
}

/// A text with citations as its text: elsewhere citations have other forms.
fn without_citations(part: Part) -> Part {
    let Content::Other { kind, json } = &part.content else { return part };
    let text = (kind == "citationsContent").then(|| cited_text(json.get())).flatten();
    text.map_or(part, Part::text)
}

fn cited_text(json: &str) -> Option<String> {
    let raw: &RawValue = serde_json::from_str(json).ok()?;
    let mut block = Object::read(raw, At::BODY).ok()?;
    let content = Object::read(block.take("citationsContent")?, At::BODY).ok()?.take("content")?;
    let parts = read_blocks(content, &At::BODY).ok()?;
    let texts = parts.into_iter().filter_map(|part| match part.content {
        Content::Text(text) => Some(text),
        _ => None,
    });
    Some(texts.collect())
}

fn tier(raw: &RawValue) -> Option<String> {
    Object::read(raw, At::BODY).ok()?.string("type").ok().flatten()
}

/// The stop text that was met, when the request has asked for it.
pub(super) fn stop_sequence(fields: &RawValue) -> Option<String> {
    Object::read(fields, At::BODY).ok()?.string("stop_sequence").ok().flatten()
}

/// Why the answer ended. `calls` says whether it holds calls: not every model says so in its word.
pub(super) fn read_finish(word: String, calls: bool, stop_sequence: Option<String>) -> Finish {
    let reason = match word.as_str() {
        "max_tokens" => FinishReason::Length,
        "stop_sequence" => FinishReason::StopSequence,
        "tool_use" => FinishReason::ToolCalls,
        "guardrail_intervened" | "content_filtered" => FinishReason::ContentFilter,
        "refusal" => FinishReason::Refusal,
        "model_context_window_exceeded" => FinishReason::ContextWindow,
        "malformed_model_output" | "malformed_tool_use" => FinishReason::Error,
        _ if calls => FinishReason::ToolCalls,
        _ => FinishReason::Stop,
    };
    Finish { reason, native: Some(word), stop_sequence }
}

/// The word for why the answer ended.
pub(super) fn finish_word(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop | FinishReason::PauseTurn => "end_turn",
        FinishReason::StopSequence => "stop_sequence",
        FinishReason::Length => "max_tokens",
        FinishReason::ContextWindow => "model_context_window_exceeded",
        FinishReason::ToolCalls => "tool_use",
        FinishReason::ContentFilter => "content_filtered",
        FinishReason::Refusal => "refusal",
        FinishReason::Error => "malformed_model_output",
    }
}

/// Writes a client's answer. The dialect knows one choice: the first.
pub(super) fn encode(response: &Response) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let Response::Chat(answer) = response else {
        write::object(&mut out, |_| {});
        return out;
    };
    let choice = answer.choices.first();
    let parts = choice.map(|choice| choice.parts.as_slice()).unwrap_or_default();
    let finish = choice.and_then(|choice| choice.finish.as_ref());
    write::object(&mut out, |body| {
        body.object("output", |output| {
            output.object("message", |message| {
                message.text("role", "assistant");
                message.list("content", |list| {
                    let (mut names, mut unused) = (Names::default(), Losses::default());
                    let parts = parts.iter().filter(|part| answerable(&part.content));
                    parts.for_each(|part| write_block(part, list, &mut names, &mut unused));
                });
            });
        });
        let reason = finish.map_or(FinishReason::Stop, |finish| finish.reason);
        body.text("stopReason", finish_word(reason));
        body.object("usage", |usage| write_usage(&answer.usage.unwrap_or_default(), usage));
        if let Some(text) = finish.and_then(|finish| finish.stop_sequence.as_deref()) {
            body.object("additionalModelResponseFields", |fields| fields.text("stop_sequence", text));
        }
    });
    out
}

/// Whether an answer to a client can hold the content. Unlike in requests, unsigned reasoning is shown.
fn answerable(content: &Content) -> bool {
    match content {
        Content::Text(text) | Content::Refusal(text) => !text.is_empty(),
        Content::ToolCall { .. } | Content::Thinking { .. } => true,
        Content::RedactedThinking { format, .. } => format.as_deref() == Some(super::block::SEALED),
        _ => false,
    }
}
