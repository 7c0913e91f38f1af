//! Answers: one vector with its tokens (Titan), or several in one of two shapes (Cohere).

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialects::read::{At, Loose, Object};
use crate::dialects::{DecodeError, Tap, fault};
use crate::ir::{Embedding, EmbeddingsAnswer, Vector};
use crate::usage::Usage;

/// Reads an upstream's answer.
pub(super) fn decode(body: &[u8]) -> Result<EmbeddingsAnswer, DecodeError> {
    let mut object = Object::body(body)?;
    let usage = object.unsigned("inputTextTokenCount").ok().flatten().map(counted);
    let vectors = match (object.take("embedding"), object.take("embeddings")) {
        (Some(one), _) => vec![read_vector(one, &At::BODY.key("embedding"))?],
        (None, Some(raw)) => read_vectors(raw)?,
        (None, None) => return Err(DecodeError { message: fault::read(0, body).message, param: None }),
    };
    let data = vectors.into_iter().enumerate();
    let data = data.map(|(index, floats)| Embedding { index: index as u64, vector: Vector::Floats(floats) });
    Ok(EmbeddingsAnswer { model: None, data: data.collect(), usage, format: None })
}

fn counted(input: u64) -> Usage {
    Usage { input, ..Usage::default() }
}

fn read_vector(raw: &RawValue, at: &At<'_>) -> Result<Vec<f32>, DecodeError> {
    serde_json::from_str(raw.get()).map_err(|_| at.expected("a list of numbers"))
}

/// A list of vectors, or lists by their form.
fn read_vectors(raw: &RawValue) -> Result<Vec<Vec<f32>>, DecodeError> {
    let at = At::BODY.key("embeddings");
    let lists = if raw.get().starts_with('{') {
        let floats = Object::read(raw, at)?.take("float");
        floats.ok_or_else(|| at.key("float").fault("is missing from the answer"))?
    } else {
        raw
    };
    let lists = crate::dialects::read::list(lists, &at)?;
    lists.into_iter().enumerate().map(|(index, raw)| read_vector(raw, &at.index(index))).collect()
}

/// Reads what the record needs.
pub(super) fn tap(body: &[u8], tap: &mut Tap) {
    #[derive(Deserialize, Default)]
    #[serde(default, rename_all = "camelCase")]
    struct Said<'a> {
        #[serde(borrow)]
        input_text_token_count: Loose<'a>,
        id: Loose<'a>,
        embedding: Option<serde::de::IgnoredAny>,
        embeddings: Option<serde::de::IgnoredAny>,
    }
    let Ok(said) = serde_json::from_slice::<Said<'_>>(body) else { return };
    tap.usage = said.input_text_token_count.number().map(counted);
    tap.id = said.id.into_text();
    tap.content_seen = said.embedding.is_some() || said.embeddings.is_some();
    tap.finished = true;
}
