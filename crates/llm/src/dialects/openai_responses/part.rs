//! Content of messages and of tool outputs: a string, or a list of typed parts.

use serde_json::value::RawValue;

use crate::dialects::citations::read_annotations;
use crate::dialects::openai::{read_file_data, read_url, write_url};
use crate::dialects::read::{self, At, Object, string};
use crate::dialects::{DecodeError, Losses, write};
use crate::ir::{CacheControl, Content, Json, Part, Source};

/// The name of a file that has none: a file that is sent whole is refused without.
const UNNAMED: &str = "document.pdf";

/// Reads content: a string, or a list of parts.
pub(super) fn read_content(raw: &RawValue, at: &At<'_>) -> Result<Vec<Part>, DecodeError> {
    if !raw.get().starts_with('[') {
        return read::content(raw, at, "parts", |_, _| Err(at.fault("is no list")));
    }
    let mut parts = Vec::new();
    for (index, raw) in read::list(raw, at)?.into_iter().enumerate() {
        read_part(raw, at.index(index), &mut parts)?;
    }
    Ok(parts)
}

/// Reads a part, and behind it the sources of its text.
fn read_part(raw: &RawValue, at: At<'_>, parts: &mut Vec<Part>) -> Result<(), DecodeError> {
    if raw.get().starts_with('"') {
        parts.push(Part::text(string(raw, &at)?));
        return Ok(());
    }
    let mut part = Object::read(raw, at)?;
    let kind = part.need_string("type")?;
    let content = match kind.as_str() {
        "input_text" | "output_text" | "text" => Content::Text(part.need_string("text")?),
        "refusal" => Content::Refusal(part.need_string("refusal")?),
        "input_image" => read_image(&mut part)?,
        "input_file" => read_file(&mut part)?,
        "input_audio" => {
            let raw = part.take("input_audio").ok_or_else(|| at.key("input_audio").fault("is required"))?;
            let mut audio = Object::read(raw, at.key("input_audio"))?;
            Content::Audio { data: audio.need_string("data")?, format: audio.need_string("format")? }
        }
        _ => Content::Other { kind, json: Json::copied(raw) },
    };
    parts.push(Part { content, cache_control: read_breakpoint(&mut part)? });
    let sources = part.take("annotations").map(read_annotations).unwrap_or_default();
    parts.extend(sources.into_iter().map(|source| Part::new(Content::Citation(Box::new(source)))));
    Ok(())
}

fn read_image(part: &mut Object<'_, '_>) -> Result<Content, DecodeError> {
    let at = part.at;
    let source = match (part.take("image_url"), part.string("file_id")?) {
        (Some(raw), _) if raw.get().starts_with('{') => {
            // The form of Chat Completions, which clients mix up with this one.
            read_url(Object::read(raw, at.key("image_url"))?.need_string("url")?)
        }
        (Some(raw), _) => read_url(string(raw, &at.key("image_url"))?),
        (None, Some(id)) => Source::FileId(id),
        (None, None) => return Err(at.fault("one of image_url and file_id is required")),
    };
    // `auto` is what holds when nothing is said; some clients must say it.
    Ok(Content::Image { source, detail: part.string("detail")?.filter(|detail| detail != "auto") })
}

fn read_file(part: &mut Object<'_, '_>) -> Result<Content, DecodeError> {
    let (id, url) = (part.string("file_id")?, part.string("file_url")?);
    let source = match (id, part.string("file_data")?, url) {
        (Some(id), ..) => Source::FileId(id),
        (None, Some(data), _) => read_file_data(data),
        (None, None, Some(url)) => read_url(url),
        _ => return Err(part.at.fault("one of file_id, file_data and file_url is required")),
    };
    Ok(Content::File { source, name: part.string("filename")? })
}

/// Reads a cache marker. Lifetimes here are of half an hour and more; elsewhere the longest is an hour.
fn read_breakpoint(part: &mut Object<'_, '_>) -> Result<Option<CacheControl>, DecodeError> {
    let Some(raw) = part.take("prompt_cache_breakpoint") else { return Ok(None) };
    let at = part.at.key("prompt_cache_breakpoint");
    let ttl = Object::read(raw, at)?.string("ttl")?;
    Ok(Some(CacheControl { ttl: ttl.map(|_| "1h".to_owned()) }))
}

/// The parts that can be said to the model in a message or a tool output; what cannot is noted.
pub(super) fn keep_sayable<'a>(all: &'a [Part], losses: &mut Losses) -> Vec<&'a Part> {
    let mut kept = Vec::with_capacity(all.len());
    for part in all {
        losses.note_if(part.cache_control.is_some(), "cache_control");
        match &part.content {
            Content::Text(_) | Content::Refusal(_) | Content::Audio { .. } | Content::Image { .. } => {}
            // Only a file that is sent whole has a name of its own.
            Content::File { source, name } => losses.note_if(
                name.is_some() && !matches!(source, Source::Base64 { .. }),
                "messages.document.title",
            ),
            content => {
                losses.part(content);
                continue;
            }
        }
        kept.push(part);
    }
    kept
}

/// Writes parts that are [sayable](keep_sayable) as a string when they are one plain text, and as a list otherwise.
pub(super) fn write_content(name: &str, parts: &[&Part], out: &mut write::Object<'_>) {
    match parts {
        [] => out.text(name, ""),
        [Part { content: Content::Text(text), .. }] => out.text(name, text),
        several => out.list(name, |list| {
            several.iter().for_each(|part| list.object(|object| write_part(&part.content, object)));
        }),
    }
}

fn write_part(content: &Content, out: &mut write::Object<'_>) {
    match content {
        Content::Text(text) | Content::Refusal(text) | Content::File { source: Source::Text(text), .. } => {
            out.text("type", "input_text");
            out.text("text", text);
        }
        Content::Image { source, detail } => write_image(source, detail.as_deref(), out),
        Content::File { source: source @ Source::Base64 { media_type, .. }, .. }
            if media_type.starts_with("image/") =>
        {
            write_image(source, None, out);
        }
        Content::File { source, name } => {
            out.text("type", "input_file");
            match source {
                Source::FileId(id) => out.text("file_id", id),
                Source::Url(url) => out.text("file_url", url),
                source => {
                    out.text("filename", name.as_deref().unwrap_or(UNNAMED));
                    out.text("file_data", &write_url(source));
                }
            }
        }
        Content::Audio { data, format } => {
            out.text("type", "input_audio");
            out.object("input_audio", |audio| {
                audio.text("data", data);
                audio.text("format", format);
            });
        }
        _ => {}
    }
}

fn write_image(source: &Source, detail: Option<&str>, out: &mut write::Object<'_>) {
    out.text("type", "input_image");
    match source {
        Source::FileId(id) => out.text("file_id", id),
        source => out.text("image_url", &write_url(source)),
    }
    // Servers that read with the client libraries' own types insist on it.
    out.text("detail", detail.unwrap_or("auto"));
}
