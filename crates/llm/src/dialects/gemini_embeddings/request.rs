//! Requests: one content, or a list of requests with one content each.

use serde_json::value::RawValue;

use crate::dialects::read::{At, Object, list};
use crate::dialects::{DecodeError, Encoded, Losses, Target, refuse, write};
use crate::ir::{EmbeddingInput, Embeddings, Json};

/// What every request of a batch repeats, and the IR holds once or not at all.
const SHARED: [&str; 2] = ["taskType", "title"];

/// What is embedded: a text, or a content that holds more.
enum Content {
    Text(String),
    More(Json),
}

/// Whether a request's body, a client's or one for an upstream, is a batch and goes to `:batchEmbedContents`.
pub(super) fn is_batch(body: &[u8]) -> bool {
    Object::body(body).is_ok_and(|mut body| body.take("requests").is_some())
}

/// Reads a client's request. The model is told by the path; that a batch repeats it says nothing new.
pub(super) fn decode(body: &[u8]) -> Result<Embeddings, DecodeError> {
    let mut body = Object::body(body)?.in_camel_case();
    let Some(requests) = body.list("requests")? else {
        let (content, dimensions) = read_request(&mut body)?;
        let input = match content {
            Content::Text(text) => EmbeddingInput::Text(text),
            Content::More(json) => EmbeddingInput::Other(json),
        };
        return Ok(embeddings(input, dimensions, body.rest()));
    };
    let at = At::BODY.key("requests");
    let mut contents = Vec::with_capacity(requests.len());
    let mut dimensions = None;
    let mut extra: Vec<(String, Json)> = Vec::new();
    for (index, raw) in requests.into_iter().enumerate() {
        let mut request = Object::read(raw, at.index(index))?.in_camel_case();
        let (content, asked) = read_request(&mut request)?;
        contents.push(content);
        // The first request speaks for all; where another differs, that is kept under its own name.
        if index == 0 {
            dimensions = asked;
            extra = request.rest();
            continue;
        }
        if let Some(asked) = asked.filter(|_| asked != dimensions) {
            let name = format!("requests[{index}].outputDimensionality");
            extra.extend(Json::parse(&asked.to_string()).map(|json| (name, json)));
        }
        for (name, value) in request.rest() {
            if !extra.iter().any(|(known, first)| *known == name && *first == value) {
                extra.push((format!("requests[{index}].{name}"), value));
            }
        }
    }
    if contents.is_empty() {
        return Err(at.expected("at least one request"));
    }
    let mut rest = body.rest();
    rest.append(&mut extra);
    Ok(embeddings(batch(contents), dimensions, rest))
}

fn embeddings(input: EmbeddingInput, dimensions: Option<u64>, extra: Vec<(String, Json)>) -> Embeddings {
    Embeddings { model: String::new(), input, format: None, dimensions, user: None, extra }
}

/// Takes content and length of one request; the model is dropped.
fn read_request(request: &mut Object<'_, '_>) -> Result<(Content, Option<u64>), DecodeError> {
    request.string("model")?;
    let parent = request.at;
    let at = parent.key("content");
    let raw = request.take("content").ok_or_else(|| at.fault("is required"))?;
    Ok((read_content(raw, at)?, request.unsigned("outputDimensionality")?))
}

/// The parts of a content are embedded as one.
fn read_content(raw: &RawValue, at: At<'_>) -> Result<Content, DecodeError> {
    let mut content = Object::read(raw, at)?;
    let at = at.key("parts");
    let parts = content.take("parts").ok_or_else(|| at.fault("is required"))?;
    let mut texts = Vec::new();
    for (index, part) in list(parts, &at)?.into_iter().enumerate() {
        match Object::read(part, at.index(index))?.string("text")? {
            Some(text) => texts.push(text),
            None => return Ok(Content::More(Json::copied(raw))),
        }
    }
    Ok(Content::Text(texts.join("\n")))
}

fn batch(contents: Vec<Content>) -> EmbeddingInput {
    if contents.iter().all(|content| matches!(content, Content::Text(_))) {
        let texts = contents.into_iter().filter_map(|content| match content {
            Content::Text(text) => Some(text),
            Content::More(_) => None,
        });
        return EmbeddingInput::Texts(texts.collect());
    }
    let mut out = b"[".to_vec();
    for (index, content) in contents.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        match content {
            Content::Text(text) => write::object(&mut out, |content| write_text(text, content)),
            Content::More(json) => out.extend_from_slice(json.get().as_bytes()),
        }
    }
    out.push(b']');
    let json = Json::parse(&String::from_utf8_lossy(&out));
    json.map_or_else(|| EmbeddingInput::Texts(Vec::new()), EmbeddingInput::Other)
}

/// Writes an upstream's request: one text by itself, several as a batch, in which each names the model.
pub(super) fn encode(embeddings: &Embeddings, target: &Target<'_>) -> Result<Encoded, DecodeError> {
    let mut losses = Losses::default();
    let contents = contents(&embeddings.input)?;
    let model =
        if target.model.contains('/') { target.model.to_owned() } else { format!("models/{}", target.model) };
    let mut body = Vec::with_capacity(256);
    write::object(&mut body, |out| match contents.as_slice() {
        [one] => write_request(one, embeddings, out),
        several => out.list("requests", |list| {
            for content in several {
                list.object(|out| {
                    out.text("model", &model);
                    write_request(content, embeddings, out);
                });
            }
        }),
    });
    losses.note_if(embeddings.user.is_some(), "user");
    let lost = embeddings.extra.iter().filter(|(name, _)| !SHARED.contains(&name.as_str()));
    lost.for_each(|(name, _)| losses.note(name));
    Ok(Encoded { body, lossy: losses.into_names(), ..Encoded::default() })
}

/// One content to be written.
enum Asked<'a> {
    Text(&'a str),
    Whole(&'a RawValue),
}

fn contents(input: &EmbeddingInput) -> Result<Vec<Asked<'_>>, DecodeError> {
    let json = match input {
        EmbeddingInput::Text(text) => return Ok(vec![Asked::Text(text)]),
        EmbeddingInput::Texts(texts) if texts.is_empty() => {
            return Err(refuse("input", "at least one text is needed"));
        }
        EmbeddingInput::Texts(texts) => return Ok(texts.iter().map(|text| Asked::Text(text)).collect()),
        EmbeddingInput::Other(json) => json.get(),
    };
    let whole: Vec<&RawValue> = if json.starts_with('{') {
        serde_json::from_str(json).into_iter().collect()
    } else {
        serde_json::from_str(json).unwrap_or_default()
    };
    let has_parts = |raw: &&RawValue| {
        Object::read(raw, At::BODY).is_ok_and(|mut content| content.take("parts").is_some())
    };
    if whole.is_empty() || !whole.iter().all(has_parts) {
        return Err(refuse("input", "token ids are not possible with this model; send text"));
    }
    Ok(whole.into_iter().map(Asked::Whole).collect())
}

fn write_request(content: &Asked<'_>, embeddings: &Embeddings, out: &mut write::Object<'_>) {
    match content {
        Asked::Text(text) => out.object("content", |content| write_text(text, content)),
        Asked::Whole(raw) => out.raw("content", raw.get()),
    }
    for (name, value) in embeddings.extra.iter().filter(|(name, _)| SHARED.contains(&name.as_str())) {
        out.json(name, value);
    }
    out.maybe_number("outputDimensionality", embeddings.dimensions);
}

fn write_text(text: &str, content: &mut write::Object<'_>) {
    content.list("parts", |list| list.object(|part| part.text("text", text)));
}
