//! Requests.

use crate::dialects::read::{At, Object, strings};
use crate::dialects::{DecodeError, Encoded, Losses, Target, refuse, write};
use crate::ir::{EmbeddingInput, Embeddings, Json};

/// What the vectors are for must be said; texts to be searched are the most usual.
const INPUT_TYPE: &str = "search_document";
/// Fields that have no place in the IR and are written again as they were read.
const OWN: [&str; 4] = ["input_type", "truncate", "max_tokens", "priority"];

/// Reads a request. Other forms of vectors than numbers are not read.
pub(super) fn decode(body: &[u8]) -> Result<Embeddings, DecodeError> {
    let mut body = Object::body(body)?;
    let input = match (body.take("texts"), body.take("inputs")) {
        (Some(raw), _) => EmbeddingInput::Texts(strings(raw, &At::BODY.key("texts"))?),
        (None, Some(raw)) => EmbeddingInput::Other(Json::copied(raw)),
        (None, None) => return Err(At::BODY.key("texts").fault("is required")),
    };
    body.take("embedding_types");
    Ok(Embeddings {
        model: body.need_string("model")?,
        input,
        format: None,
        dimensions: body.unsigned("output_dimension")?,
        user: None,
        extra: body.rest(),
    })
}

/// Writes an upstream's request.
pub(super) fn encode(embeddings: &Embeddings, target: &Target<'_>) -> Result<Encoded, DecodeError> {
    let mut losses = Losses::default();
    let texts = embeddings
        .texts()
        .ok_or_else(|| refuse("input", "token ids are not possible with this model; send text"))?;
    let mut body = Vec::with_capacity(256);
    write::object(&mut body, |out| {
        out.text("model", target.model);
        out.texts("texts", texts);
        if !embeddings.extra.iter().any(|(name, _)| name == "input_type") {
            out.text("input_type", INPUT_TYPE);
        }
        out.texts("embedding_types", ["float"]);
        out.maybe_number("output_dimension", embeddings.dimensions);
        for (name, value) in &embeddings.extra {
            if OWN.contains(&name.as_str()) {
                out.json(name, value);
            } else {
                losses.note(name);
            }
        }
    });
    losses.note_if(embeddings.user.is_some(), "user");
    Ok(Encoded { body, lossy: losses.into_names(), ..Encoded::default() })
}
