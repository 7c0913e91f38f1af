//! Answers, and vectors in the form that the client asked for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::dialects::openai::{read_usage, usage_at_end};
use crate::dialects::read::{At, Loose, Object};
use crate::dialects::{AnswerContext, DecodeError, Tap, fault, write};
use crate::ir::{Embedding, EmbeddingFormat, EmbeddingsAnswer, Response, Vector};

/// Reads an upstream's answer.
pub(super) fn decode(body: &[u8]) -> Result<EmbeddingsAnswer, DecodeError> {
    let mut object = Object::body(body)?;
    if object.take("error").is_some() {
        return Err(DecodeError { message: fault::read(0, body).message, param: None });
    }
    let at = At::BODY.key("data");
    let items = object.list("data")?.ok_or_else(|| at.fault("is missing from the answer"))?;
    let data = items
        .into_iter()
        .enumerate()
        .map(|(index, raw)| read_item(raw, at.index(index), index))
        .collect::<Result<_, _>>()?;
    Ok(EmbeddingsAnswer {
        model: object.string("model").ok().flatten(),
        data,
        usage: object.take("usage").and_then(|raw| read_usage(raw.get())),
        format: None,
    })
}

fn read_item(raw: &RawValue, at: At<'_>, place: usize) -> Result<Embedding, DecodeError> {
    let mut item = Object::read(raw, at)?;
    let at = at.key("embedding");
    let raw = item.take("embedding").ok_or_else(|| at.fault("is missing from the answer"))?;
    let expected = || at.expected("a list of numbers or a base64 string");
    let vector = if raw.get().starts_with('"') {
        Vector::Base64(serde_json::from_str(raw.get()).map_err(|_| expected())?)
    } else {
        Vector::Floats(serde_json::from_str(raw.get()).map_err(|_| expected())?)
    };
    Ok(Embedding { index: item.unsigned("index").ok().flatten().unwrap_or(place as u64), vector })
}

/// Writes a client's answer.
pub(super) fn encode(response: &Response, context: &AnswerContext) -> Vec<u8> {
    let Response::Embeddings(answer) = response else { return b"{}".to_vec() };
    let mut out = Vec::with_capacity(512);
    write::object(&mut out, |body| {
        body.text("object", "list");
        body.list("data", |list| {
            for item in &answer.data {
                list.object(|object| {
                    object.text("object", "embedding");
                    object.number("index", item.index);
                    object.with("embedding", |out| write_vector(&item.vector, answer.format, out));
                });
            }
        });
        body.text("model", answer.model.as_deref().unwrap_or(&context.model));
        let input = answer.usage.map_or(0, |usage| usage.input);
        body.object("usage", |usage| {
            usage.number("prompt_tokens", input);
            usage.number("total_tokens", input);
        });
    });
    out
}

fn write_vector(vector: &Vector, format: Option<EmbeddingFormat>, out: &mut Vec<u8>) {
    let numbers = |floats: &[f32], out: &mut Vec<u8>| {
        let _ = serde_json::to_writer(out, floats);
    };
    match (vector, format) {
        (Vector::Floats(floats), Some(EmbeddingFormat::Base64)) => {
            let bytes: Vec<u8> = floats.iter().flat_map(|float| float.to_le_bytes()).collect();
            write::text(out, &STANDARD.encode(bytes));
        }
        (Vector::Base64(text), Some(EmbeddingFormat::Float)) => match STANDARD.decode(text) {
            Ok(bytes) => {
                let floats: Vec<f32> =
                    bytes.as_chunks::<4>().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect();
                numbers(&floats, out);
            }
            // Not base64 after all: said as it came.
            Err(_) => write::text(out, text),
        },
        (Vector::Floats(floats), _) => numbers(floats, out),
        (Vector::Base64(text), _) => write::text(out, text),
    }
}

/// An upstream's answer with its vectors in the form that the client asked for; `None` when they have it already,
/// or when the body is no answer that can be read. For answers that would else pass through: some servers
/// ignore `encoding_format`, and the Node library takes every answer to a request without one for base64.
pub fn recode(body: &[u8], asked: EmbeddingFormat) -> Option<Vec<u8>> {
    let field = memmem::find(body, b"\"embedding\":")?;
    let first = body.get(field + b"\"embedding\":".len()..)?.trim_ascii_start().first()?;
    let given = if *first == b'"' { EmbeddingFormat::Base64 } else { EmbeddingFormat::Float };
    if given == asked {
        return None;
    }
    let mut answer = decode(body).ok()?;
    answer.format = Some(asked);
    Some(encode(&Response::Embeddings(Box::new(answer)), &AnswerContext::default()))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Outline<'a> {
    #[serde(borrow)]
    model: Loose<'a>,
    usage: Option<&'a RawValue>,
    #[serde(rename = "data")]
    _data: IgnoredAny,
}

/// Reads what the record needs.
pub(super) fn tap(body: &[u8], tap: &mut Tap) {
    tap.content_seen = true;
    tap.finished = true;
    let Ok(outline) = serde_json::from_slice::<Outline<'_>>(body) else {
        // Of a large answer only the beginning and the end are seen.
        tap.usage = usage_at_end(body).or(tap.usage);
        return;
    };
    tap.model = outline.model.into_text().or(tap.model.take());
    tap.usage = outline.usage.and_then(|usage| read_usage(usage.get())).or(tap.usage);
}
