//! Messages of the assistant, alike in requests and answers: what it plans or thinks, says and calls.
//!
//! Thoughts that lead to calls are the plan; all others are parts of the content.

use serde_json::value::RawValue;

use crate::dialects::openai::{read_url, write_url};
use crate::dialects::read::{self, At, Object};
use crate::dialects::{CallIds, DecodeError, write};
use crate::ir::{Content, Json, Part, Source};

/// Reads the parts of an assistant's message. Calls have ids; `seed` is what one is made of when it lacks.
pub(super) fn read_parts(
    message: &mut Object<'_, '_>,
    ids: &mut CallIds,
    seed: &[u8],
) -> Result<Vec<Part>, DecodeError> {
    let at = message.at;
    let plan = message.string("tool_plan")?.filter(|plan| !plan.is_empty());
    let mut parts: Vec<Part> = plan.map(|text| Part::new(thought(text))).into_iter().collect();
    if let Some(raw) = message.take("content") {
        let content = read_content(raw, &at.key("content"))?;
        parts.extend(
            content
                .into_iter()
                .filter(|part| !matches!(&part.content, Content::Text(text) if text.is_empty())),
        );
    }
    let calls = message.list("tool_calls")?.unwrap_or_default();
    let at = at.key("tool_calls");
    for (index, raw) in calls.into_iter().enumerate() {
        parts.push(Part::new(read_call(raw, at.index(index), ids, seed)?));
    }
    Ok(parts)
}

fn thought(text: String) -> Content {
    Content::Thinking { text, signature: None, format: None }
}

fn read_call(raw: &RawValue, at: At<'_>, ids: &mut CallIds, seed: &[u8]) -> Result<Content, DecodeError> {
    let mut call = Object::read(raw, at)?;
    let id = call.string("id")?.filter(|id| !id.is_empty()).unwrap_or_else(|| ids.make(seed));
    let at = at.key("function");
    let raw = call.take("function").ok_or_else(|| at.fault("is required"))?;
    let mut function = Object::read(raw, at)?;
    let name = function.need_string("name")?;
    Ok(Content::ToolCall { id, name, arguments: function.string("arguments")?.unwrap_or_default() })
}

/// Reads `content`: a string, or a list of parts.
pub(super) fn read_content(raw: &RawValue, at: &At<'_>) -> Result<Vec<Part>, DecodeError> {
    read::content(raw, at, "parts", read_part)
}

fn read_part(raw: &RawValue, at: At<'_>) -> Result<Part, DecodeError> {
    let mut part = Object::read(raw, at)?;
    let kind = part.need_string("type")?;
    Ok(Part::new(match kind.as_str() {
        "text" => Content::Text(part.need_string("text")?),
        "thinking" => thought(part.need_string("thinking")?),
        "image_url" => {
            let at = at.key("image_url");
            let raw = part.take("image_url").ok_or_else(|| at.fault("is required"))?;
            let mut image = Object::read(raw, at)?;
            Content::Image { source: read_url(image.need_string("url")?), detail: image.string("detail")? }
        }
        _ => Content::Other { kind, json: Json::copied(raw) },
    }))
}

/// Writes what an assistant's message holds beside its role.
pub(super) fn write_parts(parts: &[Part], out: &mut write::Object<'_>) {
    let calls = parts.iter().any(|part| matches!(part.content, Content::ToolCall { .. }));
    if calls {
        let plan: String = parts
            .iter()
            .filter_map(|part| match &part.content {
                Content::Thinking { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect();
        if !plan.is_empty() {
            out.text("tool_plan", &plan);
        }
        write_calls(parts, out);
    }
    let said = |part: &&Part| match &part.content {
        Content::Text(text) | Content::Refusal(text) => !text.is_empty(),
        Content::Thinking { text, .. } => !calls && !text.is_empty(),
        _ => false,
    };
    if calls && !parts.iter().any(|part| said(&part)) {
        return;
    }
    out.list("content", |list| {
        parts.iter().filter(said).for_each(|part| list.object(|object| write_part(&part.content, object)));
    });
}

fn write_calls(parts: &[Part], out: &mut write::Object<'_>) {
    out.list("tool_calls", |list| {
        for part in parts {
            let Content::ToolCall { id, name, arguments } = &part.content else { continue };
            list.object(|call| {
                call.text("id", id);
                call.text("type", "function");
                call.object("function", |function| {
                    function.text("name", name);
                    function.text("arguments", if arguments.is_empty() { "{}" } else { arguments });
                });
            });
        }
    });
}

/// Writes a part's members.
pub(super) fn write_part(content: &Content, out: &mut write::Object<'_>) {
    match content {
        Content::Text(text) | Content::Refusal(text) | Content::File { source: Source::Text(text), .. } => {
            out.text("type", "text");
            out.text("text", text);
        }
        Content::Thinking { text, .. } => {
            out.text("type", "thinking");
            out.text("thinking", text);
        }
        Content::Image { source, detail } => {
            out.text("type", "image_url");
            out.object("image_url", |image| {
                image.text("url", &write_url(source));
                image.maybe_text("detail", detail.as_deref());
            });
        }
        _ => {}
    }
}
