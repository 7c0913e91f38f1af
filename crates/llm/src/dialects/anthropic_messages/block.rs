//! Content blocks, alike in requests and answers.

use std::borrow::Cow;

use base64::Engine;
use serde_json::value::RawValue;

use crate::dialects::read::{self, At, Object, is_object};
use crate::dialects::seal::{Proof, seal, unseal};
use crate::dialects::{DecodeError, Losses, citations, write};
use crate::ir::{CacheControl, Citation, Content, Json, Part, Source};

/// Marks reasoning as this dialect's own.
pub(super) const FORMAT: &str = "anthropic-claude-v1";

/// Reads `content`: a string, or a list of blocks.
pub(super) fn read_content(raw: &RawValue, at: &At<'_>) -> Result<Vec<Part>, DecodeError> {
    if !raw.get().starts_with('[') {
        return read::content(raw, at, "content blocks", |_, _| Err(at.fault("is no list")));
    }
    let mut parts = Vec::new();
    for (index, raw) in read::list(raw, at)?.into_iter().enumerate() {
        let (part, citations) = read_block(raw, at.index(index))?;
        parts.push(part);
        parts.extend(citations);
    }
    Ok(parts)
}

/// Reads one block, and the sources of its text.
fn read_block(raw: &RawValue, at: At<'_>) -> Result<(Part, Vec<Part>), DecodeError> {
    let mut block = Object::read(raw, at)?;
    let mut citations = Vec::new();
    let kind = block.need_string("type")?;
    let content = match kind.as_str() {
        "text" => {
            if let Some(raw) = block.take("citations") {
                citations = read_citations(raw);
            }
            Content::Text(block.need_string("text")?)
        }
        "image" => Content::Image { source: need_source(&mut block)?, detail: None },
        "document" => read_document(&mut block, &kind, raw)?,
        "tool_use" => Content::ToolCall {
            id: block.need_string("id")?,
            name: block.need_string("name")?,
            arguments: block.take("input").map_or_else(|| "{}".to_owned(), |input| input.get().to_owned()),
        },
        "tool_result" => Content::ToolResult {
            id: block.need_string("tool_use_id")?,
            parts: block
                .take("content")
                .map(|raw| read_content(raw, &at.key("content")))
                .transpose()?
                .unwrap_or_default(),
            is_error: block.boolean("is_error")?.unwrap_or(false),
        },
        "thinking" => {
            let text = block.string("thinking")?.unwrap_or_default();
            // Reasoning that no one has signed is given to clients with an empty signature; it comes back unsigned.
            match block.string("signature")?.filter(|signature| !signature.is_empty()) {
                None => Content::Thinking { text, signature: None, format: Some(FORMAT.to_owned()) },
                Some(signature) => {
                    let Proof { text: signature, format, .. } = unseal(FORMAT, signature);
                    Content::Thinking { text, signature: Some(signature), format }
                }
            }
        }
        "redacted_thinking" => {
            let Proof { text: data, format, .. } = unseal(FORMAT, block.need_string("data")?);
            Content::RedactedThinking { data, format }
        }
        _ => Content::Other { kind, json: Json::copied(raw) },
    };
    Ok((Part { content, cache_control: read_cache_control(&mut block)? }, citations))
}

/// The sources on the web among a text's citations. Those of documents have no address.
fn read_citations(raw: &RawValue) -> Vec<Part> {
    let list: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
    let read = list.into_iter().take(citations::MOST).filter_map(citations::read_anthropic);
    read.map(|citation| Part::new(Content::Citation(Box::new(citation)))).collect()
}

fn read_document(block: &mut Object<'_, '_>, kind: &str, raw: &RawValue) -> Result<Content, DecodeError> {
    let at = block.at;
    let name = block.string("title")?;
    let source = block.take("source").ok_or_else(|| at.key("source").fault("is required"))?;
    match read_source(source, at.key("source"))? {
        Some(source) => Ok(Content::File { source, name }),
        None => Ok(Content::Other { kind: kind.to_owned(), json: Json::copied(raw) }),
    }
}

fn need_source(block: &mut Object<'_, '_>) -> Result<Source, DecodeError> {
    let parent = block.at;
    let at = parent.key("source");
    let raw = block.take("source").ok_or_else(|| at.fault("is required"))?;
    read_source(raw, at)?.ok_or_else(|| at.key("type").expected("one of base64, url and file"))
}

/// A source, or nothing when it is of a type without a place in the IR (a list of blocks).
fn read_source(raw: &RawValue, at: At<'_>) -> Result<Option<Source>, DecodeError> {
    let mut source = Object::read(raw, at)?;
    Ok(Some(match source.need_string("type")?.as_str() {
        "base64" => Source::Base64 {
            media_type: source.need_string("media_type")?,
            data: source.need_string("data")?,
        },
        "url" => Source::Url(source.need_string("url")?),
        "file" => Source::FileId(source.need_string("file_id")?),
        "text" => Source::Text(source.need_string("data")?),
        _ => return Ok(None),
    }))
}

/// Reads a cache marker.
pub(super) fn read_cache_control(object: &mut Object<'_, '_>) -> Result<Option<CacheControl>, DecodeError> {
    let Some(raw) = object.take("cache_control") else { return Ok(None) };
    let at = object.at.key("cache_control");
    Ok(Some(CacheControl { ttl: Object::read(raw, at)?.string("ttl")? }))
}

/// Writes a cache marker.
pub(super) fn write_cache_control(cache: Option<&CacheControl>, out: &mut write::Object<'_>) {
    if let Some(cache) = cache {
        out.object("cache_control", |object| {
            object.text("type", "ephemeral");
            object.maybe_text("ttl", cache.ttl.as_deref());
        });
    }
}

/// Whether a part becomes a block of a turn; what cannot is noted. The API refuses empty text.
pub(super) fn sayable(part: &Part, assistant: bool, losses: &mut Losses) -> bool {
    match &part.content {
        Content::Text(text) | Content::Refusal(text) => !text.is_empty(),
        Content::ToolCall { .. } => assistant,
        Content::ToolResult { .. } => !assistant,
        Content::Image { detail, .. } if !assistant => {
            losses.note_if(
                detail.as_deref().is_some_and(|detail| detail != "auto"),
                "messages.content.image.detail",
            );
            true
        }
        Content::File { .. } if !assistant => true,
        Content::Thinking { signature: Some(_), format, .. } | Content::RedactedThinking { format, .. }
            if assistant && is_own(format.as_deref()) =>
        {
            true
        }
        content => {
            losses.part(content);
            false
        }
    }
}

/// Whether a signature or sealed reasoning of this format was made by Claude, as what is nobody's is taken to be.
/// Clients send back whatever they are given, and Claude refuses the signatures of others.
fn is_own(format: Option<&str>) -> bool {
    format.is_none_or(|format| format == FORMAT)
}

/// Writes one block that is [`sayable`].
pub(super) fn write_block(part: &Part, list: &mut write::List<'_>, losses: &mut Losses) {
    list.object(|out| {
        match &part.content {
            Content::Text(text) | Content::Refusal(text) => {
                out.text("type", "text");
                out.text("text", text);
            }
            Content::Image { source, .. } => {
                out.text("type", "image");
                write_source(source, out);
            }
            Content::File { source, name } => write_document(source, name.as_deref(), out),
            Content::ToolCall { id, name, arguments } => {
                out.text("type", "tool_use");
                out.text("id", &clean_id(id));
                out.text("name", name);
                write_input(arguments, out, losses);
            }
            Content::ToolResult { id, parts, is_error } => write_result(id, parts, *is_error, out, losses),
            Content::Thinking { text, signature, format } => {
                let signature = signature.as_deref().map(|signature| proof(format.as_deref(), signature));
                out.text("type", "thinking");
                out.text("thinking", text);
                out.text("signature", signature.as_deref().unwrap_or_default());
            }
            Content::RedactedThinking { data, format } => {
                out.text("type", "redacted_thinking");
                out.text("data", &proof(format.as_deref(), data));
            }
            Content::Audio { .. } | Content::Citation(_) | Content::Other { .. } => {}
        }
        // Reasoning blocks cannot be marked.
        if !matches!(part.content, Content::Thinking { .. } | Content::RedactedThinking { .. }) {
            write_cache_control(part.cache_control.as_ref(), out);
        }
    });
}

/// Writes a text of an answer with its sources.
pub(super) fn write_cited(text: &str, sources: &[&Citation], list: &mut write::List<'_>) {
    list.object(|out| {
        out.text("type", "text");
        out.text("text", text);
        out.list("citations", |list| {
            sources
                .iter()
                .for_each(|source| list.object(|out| citations::write_anthropic(source, FORMAT, out)));
        });
    });
}

/// A proof as clients of this dialect keep it, whoever's it is.
pub(super) fn proof<'t>(format: Option<&str>, text: &'t str) -> Cow<'t, str> {
    match format {
        None | Some(FORMAT) => Cow::Borrowed(text),
        foreign => seal(FORMAT, foreign, false, text),
    }
}

/// Tool ids are held to letters, digits, `_` and `-` here; other dialects take any text. The same id always
/// becomes the same, so that calls and results still find each other.
pub(super) fn clean_id(id: &str) -> String {
    let cleaned: String = id
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' })
        .collect();
    if cleaned.is_empty() { "toolu_0".to_owned() } else { cleaned }
}

/// A call's input must be an object. Broken or cut-off arguments are kept as text in one field.
fn write_input(arguments: &str, out: &mut write::Object<'_>, losses: &mut Losses) {
    let trimmed = arguments.trim();
    if trimmed.is_empty() || trimmed == "null" {
        out.raw("input", "{}");
    } else if is_object(trimmed) {
        out.raw("input", trimmed);
    } else {
        losses.note("messages.tool_calls.arguments");
        out.object("input", |input| input.text("raw_arguments", arguments));
    }
}

fn write_result(id: &str, parts: &[Part], is_error: bool, out: &mut write::Object<'_>, losses: &mut Losses) {
    out.text("type", "tool_result");
    out.text("tool_use_id", &clean_id(id));
    let kept: Vec<&Part> = parts.iter().filter(|part| sayable(part, false, losses)).collect();
    match kept.as_slice() {
        [] => {}
        [Part { content: Content::Text(text), cache_control: None }] => out.text("content", text),
        several => {
            out.list("content", |list| several.iter().for_each(|part| write_block(part, list, losses)))
        }
    }
    if is_error {
        out.boolean("is_error", true);
    }
}

fn write_document(source: &Source, name: Option<&str>, out: &mut write::Object<'_>) {
    match source {
        Source::Base64 { media_type, .. } if media_type.starts_with("image/") => {
            out.text("type", "image");
            write_source(source, out);
            return;
        }
        // Only PDF goes as base64; text goes as text.
        Source::Base64 { media_type, data } if media_type.starts_with("text/") => {
            let text = base64::engine::general_purpose::STANDARD
                .decode(data)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok());
            out.text("type", "document");
            write_source(&text.map_or_else(|| source.clone(), Source::Text), out);
        }
        source => {
            out.text("type", "document");
            write_source(source, out);
        }
    }
    out.maybe_text("title", name);
}

fn write_source(source: &Source, out: &mut write::Object<'_>) {
    out.object("source", |object| match source {
        Source::Base64 { media_type, data } => {
            object.text("type", "base64");
            object.text("media_type", media_type);
            object.text("data", data);
        }
        Source::Url(url) => {
            object.text("type", "url");
            object.text("url", url);
        }
        Source::FileId(id) | Source::Brought(id) => {
            object.text("type", "file");
            object.text("file_id", id);
        }
        Source::Text(text) => {
            object.text("type", "text");
            object.text("media_type", "text/plain");
            object.text("data", text);
        }
    });
}
