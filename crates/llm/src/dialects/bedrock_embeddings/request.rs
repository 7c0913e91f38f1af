//! Requests, in the words of each maker.

use crate::dialects::{DecodeError, Encoded, Losses, Target, refuse, write};
use crate::ir::Embeddings;

/// What the vectors are for must be said to Cohere's; texts to be searched are the most usual.
const INPUT_TYPE: &str = "search_document";

/// Writes an upstream's request.
pub(super) fn encode(embeddings: &Embeddings, target: &Target<'_>) -> Result<Encoded, DecodeError> {
    // A prefix names the regions between which the model is served.
    let is_of = |maker: &str| target.model.split('.').any(|word| word == maker);
    let texts = embeddings
        .texts()
        .ok_or_else(|| refuse("input", "token ids are not possible with this model; send text"))?;
    let mut losses = Losses::default();
    let mut body = Vec::with_capacity(256);
    if is_of("cohere") {
        write_cohere(embeddings, &texts, &mut body, &mut losses);
    } else if is_of("amazon") {
        let [text] = texts.as_slice() else {
            return Err(refuse("input", "this model takes one text in a request; send them one by one"));
        };
        write_titan(embeddings, text, target.model, &mut body, &mut losses);
    } else {
        let known = "how this model is asked for embeddings is not known; on Amazon Bedrock those of Amazon \
                     (`amazon.titan-embed-…`) and Cohere (`cohere.embed-…`) are";
        return Err(refuse("model", known));
    }
    losses.note_if(embeddings.user.is_some(), "user");
    Ok(Encoded { body, boundary: None, lossy: losses.into_names() })
}

fn write_cohere(embeddings: &Embeddings, texts: &[&str], body: &mut Vec<u8>, losses: &mut Losses) {
    const OWN: [&str; 2] = ["input_type", "truncate"];
    write::object(body, |out| {
        out.texts("texts", texts.iter().copied());
        if !embeddings.extra.iter().any(|(name, _)| name == "input_type") {
            out.text("input_type", INPUT_TYPE);
        }
        out.texts("embedding_types", ["float"]);
        out.maybe_number("output_dimension", embeddings.dimensions);
        write_own(embeddings, &OWN, out, losses);
    });
}

fn write_titan(embeddings: &Embeddings, text: &str, model: &str, body: &mut Vec<u8>, losses: &mut Losses) {
    write::object(body, |out| {
        out.text("inputText", text);
        // The model for pictures, too, has a place of its own for the length, and the first one takes none.
        if model.contains("titan-embed-image") {
            if let Some(length) = embeddings.dimensions {
                out.object("embeddingConfig", |config| config.number("outputEmbeddingLength", length));
            }
        } else if model.contains("titan-embed-text-v1") || model.contains("titan-embed-g1") {
            losses.note_if(embeddings.dimensions.is_some(), "dimensions");
        } else {
            out.maybe_number("dimensions", embeddings.dimensions);
        }
        write_own(embeddings, &["normalize"], out, losses);
    });
}

fn write_own(embeddings: &Embeddings, own: &[&str], out: &mut write::Object<'_>, losses: &mut Losses) {
    for (name, value) in &embeddings.extra {
        if own.contains(&name.as_str()) {
            out.json(name, value);
        } else {
            losses.note(name);
        }
    }
}
