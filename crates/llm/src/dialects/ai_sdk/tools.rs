//! Tools, and which of them must be called.

use serde_json::value::RawValue;

use super::metadata;
use crate::dialects::DecodeError;
use crate::dialects::read::{At, Object};
use crate::ir::{Json, Tool, ToolChoice};

/// Reads `tools`. Examples of a function's input have no place elsewhere and are named in `unread`.
pub(super) fn read(
    body: &mut Object<'_, '_>,
    unread: &mut Vec<(String, Json)>,
) -> Result<Vec<Tool>, DecodeError> {
    let Some(tools) = body.list("tools")? else { return Ok(Vec::new()) };
    let at = body.at.key("tools");
    tools.into_iter().enumerate().map(|(index, raw)| read_tool(raw, at.index(index), unread)).collect()
}

fn read_tool(raw: &RawValue, at: At<'_>, unread: &mut Vec<(String, Json)>) -> Result<Tool, DecodeError> {
    let mut tool = Object::read(raw, at)?;
    match tool.need_string("type")?.as_str() {
        "function" => {}
        // Version 2 has the longer word.
        "provider" | "provider-defined" => return read_provider_tool(&mut tool, raw),
        _ => return Err(at.key("type").expected("function or provider")),
    }
    unread.extend(tool.json("inputExamples").map(|json| ("tools.inputExamples".to_owned(), json)));
    let cache_control = metadata::read(&mut tool)?.cache_control;
    Ok(Tool::Function {
        name: tool.need_string("name")?,
        description: tool.string("description")?,
        parameters: tool.json_object("inputSchema")?,
        strict: tool.boolean("strict")?,
        cache_control,
    })
}

/// Providers' own tools that other dialects know, when nothing is said of how they are to work: the SDK's id, the kind, and the
/// tool as that dialect has it.
const KNOWN: [(&str, &str, &str); 5] = [
    ("openai.web_search", "web_search", r#"{"type":"web_search"}"#),
    ("openai.web_search_preview", "web_search_preview", r#"{"type":"web_search_preview"}"#),
    ("google.google_search", "googleSearch", r#"{"googleSearch":{}}"#),
    ("google.url_context", "urlContext", r#"{"urlContext":{}}"#),
    ("google.code_execution", "codeExecution", r#"{"codeExecution":{}}"#),
];

/// A provider's own tool. The rest has arguments in the SDK's words, and a kind that no dialect takes for one of its own.
fn read_provider_tool(tool: &mut Object<'_, '_>, raw: &RawValue) -> Result<Tool, DecodeError> {
    let id = tool.need_string("id")?;
    let plain = tool.json("args").is_none_or(|args| args.get() == "{}");
    let known = KNOWN.iter().find(|(known, ..)| plain && *known == id);
    let known = known
        .and_then(|(_, kind, json)| Some(Tool::Other { kind: (*kind).to_owned(), json: Json::parse(json)? }));
    Ok(known.unwrap_or_else(|| Tool::Other { kind: format!("provider.{id}"), json: Json::copied(raw) }))
}

/// Reads `toolChoice`.
pub(super) fn read_choice(body: &mut Object<'_, '_>) -> Result<Option<ToolChoice>, DecodeError> {
    let Some(raw) = body.take("toolChoice") else { return Ok(None) };
    let at = body.at.key("toolChoice");
    let mut choice = Object::read(raw, at)?;
    Ok(Some(match choice.need_string("type")?.as_str() {
        "auto" => ToolChoice::Auto,
        "none" => ToolChoice::None,
        "required" => ToolChoice::Required,
        "tool" => ToolChoice::Named(choice.need_string("toolName")?),
        _ => return Err(at.key("type").expected("one of auto, none, required and tool")),
    }))
}
