//! Content blocks, alike in requests and answers: objects of one member, which is their kind.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::document::Names;
use super::media::{document_format, document_type, image_format, read_source, sound_format, write_source};
use crate::dialects::read::{At, Object, is_object, list};
use crate::dialects::{DecodeError, Losses, write};
use crate::ir::{CacheControl, Content, Json, Part};

/// Whose signatures are: models other than Claude sign nothing, and Claude's hold wherever it is served.
/// <https://platform.claude.com/docs/en/build-with-claude/extended-thinking>
pub(super) const SIGNATURE: &str = "anthropic-claude-v1";
/// Whose sealed reasoning is: here it is bytes, and in Anthropic's own interface a text.
pub(super) const SEALED: &str = "bedrock-converse-v1";

/// The longest id of a call.
const LONGEST_ID: usize = 64;

/// Reads a list of blocks. A cache point marks the part before it.
pub(super) fn read_blocks(raw: &RawValue, at: &At<'_>) -> Result<Vec<Part>, DecodeError> {
    let mut parts: Vec<Part> = Vec::new();
    for (index, raw) in list(raw, at)?.into_iter().enumerate() {
        let at = at.index(index);
        let mut block = Object::read(raw, at)?;
        match (block.take("cachePoint"), parts.last_mut()) {
            (Some(point), Some(last)) if last.cache_control.is_none() => {
                last.cache_control = Some(read_cache_point(point, at.key("cachePoint"))?);
            }
            (Some(_), _) => parts.push(other("cachePoint", raw)),
            (None, _) => parts.push(read_block(block, raw)?),
        }
    }
    Ok(parts)
}

/// Reads a cache point.
pub(super) fn read_cache_point(raw: &RawValue, at: At<'_>) -> Result<CacheControl, DecodeError> {
    Ok(CacheControl { ttl: Object::read(raw, at)?.string("ttl")? })
}

fn other(kind: &str, raw: &RawValue) -> Part {
    Part::new(Content::Other { kind: kind.to_owned(), json: Json::copied(raw) })
}

fn read_block(mut block: Object<'_, '_>, raw: &RawValue) -> Result<Part, DecodeError> {
    let at = block.at;
    if let Some(text) = block.string("text")? {
        return Ok(Part::text(text));
    }
    let Some((kind, value)) = known(&mut block) else {
        let (kind, _) = block.rest().into_iter().next().ok_or_else(|| at.expected("a content block"))?;
        return Ok(other(&kind, raw));
    };
    let inner = || Object::read(value, at.key(kind));
    let content = match kind {
        "image" => read_image(inner()?)?,
        "document" => read_document(inner()?)?,
        "audio" => read_audio(inner()?)?,
        "toolUse" => Some(read_call(inner()?)?),
        "toolResult" => Some(read_result(inner()?)?),
        "reasoningContent" => read_reasoning(inner()?)?,
        // Only results of tools hold it.
        "json" => Some(Content::Text(value.get().to_owned())),
        _ => None,
    };
    Ok(content.map_or_else(|| other(kind, raw), Part::new))
}

/// The member that says what the block is, of those that have a place in the IR.
fn known<'a>(block: &mut Object<'a, '_>) -> Option<(&'static str, &'a RawValue)> {
    const KINDS: [&str; 7] =
        ["image", "document", "audio", "toolUse", "toolResult", "reasoningContent", "json"];
    KINDS.into_iter().find_map(|kind| Some((kind, block.take(kind)?)))
}

fn read_image(mut image: Object<'_, '_>) -> Result<Option<Content>, DecodeError> {
    let format = image.need_string("format")?;
    let source = read_source(&mut image, format!("image/{format}"))?;
    Ok(source.map(|source| Content::Image { source, detail: None }))
}

fn read_document(mut document: Object<'_, '_>) -> Result<Option<Content>, DecodeError> {
    let format = document.string("format")?.unwrap_or_else(|| "txt".to_owned());
    let name = document.string("name")?;
    let source = read_source(&mut document, document_type(&format))?;
    Ok(source.map(|source| Content::File { source, name }))
}

fn read_audio(mut audio: Object<'_, '_>) -> Result<Option<Content>, DecodeError> {
    let format = audio.need_string("format")?;
    let source = read_source(&mut audio, String::new())?;
    Ok(source.and_then(|source| match source {
        crate::ir::Source::Base64 { data, .. } => Some(Content::Audio { data, format }),
        _ => None,
    }))
}

fn read_call(mut call: Object<'_, '_>) -> Result<Content, DecodeError> {
    Ok(Content::ToolCall {
        id: call.need_string("toolUseId")?,
        name: call.need_string("name")?,
        arguments: call.take("input").map_or_else(|| "{}".to_owned(), |input| input.get().to_owned()),
    })
}

fn read_result(mut result: Object<'_, '_>) -> Result<Content, DecodeError> {
    let at = result.at;
    let content = result.take("content");
    Ok(Content::ToolResult {
        id: result.need_string("toolUseId")?,
        parts: content.map(|raw| read_blocks(raw, &at.key("content"))).transpose()?.unwrap_or_default(),
        is_error: result.string("status")?.as_deref() == Some("error"),
    })
}

fn read_reasoning(mut reasoning: Object<'_, '_>) -> Result<Option<Content>, DecodeError> {
    let at = reasoning.at;
    if let Some(data) = reasoning.string("redactedContent")? {
        return Ok(Some(Content::RedactedThinking { data, format: Some(SEALED.to_owned()) }));
    }
    let Some(raw) = reasoning.take("reasoningText") else { return Ok(None) };
    let mut said = Object::read(raw, at.key("reasoningText"))?;
    Ok(Some(Content::Thinking {
        text: said.string("text")?.unwrap_or_default(),
        signature: said.string("signature")?.filter(|signature| !signature.is_empty()),
        format: Some(SIGNATURE.to_owned()),
    }))
}

/// Whether a part becomes a block of a turn; what cannot is noted. Blank text is refused by the API.
pub(super) fn sayable(part: &Part, assistant: bool, losses: &mut Losses) -> bool {
    let possible = match &part.content {
        Content::Text(text) | Content::Refusal(text) => return !text.trim().is_empty(),
        Content::ToolCall { .. } => assistant,
        Content::ToolResult { .. } => !assistant,
        Content::Image { source, detail } => {
            let detailed = detail.as_deref().is_some_and(|detail| detail != "auto");
            losses.note_if(detailed, "messages.content.image.detail");
            image_format(source).is_some()
        }
        Content::File { source, .. } => document_format(source).is_some() || image_format(source).is_some(),
        Content::Audio { format, .. } => sound_format(format).is_some(),
        Content::Thinking { signature, format, .. } => {
            // Claude refuses thoughts that it has not signed.
            assistant && signature.is_some() && format.as_deref().is_none_or(|format| format == SIGNATURE)
        }
        Content::RedactedThinking { format, .. } => assistant && format.as_deref() == Some(SEALED),
        Content::Other { kind, json } => is_own_kind(kind, json),
        Content::Citation(_) => false,
    };
    if !possible {
        losses.part(&part.content);
    }
    possible
}

/// Whether a block of another kind was read from this dialect: it is told by a member of that name, where others have
/// a type.
fn is_own_kind(kind: &str, json: &Json) -> bool {
    let Ok(raw) = serde_json::from_str::<&RawValue>(json.get()) else { return false };
    let Ok(mut object) = Object::read(raw, At::BODY) else { return false };
    object.take(kind).is_some() && object.take("type").is_none() && is_object(json.get())
}

/// Writes one block that is [`sayable`], and the cache point behind it.
pub(super) fn write_block(part: &Part, list: &mut write::List<'_>, names: &mut Names, losses: &mut Losses) {
    match &part.content {
        Content::Other { json, .. } => list.raw(json.get()),
        content => list.object(|out| write_content(content, out, names, losses)),
    }
    // Reasoning cannot be marked.
    if !matches!(part.content, Content::Thinking { .. } | Content::RedactedThinking { .. }) {
        write_cache_point(part.cache_control.as_ref(), list);
    }
}

/// Writes a cache point.
pub(super) fn write_cache_point(cache: Option<&CacheControl>, list: &mut write::List<'_>) {
    if let Some(cache) = cache {
        list.object(|out| {
            out.object("cachePoint", |point| {
                point.text("type", "default");
                point.maybe_text("ttl", cache.ttl.as_deref());
            });
        });
    }
}

fn write_content(content: &Content, out: &mut write::Object<'_>, names: &mut Names, losses: &mut Losses) {
    match content {
        Content::Text(text) | Content::Refusal(text) => out.text("text", text),
        Content::Image { source, .. } | Content::File { source, .. } if image_format(source).is_some() => {
            out.object("image", |image| {
                image.maybe_text("format", image_format(source));
                write_source(source, image);
            });
        }
        Content::Image { source, .. } => write_file(source, None, out, names),
        Content::File { source, name } => write_file(source, name.as_deref(), out, names),
        Content::Audio { data, format } => out.object("audio", |audio| {
            audio.maybe_text("format", sound_format(format));
            audio.object("source", |source| source.text("bytes", data));
        }),
        Content::ToolCall { id, name, arguments } => out.object("toolUse", |call| {
            call.text("toolUseId", &clean_id(id));
            call.text("name", name);
            write_input(arguments, call, losses);
        }),
        Content::ToolResult { id, parts, is_error } => {
            write_result(id, parts, *is_error, out, names, losses);
        }
        Content::Thinking { text, signature, format } => out.object("reasoningContent", |reasoning| {
            let own = format.as_deref().is_none_or(|format| format == SIGNATURE);
            reasoning.object("reasoningText", |said| {
                said.text("text", text);
                said.maybe_text("signature", signature.as_deref().filter(|_| own));
            });
        }),
        Content::RedactedThinking { data, .. } => {
            out.object("reasoningContent", |reasoning| reasoning.text("redactedContent", data));
        }
        Content::Citation(_) | Content::Other { .. } => {}
    }
}

fn write_file(
    source: &crate::ir::Source,
    name: Option<&str>,
    out: &mut write::Object<'_>,
    names: &mut Names,
) {
    out.object("document", |document| {
        document.maybe_text("format", document_format(source));
        document.text("name", &names.next(name));
        write_source(source, document);
    });
}

fn write_result(
    id: &str,
    parts: &[Part],
    is_error: bool,
    out: &mut write::Object<'_>,
    names: &mut Names,
    losses: &mut Losses,
) {
    out.object("toolResult", |result| {
        result.text("toolUseId", &clean_id(id));
        result.list("content", |list| {
            for part in parts {
                // Within a result there are no cache points, and neither calls nor sound.
                losses.note_if(part.cache_control.is_some(), "cache_control");
                let fits = matches!(
                    part.content,
                    Content::Text(_) | Content::Image { .. } | Content::File { .. } | Content::Other { .. }
                );
                if !fits {
                    losses.part(&part.content);
                } else if sayable(part, false, losses) {
                    write_block(&Part::new(part.content.clone()), list, names, losses);
                }
            }
        });
        if is_error {
            result.text("status", "error");
        }
    });
}

/// Ids are held to letters, digits, `_` and `-`, and to a length; other dialects take any text. The same id always
/// becomes the same, so that calls and results still find each other.
pub(super) fn clean_id(id: &str) -> Cow<'_, str> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(fine) {
        return Cow::Borrowed(id);
    }
    // FNV-1a tells apart what would look alike.
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let kept: String = id.bytes().filter(|byte| fine(*byte)).map(char::from).take(LONGEST_ID - 17).collect();
    Cow::Owned(format!("{kept}_{hash:016x}"))
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
