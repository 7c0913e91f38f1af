//! Whole answers.

use super::chunk::Chunk;
use super::{Shape, Timing, finish_word, read_finish, write_created};
use crate::dialects::read::At;
use crate::dialects::{AnswerContext, CallIds, DecodeError, Losses, fault, write, write_arguments};
use crate::ir::{Answer, Choice, Content, FinishReason, Json, Part, Response};

/// Reads an upstream's answer, of either shape.
pub(in crate::dialects) fn decode(body: &[u8]) -> Result<Answer, DecodeError> {
    let chunk = Chunk::read(body).ok_or_else(|| At::BODY.fault("expected an answer of Ollama's"))?;
    if chunk.error.is_some() {
        return Err(DecodeError { message: fault::read(0, body).message, param: None });
    }
    if !chunk.has_answer() {
        return Err(At::BODY.key("message").fault("is missing from the answer"));
    }
    let mut ids = CallIds::default();
    let thinking = chunk.thinking().map(|text| Content::Thinking {
        text: text.to_owned(),
        signature: None,
        format: None,
    });
    let text = chunk.text().map(|text| Content::Text(text.to_owned()));
    let calls = chunk.calls().map(|call| call.content(&mut ids, body));
    let parts: Vec<Part> = thinking.into_iter().chain(text).chain(calls).map(Part::new).collect();
    let calls = chunk.calls().next().is_some();
    Ok(Answer {
        choices: vec![Choice {
            index: 0,
            parts,
            finish: Some(read_finish(chunk.done_reason.text(), calls)),
            logprobs: chunk.logprobs(),
        }],
        usage: chunk.usage(),
        model: chunk.model.into_text(),
        ..Answer::default()
    })
}

/// Writes a client's answer. There is one choice here, the first.
pub(in crate::dialects) fn encode(response: &Response, context: &AnswerContext, shape: Shape) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let Response::Chat(answer) = response else {
        write::object(&mut out, |_| {});
        return out;
    };
    let empty = Choice::default();
    let choice = answer.choices.first().unwrap_or(&empty);
    let timing = Timing::new(context.stopwatch);
    write::object(&mut out, |body| {
        body.text("model", answer.model.as_deref().unwrap_or(&context.model));
        write_created(answer.created.unwrap_or(context.created), body);
        match shape {
            Shape::Message => body.object("message", |message| {
                message.text("role", "assistant");
                write_said(&choice.parts, "content", message);
                write_calls(&choice.parts, message, &mut Losses::default());
            }),
            Shape::Response => write_said(&choice.parts, "response", body),
        }
        body.boolean("done", true);
        let finish = choice.finish.as_ref();
        // A model that was only loaded, or let go, has said nothing.
        let own = finish.and_then(|finish| finish.native.as_deref());
        let own = own.filter(|word| matches!(*word, "load" | "unload"));
        let reason = finish.map_or(FinishReason::Stop, |finish| finish.reason);
        body.text("done_reason", own.unwrap_or(finish_word(reason)));
        timing.write_total(body);
        if let Some(usage) = &answer.usage {
            body.number("prompt_eval_count", usage.input);
            timing.write_prompt(body);
            body.number("eval_count", usage.output);
            timing.write_answer(body);
        }
        write_logprobs(choice.logprobs.as_ref(), body);
    });
    out
}

/// Writes text, under `member`, and thoughts.
pub(in crate::dialects) fn write_said(parts: &[Part], member: &str, out: &mut write::Object<'_>) {
    let joined = |pick: fn(&Content) -> Option<&str>| -> String {
        parts.iter().filter_map(|part| pick(&part.content)).collect()
    };
    out.text(
        member,
        &joined(|content| match content {
            Content::Text(text) | Content::Refusal(text) => Some(text),
            _ => None,
        }),
    );
    let thinking = joined(|content| match content {
        Content::Thinking { text, .. } => Some(text),
        _ => None,
    });
    if !thinking.is_empty() {
        out.text("thinking", &thinking);
    }
}

/// Writes `tool_calls`, when there are any.
pub(in crate::dialects) fn write_calls(parts: &[Part], out: &mut write::Object<'_>, losses: &mut Losses) {
    let is_call = |part: &&Part| matches!(part.content, Content::ToolCall { .. });
    if !parts.iter().any(|part| is_call(&part)) {
        return;
    }
    out.list("tool_calls", |list| {
        for part in parts {
            if let Content::ToolCall { id, name, arguments } = &part.content {
                list.object(|call| write_call(id, name, arguments, call, losses));
            }
        }
    });
}

/// Writes a call's members.
pub(super) fn write_call(
    id: &str,
    name: &str,
    arguments: &str,
    call: &mut write::Object<'_>,
    losses: &mut Losses,
) {
    if !id.is_empty() {
        call.text("id", id);
    }
    call.object("function", |function| {
        function.text("name", name);
        write_arguments("arguments", arguments, function, losses);
    });
}

/// Writes probabilities, when they are those of a chat.
pub(super) fn write_logprobs(logprobs: Option<&Json>, out: &mut write::Object<'_>) {
    #[derive(serde::Deserialize)]
    struct Shape<'a> {
        #[serde(borrow)]
        content: Option<&'a serde_json::value::RawValue>,
    }
    let list = logprobs.and_then(|json| serde_json::from_str::<Shape<'_>>(json.get()).ok()?.content);
    if let Some(list) = list.filter(|list| list.get().starts_with('[')) {
        out.raw("logprobs", list.get());
    }
}
