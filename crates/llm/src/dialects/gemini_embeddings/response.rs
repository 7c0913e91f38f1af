//! Answers: one vector, or a list of them.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::dialects::gemini::read_usage;
use crate::dialects::read::{At, Object};
use crate::dialects::{AnswerContext, DecodeError, Tap, fault, write};
use crate::ir::{Embedding, EmbeddingsAnswer, Response, Vector};

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
            items.map(|(index, raw)| read_vector(raw, at.index(index), index)).collect::<Result<_, _>>()?
        }
        None => {
            let at = At::BODY.key("embedding");
            let raw = object.take("embedding").ok_or_else(|| at.fault("is missing from the answer"))?;
            vec![read_vector(raw, at, 0)?]
        }
    };
    let usage = object.take("usageMetadata").and_then(|raw| read_usage(raw.get()));
    Ok(EmbeddingsAnswer { model: None, data, usage, format: None })
}

fn read_vector(raw: &RawValue, at: At<'_>, place: usize) -> Result<Embedding, DecodeError> {
    let mut item = Object::read(raw, at)?;
    let at = at.key("values");
    let values = item.take("values").ok_or_else(|| at.fault("is missing from the answer"))?;
    let floats = serde_json::from_str(values.get()).map_err(|_| at.expected("a list of numbers"))?;
    Ok(Embedding { index: place as u64, vector: Vector::Floats(floats) })
}

/// Writes a client's answer in the form that its request had.
pub(super) fn encode(response: &Response, context: &AnswerContext) -> Vec<u8> {
    let Response::Embeddings(answer) = response else { return b"{}".to_vec() };
    let mut data: Vec<&Embedding> = answer.data.iter().collect();
    // Only their order says which is whose.
    data.sort_by_key(|embedding| embedding.index);
    let mut out = Vec::with_capacity(512);
    write::object(&mut out, |body| {
        match data.as_slice() {
            [one] if !context.embeds_batch => {
                body.object("embedding", |object| object.number("values", &*one.vector.floats()));
            }
            several => body.list("embeddings", |list| {
                several.iter().for_each(|one| {
                    list.object(|object| object.number("values", &*one.vector.floats()));
                });
            }),
        }
        if let Some(usage) = answer.usage {
            body.object("usageMetadata", |object| {
                object.number("promptTokenCount", usage.input);
                object.number("totalTokenCount", usage.input);
            });
        }
    });
    out
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Outline<'a> {
    #[serde(borrow, rename = "usageMetadata")]
    usage: Option<&'a RawValue>,
    embedding: Option<IgnoredAny>,
    embeddings: Option<IgnoredAny>,
}

/// Reads what the record needs.
pub(super) fn tap(body: &[u8], tap: &mut Tap) {
    let Ok(outline) = serde_json::from_slice::<Outline<'_>>(body) else { return };
    tap.usage = outline.usage.and_then(|usage| read_usage(usage.get())).or(tap.usage);
    tap.content_seen |= outline.embedding.is_some() || outline.embeddings.is_some();
    tap.finished = true;
}
