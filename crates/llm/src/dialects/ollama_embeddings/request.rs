//! Requests.

use crate::dialects::ollama::write_own;
use crate::dialects::read::{At, Object, string, strings};
use crate::dialects::{DecodeError, Encoded, Losses, Target, refuse, write};
use crate::ir::{EmbeddingInput, Embeddings};

/// Whether a request's body is of the newer form, which goes to `/api/embed`.
pub(super) fn is_batch(body: &[u8]) -> bool {
    Object::body(body).is_ok_and(|mut body| body.take("prompt").is_none())
}

/// Reads a client's request.
pub(super) fn decode(body: &[u8]) -> Result<Embeddings, DecodeError> {
    let mut body = Object::body(body)?;
    let input = match body.string("prompt")? {
        Some(prompt) => EmbeddingInput::Text(prompt),
        None => {
            let at = At::BODY.key("input");
            let raw = body.take("input").ok_or_else(|| at.fault("is required"))?;
            match raw.get().as_bytes().first() {
                Some(b'"') => EmbeddingInput::Text(string(raw, &at)?),
                Some(b'[') => EmbeddingInput::Texts(strings(raw, &at)?),
                _ => return Err(at.expected("a string or a list of strings")),
            }
        }
    };
    Ok(Embeddings {
        model: body.need_string("model")?,
        input,
        format: None,
        dimensions: body.unsigned("dimensions")?,
        user: None,
        extra: body.rest(),
    })
}

/// Writes an upstream's request.
pub(super) fn encode(embeddings: &Embeddings, target: &Target<'_>) -> Result<Encoded, DecodeError> {
    let mut losses = Losses::default();
    let mut body = Vec::with_capacity(256);
    let mut tokens = false;
    write::object(&mut body, |out| {
        out.text("model", target.model);
        match &embeddings.input {
            EmbeddingInput::Text(text) => out.text("input", text),
            EmbeddingInput::Texts(texts) => out.texts("input", texts.iter().map(String::as_str)),
            EmbeddingInput::Other(_) => tokens = true,
        }
        out.maybe_number("dimensions", embeddings.dimensions);
        write_own(&embeddings.extra, out, &mut losses);
    });
    if tokens {
        return Err(refuse("input", "token ids are not possible with this model; send text"));
    }
    losses.note_if(embeddings.user.is_some(), "user");
    Ok(Encoded { body, lossy: losses.into_names(), ..Encoded::default() })
}
