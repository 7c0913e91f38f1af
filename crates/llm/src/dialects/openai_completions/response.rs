//! Whole answers. Reasoning and tool calls have no place here and are left out.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::dialects::openai::{finish_word, read_finish, read_usage, write_usage};
use crate::dialects::read::{At, Object};
use crate::dialects::{AnswerContext, DecodeError, fault, write};
use crate::ir::{Answer, Choice, Content, Finish, FinishReason, Json, Part, Response};

/// Reads an upstream's answer.
pub(super) fn decode(body: &[u8]) -> Result<Answer, DecodeError> {
    let mut object = Object::body(body)?;
    if object.take("error").is_some() {
        return Err(DecodeError { message: fault::read(0, body).message, param: None });
    }
    let at = At::BODY.key("choices");
    let choices = object.list("choices")?.ok_or_else(|| at.fault("is missing from the answer"))?;
    Ok(Answer {
        choices: choices
            .into_iter()
            .enumerate()
            .map(|(index, raw)| read_choice(raw, at.index(index), index))
            .collect::<Result<_, _>>()?,
        id: object.string("id").ok().flatten(),
        model: object.string("model").ok().flatten(),
        created: object.integer("created").ok().flatten(),
        usage: object.take("usage").and_then(|raw| read_usage(raw.get())),
        system_fingerprint: object.string("system_fingerprint").ok().flatten(),
        service_tier: object.string("service_tier").ok().flatten(),
    })
}

fn read_choice(raw: &RawValue, at: At<'_>, place: usize) -> Result<Choice, DecodeError> {
    let mut choice = Object::read(raw, at)?;
    let index = choice.unsigned("index").ok().flatten().and_then(|index| u32::try_from(index).ok());
    let text = choice.string("text")?.unwrap_or_default();
    let finish = choice.string("finish_reason").ok().flatten().map(|word| Finish {
        reason: read_finish(&word),
        native: Some(word),
        stop_sequence: choice.string("stop_reason").ok().flatten(),
    });
    // Legacy logprobs have a shape of their own, which only this dialect writes.
    Ok(Choice {
        index: index.unwrap_or(u32::try_from(place).unwrap_or(0)),
        parts: vec![Part::text(text)],
        finish,
        logprobs: choice.json("logprobs"),
    })
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
        body.text("object", "text_completion");
        body.number("created", answer.created.unwrap_or(context.created));
        body.text("model", answer.model.as_deref().unwrap_or(&context.model));
        body.list("choices", |list| {
            for choice in &answer.choices {
                list.object(|object| write_choice(choice, object));
            }
        });
        if let Some(usage) = &answer.usage {
            body.object("usage", |object| write_usage(usage, object));
        }
        body.maybe_text("system_fingerprint", answer.system_fingerprint.as_deref());
    });
    out
}

fn write_choice(choice: &Choice, out: &mut write::Object<'_>) {
    let text: String = choice
        .parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::Text(text) | Content::Refusal(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    out.text("text", &text);
    out.number("index", choice.index);
    write_logprobs(choice.logprobs.as_ref(), &mut 0, out);
    let reason = choice.finish.as_ref().map_or(FinishReason::Stop, |finish| finish.reason);
    out.text("finish_reason", word(reason));
}

/// The finish word; this dialect knows no tool calls.
pub(super) fn word(reason: FinishReason) -> &'static str {
    if reason == FinishReason::ToolCalls { "stop" } else { finish_word(reason, true) }
}

/// Writes logprobs in the legacy shape, from it or from chat's. `offset` counts characters over the whole text.
pub(super) fn write_logprobs(logprobs: Option<&Json>, offset: &mut usize, out: &mut write::Object<'_>) {
    let Some(json) = logprobs else { return out.null("logprobs") };
    let Ok(value) = serde_json::from_str::<Value>(json.get()) else { return out.null("logprobs") };
    let Some(tokens) = value.get("content").and_then(Value::as_array) else {
        return out.json("logprobs", json);
    };
    let token = |entry: &Value| entry.get("token").and_then(Value::as_str).unwrap_or_default().to_owned();
    let probability = |entry: &Value| entry.get("logprob").and_then(Value::as_f64);
    out.object("logprobs", |object| {
        object.list("tokens", |list| tokens.iter().for_each(|entry| list.text(&token(entry))));
        object.list("token_logprobs", |list| tokens.iter().for_each(|entry| list.number(probability(entry))));
        object.list("top_logprobs", |list| {
            for entry in tokens {
                list.object(|top| {
                    for other in entry.get("top_logprobs").and_then(Value::as_array).into_iter().flatten() {
                        top.number(&token(other), probability(other));
                    }
                });
            }
        });
        object.list("text_offset", |list| {
            for entry in tokens {
                list.number(*offset);
                *offset += token(entry).chars().count();
            }
        });
    });
}
