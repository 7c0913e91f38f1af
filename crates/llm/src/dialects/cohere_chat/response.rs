//! Whole answers.

use super::finish::{FAILED, finish_word, read_finish};
use super::message::{read_parts, write_parts};
use super::usage::{read_usage, write_usage};
use crate::dialects::read::{At, Object};
use crate::dialects::{AnswerContext, CallIds, DecodeError, fault, write};
use crate::ir::{Answer, Choice, FinishReason, Response};

/// Reads an upstream's answer. What it cites is not told further.
pub(super) fn decode(body: &[u8]) -> Result<Answer, DecodeError> {
    let mut object = Object::body(body)?;
    let at = At::BODY.key("message");
    let id = object.string("id").ok().flatten().filter(|id| !id.is_empty());
    let raw = object.take("message").ok_or_else(|| at.fault("is missing from the answer"))?;
    if !raw.get().starts_with('{') {
        // An error says a sentence here.
        return Err(DecodeError { message: fault::read(0, body).message, param: None });
    }
    let mut ids = CallIds::default();
    ids.answer(id.as_deref());
    let parts = read_parts(&mut Object::read(raw, at)?, &mut ids, body)?;
    let finish = object.string("finish_reason").ok().flatten().map(|word| read_finish(&word));
    if finish.as_ref().is_some_and(|finish| finish.reason == FinishReason::Error) {
        return Err(DecodeError { message: FAILED.to_owned(), param: None });
    }
    Ok(Answer {
        id,
        choices: vec![Choice { index: 0, parts, finish, logprobs: None }],
        usage: object.take("usage").and_then(|raw| read_usage(raw.get())),
        ..Answer::default()
    })
}

/// Writes a client's answer. There is one choice here, the first.
pub(super) fn encode(response: &Response, context: &AnswerContext) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let Response::Chat(answer) = response else {
        write::object(&mut out, |_| {});
        return out;
    };
    let empty = Choice::default();
    let choice = answer.choices.first().unwrap_or(&empty);
    write::object(&mut out, |body| {
        body.text("id", answer.id.as_deref().unwrap_or(&context.id));
        let reason = choice.finish.as_ref().map_or(FinishReason::Stop, |finish| finish.reason);
        body.text("finish_reason", finish_word(reason));
        body.object("message", |message| {
            message.text("role", "assistant");
            write_parts(&choice.parts, message);
        });
        if let Some(usage) = &answer.usage {
            body.object("usage", |object| write_usage(usage, object));
        }
    });
    out
}
