//! Answers: lists of vectors by their form, of which numbers are read.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialects::cohere_chat::read_usage;
use crate::dialects::read::{At, Loose, Object};
use crate::dialects::{AnswerContext, DecodeError, Tap, fault, write};
use crate::ir::{Embedding, EmbeddingsAnswer, Response, Vector};

/// Reads an upstream's answer.
pub(super) fn decode(body: &[u8]) -> Result<EmbeddingsAnswer, DecodeError> {
    let mut object = Object::body(body)?;
    let at = At::BODY.key("embeddings");
    let Some(raw) = object.take("embeddings") else {
        return Err(DecodeError { message: fault::read(0, body).message, param: None });
    };
    let mut forms = Object::read(raw, at)?;
    let at = at.key("float");
    let items = forms.list("float")?.ok_or_else(|| at.fault("is missing from the answer"))?;
    let data = items.into_iter().enumerate().map(|(index, raw)| {
        let at = at.index(index);
        let floats = serde_json::from_str(raw.get()).map_err(|_| at.expected("a list of numbers"))?;
        Ok(Embedding { index: index as u64, vector: Vector::Floats(floats) })
    });
    let data = data.collect::<Result<_, DecodeError>>()?;
    let usage = object.take("meta").and_then(|raw| read_usage(raw.get()));
    Ok(EmbeddingsAnswer { model: None, data, usage, format: None })
}

/// Writes a client's answer.
pub(super) fn encode(response: &Response, context: &AnswerContext) -> Vec<u8> {
    let Response::Embeddings(answer) = response else { return b"{}".to_vec() };
    let mut data: Vec<&Embedding> = answer.data.iter().collect();
    // Only their order says which is whose.
    data.sort_by_key(|embedding| embedding.index);
    let mut out = Vec::with_capacity(512);
    write::object(&mut out, |body| {
        body.text("id", &context.id);
        body.object("embeddings", |forms| {
            forms.list("float", |list| data.iter().for_each(|one| list.number(&*one.vector.floats())));
        });
        if let Some(usage) = answer.usage {
            body.object("meta", |meta| {
                meta.object("billed_units", |units| units.number("input_tokens", usage.input));
            });
        }
    });
    out
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Outline<'a> {
    #[serde(borrow)]
    id: Loose<'a>,
    meta: Option<&'a RawValue>,
    embeddings: Option<serde::de::IgnoredAny>,
}

/// Reads what the record needs.
pub(super) fn tap(body: &[u8], tap: &mut Tap) {
    let Ok(outline) = serde_json::from_slice::<Outline<'_>>(body) else { return };
    tap.id = outline.id.into_text().or(tap.id.take());
    tap.usage = outline.meta.and_then(|raw| read_usage(raw.get())).or(tap.usage);
    tap.content_seen |= outline.embeddings.is_some();
    tap.finished = true;
}
