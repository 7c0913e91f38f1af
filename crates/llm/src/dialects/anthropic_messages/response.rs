//! Whole answers, and the words for why they ended.

use super::block::{clean_id, read_content, write_block, write_cited};
use super::usage::{read_usage, write_usage};
use crate::dialects::read::{At, Object};
use crate::dialects::{AnswerContext, DecodeError, Losses, fault, write};
use crate::ir::{Answer, Choice, Citation, Content, Finish, FinishReason, Part, Response};
use crate::usage::Usage;

/// Reads an upstream's answer.
pub(super) fn decode(body: &[u8]) -> Result<Answer, DecodeError> {
    let mut object = Object::body(body)?;
    if object.take("error").is_some() {
        return Err(DecodeError { message: fault::read(0, body).message, param: None });
    }
    let at = At::BODY.key("content");
    let content = object.take("content").ok_or_else(|| at.fault("is missing from the answer"))?;
    let parts = read_content(content, &at)?;
    let stop_sequence = object.string("stop_sequence").ok().flatten();
    let finish = object.string("stop_reason").ok().flatten().map(|word| read_finish(word, stop_sequence));
    let usage = object.take("usage");
    let tier = usage
        .and_then(|raw| Object::read(raw, At::BODY).ok())
        .and_then(|mut usage| usage.string("service_tier").ok().flatten());
    Ok(Answer {
        id: object.string("id").ok().flatten().filter(|id| !id.is_empty()),
        model: object.string("model").ok().flatten(),
        created: None,
        choices: vec![Choice { index: 0, parts, finish, logprobs: None }],
        usage: usage.map(|raw| read_usage(raw.get())),
        system_fingerprint: None,
        service_tier: tier.map(service_tier),
    })
}

/// The tier that served, in OpenAI's words.
pub(super) fn service_tier(word: String) -> String {
    if word == "standard" { "default".to_owned() } else { word }
}

/// Why the answer ended.
pub(super) fn read_finish(word: String, stop_sequence: Option<String>) -> Finish {
    let reason = match word.as_str() {
        "max_tokens" => FinishReason::Length,
        "stop_sequence" => FinishReason::StopSequence,
        "tool_use" => FinishReason::ToolCalls,
        "refusal" => FinishReason::Refusal,
        "pause_turn" => FinishReason::PauseTurn,
        "model_context_window_exceeded" => FinishReason::ContextWindow,
        _ => FinishReason::Stop,
    };
    Finish { reason, native: Some(word), stop_sequence }
}

/// The word for why the answer ended. `calls` says whether it holds tool calls: clients run tools only after
/// `tool_use`, and some upstreams say a plain stop after them.
pub(super) fn finish_word(reason: FinishReason, calls: bool) -> &'static str {
    match reason {
        FinishReason::Stop | FinishReason::StopSequence if calls => "tool_use",
        FinishReason::Stop | FinishReason::Error => "end_turn",
        FinishReason::StopSequence => "stop_sequence",
        FinishReason::Length => "max_tokens",
        FinishReason::ContextWindow => "model_context_window_exceeded",
        FinishReason::ToolCalls => "tool_use",
        FinishReason::ContentFilter | FinishReason::Refusal => "refusal",
        FinishReason::PauseTurn => "pause_turn",
    }
}

/// The id in this dialect's form: the upstream's own when it has it, otherwise one made from the generation id.
pub(super) fn message_id(upstream: Option<&str>, context: &AnswerContext) -> String {
    match upstream {
        Some(id) if id.starts_with("msg_") => id.to_owned(),
        _ if context.id.starts_with("msg_") => context.id.clone(),
        _ => format!("msg_{}", clean_id(&context.id)),
    }
}

/// Writes a client's answer. The dialect knows one choice: the first.
pub(super) fn encode(response: &Response, context: &AnswerContext) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let Response::Chat(answer) = response else {
        write::object(&mut out, |_| {});
        return out;
    };
    let choice = answer.choices.first();
    let parts = choice.map(|choice| choice.parts.as_slice()).unwrap_or_default();
    let finish = choice.and_then(|choice| choice.finish.as_ref());
    write::object(&mut out, |body| {
        body.text("id", &message_id(answer.id.as_deref(), context));
        body.text("type", "message");
        body.text("role", "assistant");
        body.text("model", answer.model.as_deref().unwrap_or(&context.model));
        body.list("content", |list| {
            let mut unused = Losses::default();
            let mut rest = parts;
            while let [part, after @ ..] = rest {
                rest = after;
                match (&part.content, sources(after)) {
                    (Content::Text(text), sources) if !sources.is_empty() && !text.is_empty() => {
                        write_cited(text, &sources, list);
                    }
                    _ if answerable(part) => write_block(part, list, &mut unused),
                    _ => {}
                }
            }
        });
        let calls = parts.iter().any(|part| matches!(part.content, Content::ToolCall { .. }));
        let reason = finish.map_or(FinishReason::Stop, |finish| finish.reason);
        body.text("stop_reason", finish_word(reason, calls));
        body.text_or_null("stop_sequence", finish.and_then(|finish| finish.stop_sequence.as_deref()));
        body.object("usage", |usage| write_usage(&answer.usage.unwrap_or_default(), usage));
    });
    out
}

/// The sources that stand directly at the beginning.
fn sources(parts: &[Part]) -> Vec<&Citation> {
    let source = |part| match part {
        &Part { content: Content::Citation(ref source), .. } => Some(&**source),
        _ => None,
    };
    parts.iter().map_while(source).collect()
}

/// Whether an answer to a client can hold the part. Unlike in requests, unsigned reasoning is shown.
fn answerable(part: &Part) -> bool {
    match &part.content {
        Content::Text(text) | Content::Refusal(text) => !text.is_empty(),
        Content::ToolCall { .. } | Content::Thinking { .. } | Content::RedactedThinking { .. } => true,
        _ => false,
    }
}

/// The body that answers `/v1/messages/count_tokens`.
pub fn count_tokens_answer(input_tokens: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(32);
    write::object(&mut out, |body| body.number("input_tokens", input_tokens));
    out
}

/// Reads an upstream's answer to `/v1/messages/count_tokens`.
pub fn read_count_tokens(body: &[u8]) -> Option<u64> {
    Object::body(body).ok()?.unsigned("input_tokens").ok().flatten()
}

/// Writes the usage of a stream's event.
pub(super) fn write_stream_usage(usage: Option<Usage>, out: &mut write::Object<'_>) {
    out.object("usage", |object| write_usage(&usage.unwrap_or_default(), object));
}
