//! Whole answers.

use serde_json::value::RawValue;

use super::assistant;
use crate::dialects::openai::{finish_word, read_finish, read_usage, write_usage};
use crate::dialects::read::{At, Object};
use crate::dialects::{AnswerContext, DecodeError, citations, fault, write};
use crate::ir::{Answer, Choice, Content, Finish, FinishReason, Part, Response};

/// Where servers tell their sources beside the answer: Perplexity the first two, xAI the second, Zhipu the third.
const SOURCES: [&str; 3] = ["search_results", "citations", "web_search"];

/// Reads an upstream's answer. Fields that only describe it are read loosely.
pub(super) fn decode(body: &[u8]) -> Result<Answer, DecodeError> {
    let mut object = Object::body(body)?;
    if object.take("error").is_some() {
        // Some servers answer errors with status 200.
        return Err(DecodeError { message: fault::read(0, body).message, param: None });
    }
    let at = At::BODY.key("choices");
    let choices = object.list("choices")?.ok_or_else(|| at.fault("is missing from the answer"))?;
    let id = object.string("id").ok().flatten().filter(|id| !id.is_empty());
    let sources = SOURCES.iter().find_map(|name| object.take(name));
    let fallback_id = format!("call_{}", id.as_deref().unwrap_or("0"));
    let choices = choices.into_iter().enumerate().map(|(index, raw)| {
        // They are the first choice's: were they everyone's, a few would become very many.
        let sources = sources.filter(|_| index == 0);
        read_choice(raw, at.index(index), index, (sources, &fallback_id))
    });
    Ok(Answer {
        choices: choices.collect::<Result<_, _>>()?,
        id,
        model: object.string("model").ok().flatten(),
        created: object.integer("created").ok().flatten(),
        usage: object.take("usage").and_then(|raw| read_usage(raw.get())),
        system_fingerprint: object.string("system_fingerprint").ok().flatten(),
        service_tier: object.string("service_tier").ok().flatten(),
    })
}

fn read_choice(
    raw: &RawValue,
    at: At<'_>,
    place: usize,
    (sources, fallback_id): (Option<&RawValue>, &str),
) -> Result<Choice, DecodeError> {
    let mut choice = Object::read(raw, at)?;
    let index = choice.unsigned("index").ok().flatten().and_then(|index| u32::try_from(index).ok());
    let parts = match choice.take("message") {
        Some(raw) => read_message(Object::read(raw, at.key("message"))?, sources, fallback_id)?,
        None => return Err(at.key("message").fault("is missing from the answer")),
    };
    let native = choice.string("finish_reason").ok().flatten();
    let finish = native.filter(|word| !word.is_empty()).map(|word| {
        let mut reason = read_finish(&word);
        let stop_sequence = choice.string("stop_reason").ok().flatten();
        if reason == FinishReason::Stop
            && parts.iter().any(|part| matches!(part.content, Content::Refusal(_)))
        {
            reason = FinishReason::Refusal;
        } else if reason == FinishReason::Stop && stop_sequence.is_some() {
            reason = FinishReason::StopSequence;
        }
        Finish { reason, native: Some(word), stop_sequence }
    });
    Ok(Choice {
        index: index.unwrap_or(u32::try_from(place).unwrap_or(0)),
        parts,
        finish,
        logprobs: choice.json("logprobs"),
    })
}

fn read_message(
    mut message: Object<'_, '_>,
    sources: Option<&RawValue>,
    fallback_id: &str,
) -> Result<Vec<Part>, DecodeError> {
    let mut citations = message.take("annotations").map(citations::read_annotations).unwrap_or_default();
    if citations.is_empty() {
        citations = sources.map(citations::read_sources).unwrap_or_default();
    }
    let images = message.take("images").map(assistant::read_images).unwrap_or_default();
    let mut parts = citations::place(assistant::read_parts(&mut message, fallback_id)?, citations);
    parts.extend(images.into_iter().map(|source| Part::new(Content::Image { source, detail: None })));
    Ok(parts)
}

/// Writes a client's answer.
pub(super) fn encode(response: &Response, context: &AnswerContext) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let Response::Chat(answer) = response else {
        write::object(&mut out, |_| {});
        return out;
    };
    write::object(&mut out, |body| {
        body.text("id", answer.id.as_deref().unwrap_or(&context.id));
        body.text("object", "chat.completion");
        body.number("created", answer.created.unwrap_or(context.created));
        body.text("model", answer.model.as_deref().unwrap_or(&context.model));
        body.list("choices", |list| {
            answer.choices.iter().for_each(|choice| list.object(|object| write_choice(choice, object)))
        });
        if let Some(usage) = &answer.usage {
            body.object("usage", |object| write_usage(usage, object));
        }
        body.maybe_text("service_tier", answer.service_tier.as_deref());
        body.maybe_text("system_fingerprint", answer.system_fingerprint.as_deref());
    });
    out
}

fn write_choice(choice: &Choice, out: &mut write::Object<'_>) {
    out.number("index", choice.index);
    let mut refused = false;
    out.object("message", |message| {
        message.text("role", "assistant");
        refused = assistant::write_parts(&choice.parts, true, message);
    });
    match &choice.logprobs {
        Some(logprobs) => out.json("logprobs", logprobs),
        None => out.null("logprobs"),
    }
    let reason = choice.finish.as_ref().map_or(FinishReason::Stop, |finish| finish.reason);
    let calls = choice.parts.iter().any(|part| matches!(part.content, Content::ToolCall { .. }));
    let reason = if calls && reason == FinishReason::Stop { FinishReason::ToolCalls } else { reason };
    out.text("finish_reason", finish_word(reason, refused));
}
