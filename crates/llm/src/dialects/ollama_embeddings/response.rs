//! Answers: a list of vectors, or in the older form one.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialects::ollama::Timing;
use crate::dialects::read::{At, Loose, Object};
use crate::dialects::{AnswerContext, DecodeError, Tap, fault, write};
use crate::ir::{Embedding, EmbeddingsAnswer, Response, Vector};
use crate::usage::Usage;

/// Reads an upstream's answer of either form.
pub(super) fn decode(body: &[u8]) -> Result<EmbeddingsAnswer, DecodeError> {
    let mut object = Object::body(body)?;
    if object.take("error").is_some() {
        return Err(DecodeError { message: fault::read(0, body).message, param: None });
    }
    let data = match object.list("embeddings")? {
        Some(items) => {
            let at = At::BODY.key("embeddings");
            let items = items.into_iter().enumerate();
            items.map(|(index, raw)| read_vector(raw, &at.index(index), index)).collect::<Result<_, _>>()?
        }
        None => {
            let at = At::BODY.key("embedding");
            let raw = object.take("embedding").ok_or_else(|| at.fault("is missing from the answer"))?;
            vec![read_vector(raw, &at, 0)?]
        }
    };
    let input = object.unsigned("prompt_eval_count").ok().flatten();
    Ok(EmbeddingsAnswer {
        model: object.string("model").ok().flatten(),
        data,
        usage: input.map(|input| Usage { input, ..Usage::default() }),
        format: None,
    })
}

fn read_vector(raw: &RawValue, at: &At<'_>, place: usize) -> Result<Embedding, DecodeError> {
    let floats = serde_json::from_str(raw.get()).map_err(|_| at.expected("a list of numbers"))?;
    Ok(Embedding { index: place as u64, vector: Vector::Floats(floats) })
}

/// Writes a client's answer in the form that its request had.
pub(super) fn encode(response: &Response, context: &AnswerContext) -> Vec<u8> {
    let Response::Embeddings(answer) = response else { return b"{}".to_vec() };
    let mut data: Vec<&Embedding> = answer.data.iter().collect();
    // Only their order says which is whose.
    data.sort_by_key(|embedding| embedding.index);
    let mut out = Vec::with_capacity(512);
    write::object(&mut out, |body| match data.as_slice() {
        [one] if !context.embeds_batch => body.number("embedding", &*one.vector.floats()),
        several => {
            body.text("model", answer.model.as_deref().unwrap_or(&context.model));
            body.list("embeddings", |list| {
                several.iter().for_each(|one| list.number(&*one.vector.floats()));
            });
            Timing::new(context.stopwatch).write_total(body);
            body.maybe_number("prompt_eval_count", answer.usage.map(|usage| usage.input));
        }
    });
    out
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Outline<'a> {
    #[serde(borrow)]
    model: Loose<'a>,
    prompt_eval_count: Loose<'a>,
    embedding: Option<serde::de::IgnoredAny>,
    embeddings: Option<serde::de::IgnoredAny>,
}

/// Reads what the record needs.
pub(super) fn tap(body: &[u8], tap: &mut Tap) {
    let Ok(outline) = serde_json::from_slice::<Outline<'_>>(body) else { return };
    let input = outline.prompt_eval_count.number();
    tap.usage = input.map(|input| Usage { input, ..Usage::default() }).or(tap.usage);
    tap.model = outline.model.into_text().or(tap.model.take());
    tap.content_seen |= outline.embedding.is_some() || outline.embeddings.is_some();
    tap.finished = true;
}
