//! Parts of a prompt's messages.

use serde_json::value::RawValue;

use super::metadata::{self, Said};
use crate::dialects::DecodeError;
use crate::dialects::openai::read_url;
use crate::dialects::read::{At, Object, list, string};
use crate::ir::{Content, Json, Part, Source};

/// Reads one part of a message.
pub(super) fn read(raw: &RawValue, at: At<'_>) -> Result<Part, DecodeError> {
    let mut part = Object::read(raw, at)?;
    let kind = part.need_string("type")?;
    let Said { proof, cache_control } = metadata::read(&mut part)?;
    let content = match kind.as_str() {
        "text" => Content::Text(part.need_string("text")?),
        "file" | "media" | "file-data" | "image-data" | "file-url" | "image-url" => read_file(&mut part)?,
        "reasoning" => metadata::reasoning(part.string("text")?.unwrap_or_default(), proof),
        "tool-call" => Content::ToolCall {
            id: part.need_string("toolCallId")?,
            name: part.need_string("toolName")?,
            arguments: part.take("input").map_or_else(|| Ok("{}".to_owned()), read_input)?,
        },
        "tool-result" => read_result(&mut part)?,
        _ => Content::Other { kind, json: Json::copied(raw) },
    };
    Ok(Part { content, cache_control })
}

/// The input of a call is any JSON; a text is JSON that has not been parsed.
fn read_input(raw: &RawValue) -> Result<String, DecodeError> {
    if raw.get().starts_with('"') { string(raw, &At::BODY) } else { Ok(raw.get().to_owned()) }
}

/// A file: since version 4 an object that says how it is given, before a text that is a URL or base64.
fn read_file(part: &mut Object<'_, '_>) -> Result<Content, DecodeError> {
    let at = part.at;
    let media_type = part.string("mediaType")?.unwrap_or_default();
    let name = part.string("filename")?;
    let url = part.string("url")?.map(|url| read_text(url, &media_type));
    let source = match url {
        Some(source) => source,
        None => {
            let raw = part.take("data").ok_or_else(|| at.key("data").fault("is required"))?;
            read_data(raw, at.key("data"), &media_type)?
        }
    };
    let media_type = match &source {
        Source::Base64 { media_type, .. } => media_type.clone(),
        _ => media_type,
    };
    if media_type.starts_with("image/") {
        return Ok(Content::Image { source, detail: None });
    }
    match (media_type.strip_prefix("audio/"), source) {
        (Some(format), Source::Base64 { data, .. }) => {
            let format = match format {
                "mpeg" => "mp3",
                "x-wav" | "wave" => "wav",
                format => format,
            };
            Ok(Content::Audio { data, format: format.to_owned() })
        }
        (_, source) => Ok(Content::File { source, name }),
    }
}

fn read_data(raw: &RawValue, at: At<'_>, media_type: &str) -> Result<Source, DecodeError> {
    if raw.get().starts_with('"') {
        return Ok(read_text(string(raw, &at)?, media_type));
    }
    let mut data = Object::read(raw, at)?;
    Ok(match data.need_string("type")?.as_str() {
        "data" => read_text(data.need_string("data")?, media_type),
        "url" => read_text(data.need_string("url")?, media_type),
        "text" => Source::Text(data.need_string("text")?),
        "reference" => {
            // The file's id at each provider that has it; which one will be asked is not known here.
            let reference = data.take("reference").ok_or_else(|| at.key("reference").fault("is required"))?;
            let ids = Object::read(reference, at.key("reference"))?.rest();
            let id = ids.iter().find_map(|(_, id)| serde_json::from_str::<String>(id.get()).ok());
            Source::FileId(id.ok_or_else(|| at.key("reference").expected("ids by provider"))?)
        }
        _ => return Err(at.key("type").expected("one of data, url, text and reference")),
    })
}

fn read_text(text: String, media_type: &str) -> Source {
    if text.starts_with("data:") {
        return read_url(text);
    }
    if text.starts_with("https://") || text.starts_with("http://") || text.starts_with("gs://") {
        return Source::Url(text);
    }
    Source::Base64 { media_type: exact(media_type, &text).to_owned(), data: text }
}

/// A picture's own media type where only `image/*` is said: told by how its first bytes look in base64.
fn exact<'m>(media_type: &'m str, base64: &str) -> &'m str {
    const SIGNS: [(&str, &str); 5] = [
        ("iVBORw", "image/png"),
        ("/9j/", "image/jpeg"),
        ("R0lG", "image/gif"),
        ("UklGR", "image/webp"),
        ("JVBERi", "application/pdf"),
    ];
    if !media_type.is_empty() && !media_type.ends_with("/*") {
        return media_type;
    }
    let found = SIGNS.iter().find(|(sign, _)| base64.starts_with(sign)).map(|(_, exact)| *exact);
    found.unwrap_or(if media_type == "image/*" { "image/png" } else { "application/octet-stream" })
}

fn read_result(part: &mut Object<'_, '_>) -> Result<Content, DecodeError> {
    let parent = part.at;
    let id = part.need_string("toolCallId")?;
    let at = parent.key("output");
    let raw = part.take("output").ok_or_else(|| at.fault("is required"))?;
    let mut output = Object::read(raw, at)?;
    let kind = output.need_string("type")?;
    let at = at.key("value");
    let text = |raw: Option<&RawValue>| -> Result<Vec<Part>, DecodeError> {
        let text = match raw {
            Some(raw) if raw.get().starts_with('"') => string(raw, &at)?,
            Some(raw) => raw.get().to_owned(),
            None => return Err(at.fault("is required")),
        };
        Ok(vec![Part::text(text)])
    };
    let parts = match kind.as_str() {
        "text" | "error-text" => text(output.take("value"))?,
        "json" | "error-json" => {
            vec![Part::text(output.take("value").map_or("null", RawValue::get))]
        }
        "execution-denied" => {
            vec![Part::text(output.string("reason")?.unwrap_or_else(|| "Tool execution denied.".to_owned()))]
        }
        "content" => {
            let raw = output.take("value").ok_or_else(|| at.fault("is required"))?;
            let items = list(raw, &at)?.into_iter().enumerate();
            items.map(|(index, raw)| read(raw, at.index(index))).collect::<Result<_, _>>()?
        }
        _ => return Err(parent.key("output").expected("a tool's output")),
    };
    Ok(Content::ToolResult { id, parts, is_error: matches!(kind.as_str(), "error-text" | "error-json") })
}
