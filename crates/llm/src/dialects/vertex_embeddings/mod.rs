//! Embeddings of Google's Vertex AI, `POST …/publishers/google/models/{model}:predict`: texts are instances, vectors
//! predictions, each with a count of its tokens. It is spoken with providers only.
//! <https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api>

use serde_json::value::RawValue;

use super::read::{At, Object};
use super::{
    Codec, DecodeError, Dialect, Encoded, ErrorShape, Losses, Operation, Outline, Tap, Target, fault, refuse,
    write,
};
use crate::ir::{self, Embedding, Embeddings, EmbeddingsAnswer, Vector};
use crate::usage::Usage;

const OUTLINE: Outline = Outline {
    dialect: Dialect::VertexEmbeddings,
    name: "vertex_embeddings",
    operation: Operation::Embeddings,
    errors: ErrorShape::Google,
    model_in_path: true,
    ..Outline::PROVIDERS_ONLY
};

/// Fields of an instance, under the names of Google's other interface, too.
const OF_INSTANCE: [(&str, &str); 3] =
    [("task_type", "task_type"), ("taskType", "task_type"), ("title", "title")];
/// Parameters.
const AUTO_TRUNCATE: &str = "autoTruncate";

/// The codec.
pub(super) struct VertexEmbeddings;

fn encode(embeddings: &Embeddings) -> Result<Encoded, DecodeError> {
    let texts = embeddings.texts().filter(|texts| !texts.is_empty()).ok_or_else(|| {
        refuse("input", "token ids are not possible with this model; send at least one text")
    })?;
    let mut losses = Losses::default();
    let field = |name: &str| OF_INSTANCE.iter().find(|(known, _)| *known == name).map(|(_, field)| *field);
    let mut body = Vec::with_capacity(256);
    write::object(&mut body, |out| {
        out.list("instances", |list| {
            for text in texts {
                list.object(|instance| {
                    instance.text("content", text);
                    for (name, value) in &embeddings.extra {
                        if let Some(field) = field(name) {
                            instance.json(field, value);
                        }
                    }
                });
            }
        });
        out.object("parameters", |parameters| {
            parameters.maybe_number("outputDimensionality", embeddings.dimensions);
            for (name, value) in &embeddings.extra {
                if name == AUTO_TRUNCATE {
                    parameters.json(name, value);
                } else {
                    losses.note_if(field(name).is_none(), name);
                }
            }
        });
    });
    losses.note_if(embeddings.user.is_some(), "user");
    Ok(Encoded { body, boundary: None, lossy: losses.into_names() })
}

fn decode(body: &[u8]) -> Result<EmbeddingsAnswer, DecodeError> {
    let mut object = Object::body(body)?;
    let Some(predictions) = object.list("predictions")? else {
        return Err(DecodeError { message: fault::read(0, body).message, param: None });
    };
    let at = At::BODY.key("predictions");
    let (mut data, mut input) = (Vec::with_capacity(predictions.len()), None);
    for (index, raw) in predictions.into_iter().enumerate() {
        let at = at.index(index);
        let (floats, tokens) = read_prediction(raw, at)?;
        input = tokens.map(|tokens| input.unwrap_or(0_u64).saturating_add(tokens)).or(input);
        data.push(Embedding { index: index as u64, vector: Vector::Floats(floats) });
    }
    let usage = input.map(|input| Usage { input, ..Usage::default() });
    Ok(EmbeddingsAnswer { model: None, data, usage, format: None })
}

fn read_prediction(raw: &RawValue, at: At<'_>) -> Result<(Vec<f32>, Option<u64>), DecodeError> {
    let missing = |at: At<'_>| at.fault("is missing from the answer");
    let mut prediction = Object::read(raw, at)?;
    let at = at.key("embeddings");
    let raw = prediction.take("embeddings").ok_or_else(|| missing(at))?;
    let mut embeddings = Object::read(raw, at)?;
    let at = at.key("values");
    let values = embeddings.take("values").ok_or_else(|| missing(at))?;
    let floats = serde_json::from_str(values.get()).map_err(|_| at.expected("a list of numbers"))?;
    let statistics = embeddings.take("statistics").and_then(|raw| Object::read(raw, at).ok());
    // A number with a point is a whole one all the same.
    let tokens = statistics.and_then(|mut statistics| statistics.number("token_count").ok().flatten());
    Ok((floats, tokens.filter(|tokens| (0.0..9e15).contains(tokens)).map(|tokens| tokens as u64)))
}

impl Codec for VertexEmbeddings {
    fn outline(&self) -> &'static Outline {
        &OUTLINE
    }

    fn encode_request(&self, request: &ir::Request, _: &Target<'_>) -> Result<Encoded, DecodeError> {
        match request {
            ir::Request::Embeddings(embeddings) => encode(embeddings),
            _ => Err(refuse("model", "this model makes embeddings, it does not generate text")),
        }
    }

    fn decode_response(&self, body: &[u8]) -> Result<ir::Response, DecodeError> {
        decode(body).map(|answer| ir::Response::Embeddings(Box::new(answer)))
    }

    fn tap_response(&self, body: &[u8], tap: &mut Tap) {
        let Ok(answer) = decode(body) else { return };
        tap.usage = answer.usage;
        tap.content_seen = !answer.data.is_empty();
        tap.finished = true;
    }
}
