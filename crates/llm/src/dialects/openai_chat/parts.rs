//! Content of messages: a string, or a list of typed parts.

use serde_json::value::RawValue;

use crate::dialects::openai::{read_file_data, read_url, write_url};
use crate::dialects::read::{self, At, Object, string};
use crate::dialects::{DecodeError, write};
use crate::ir::{CacheControl, Content, Json, Part, Source};

/// Reads `content`: a string, or a list of parts.
pub(super) fn read_content(raw: &RawValue, at: &At<'_>) -> Result<Vec<Part>, DecodeError> {
    read::content(raw, at, "parts", read_part)
}

fn read_part(raw: &RawValue, at: At<'_>) -> Result<Part, DecodeError> {
    if raw.get().starts_with('"') {
        return Ok(Part::text(string(raw, &at)?));
    }
    let mut part = Object::read(raw, at)?;
    let kind = part.need_string("type")?;
    let content = match kind.as_str() {
        "text" | "input_text" | "output_text" => Content::Text(part.need_string("text")?),
        "refusal" => Content::Refusal(part.need_string("refusal")?),
        "image_url" => read_image(&mut part)?,
        "input_audio" => {
            let mut audio = nested(&mut part, "input_audio")?;
            Content::Audio { data: audio.need_string("data")?, format: audio.need_string("format")? }
        }
        "file" => read_file(&mut part)?,
        "thinking" => Content::Thinking {
            text: thinking_text(&mut part)?,
            signature: part.string("signature")?.filter(|signature| !signature.is_empty()),
            format: None,
        },
        "redacted_thinking" => Content::RedactedThinking { data: part.need_string("data")?, format: None },
        _ => Content::Other { kind, json: Json::copied(raw) },
    };
    let cache_control = read_cache_control(&mut part)?;
    Ok(Part { content, cache_control })
}

fn nested<'a, 'p>(part: &'p mut Object<'a, '_>, name: &'static str) -> Result<Object<'a, 'p>, DecodeError> {
    let raw = part.take(name).ok_or_else(|| part.at.key(name).fault("is required"))?;
    let part = &*part;
    Object::read(raw, part.at.key(name))
}

fn read_image(part: &mut Object<'_, '_>) -> Result<Content, DecodeError> {
    let raw = part.take("image_url").ok_or_else(|| part.at.key("image_url").fault("is required"))?;
    let at = part.at.key("image_url");
    if raw.get().starts_with('"') {
        return Ok(Content::Image { source: read_url(string(raw, &at)?), detail: part.string("detail")? });
    }
    let mut image = Object::read(raw, at)?;
    Ok(Content::Image { source: read_url(image.need_string("url")?), detail: image.string("detail")? })
}

fn read_file(part: &mut Object<'_, '_>) -> Result<Content, DecodeError> {
    let mut file = nested(part, "file")?;
    let source = match (file.string("file_id")?, file.string("file_data")?) {
        (Some(id), _) => Source::FileId(id),
        (None, Some(data)) => read_file_data(data),
        (None, None) => return Err(file.at.fault("one of file_data and file_id is required")),
    };
    Ok(Content::File { source, name: file.string("filename")? })
}

/// The text of a thinking part: a string, or a list of text parts (Mistral).
fn thinking_text(part: &mut Object<'_, '_>) -> Result<String, DecodeError> {
    let Some(raw) = part.take("thinking") else { return Ok(String::new()) };
    let at = part.at.key("thinking");
    let parts = read_content(raw, &at)?;
    Ok(parts
        .into_iter()
        .filter_map(|part| if let Content::Text(text) = part.content { Some(text) } else { None })
        .collect())
}

pub(super) fn read_cache_control(object: &mut Object<'_, '_>) -> Result<Option<CacheControl>, DecodeError> {
    let Some(raw) = object.take("cache_control") else { return Ok(None) };
    let at = object.at.key("cache_control");
    Ok(Some(CacheControl { ttl: Object::read(raw, at)?.string("ttl")? }))
}

/// Whether a part can be said in this dialect, in a message that is not the assistant's.
pub(super) fn sayable(part: &Part) -> bool {
    match &part.content {
        Content::Text(_) | Content::Audio { .. } | Content::Refusal(_) => true,
        Content::Image { source, .. } => matches!(source, Source::Base64 { .. } | Source::Url(_)),
        Content::File { .. } => true,
        _ => false,
    }
}

/// Writes `content` as a string when it is one plain text, and as a list of parts otherwise.
pub(super) fn write_content(parts: &[&Part], out: &mut write::Object<'_>) {
    match parts {
        [] => out.text("content", ""),
        [Part { content: Content::Text(text), .. }] => out.text("content", text),
        several => out.list("content", |list| {
            several.iter().for_each(|part| list.object(|object| write_part(part, object)))
        }),
    }
}

fn write_part(part: &Part, out: &mut write::Object<'_>) {
    match &part.content {
        Content::Text(text) => {
            out.text("type", "text");
            out.text("text", text);
        }
        Content::Refusal(text) => {
            out.text("type", "refusal");
            out.text("refusal", text);
        }
        Content::Image { source, detail } => {
            out.text("type", "image_url");
            out.object("image_url", |image| {
                image.text("url", &write_url(source));
                image.maybe_text("detail", detail.as_deref());
            });
        }
        Content::Audio { data, format } => {
            out.text("type", "input_audio");
            out.object("input_audio", |audio| {
                audio.text("data", data);
                audio.text("format", format);
            });
        }
        Content::File { source: Source::Text(text), .. } => {
            out.text("type", "text");
            out.text("text", text);
        }
        Content::File { source, name } => {
            out.text("type", "file");
            out.object("file", |file| {
                file.maybe_text("filename", name.as_deref());
                match source {
                    Source::FileId(id) => file.text("file_id", id),
                    source => file.text("file_data", &write_url(source)),
                }
            });
        }
        _ => {}
    }
}
