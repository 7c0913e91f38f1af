//! Requests.

use crate::dialects::read::{At, Object, string, strings};
use crate::dialects::{DecodeError, Encoded, Losses, Target, write};
use crate::ir::{EmbeddingFormat, EmbeddingInput, Embeddings, Json};

/// Reads a client's request.
pub(super) fn decode(body: &[u8]) -> Result<Embeddings, DecodeError> {
    let mut body = Object::body(body)?;
    let at = At::BODY.key("input");
    let raw = body.take("input").ok_or_else(|| at.fault("is required"))?;
    let text = raw.get();
    let inner = text.get(1..).unwrap_or_default().trim_start();
    let input = match text.as_bytes().first() {
        Some(b'"') => EmbeddingInput::Text(string(raw, &at)?),
        Some(b'[') if inner.starts_with('"') => EmbeddingInput::Texts(strings(raw, &at)?),
        Some(b'[') => EmbeddingInput::Other(Json::copied(raw)),
        _ => return Err(at.expected("a string, a list of strings or a list of token ids")),
    };
    let format = match body.string("encoding_format")?.as_deref() {
        None => None,
        Some("float") => Some(EmbeddingFormat::Float),
        Some("base64") => Some(EmbeddingFormat::Base64),
        Some(_) => return Err(At::BODY.key("encoding_format").expected("float or base64")),
    };
    Ok(Embeddings {
        model: body.need_string("model")?,
        input,
        format,
        dimensions: body.unsigned("dimensions")?,
        user: body.string("user")?,
        extra: body.rest(),
    })
}

/// Writes an upstream's request.
pub(super) fn encode(embeddings: &Embeddings, target: &Target<'_>) -> Encoded {
    let mut losses = Losses::default();
    let mut body = Vec::with_capacity(256);
    write::object(&mut body, |out| {
        out.text("model", target.model);
        match &embeddings.input {
            EmbeddingInput::Text(text) => out.text("input", text),
            EmbeddingInput::Texts(texts) => out.texts("input", texts.iter().map(String::as_str)),
            EmbeddingInput::Other(json) => out.json("input", json),
        }
        out.maybe_text(
            "encoding_format",
            embeddings.format.map(|format| match format {
                EmbeddingFormat::Float => "float",
                EmbeddingFormat::Base64 => "base64",
            }),
        );
        out.maybe_number("dimensions", embeddings.dimensions);
        out.maybe_text("user", embeddings.user.as_deref());
    });
    losses.extra(&embeddings.extra);
    Encoded { body, lossy: losses.into_names(), ..Encoded::default() }
}
