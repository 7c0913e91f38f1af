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

/// A provider's own tool. Google's and OpenAI's without arguments are those that other dialects know under the same
/// name; the arguments of the rest are in the SDK's words.
fn read_provider_tool(tool: &mut Object<'_, '_>, raw: &RawValue) -> Result<Tool, DecodeError> {
    let id = tool.need_string("id")?;
    let args = tool.json("args");
    let plain = args.as_ref().is_none_or(|args| args.get() == "{}");
    let known = match id.split_once('.') {
        Some(("openai", name)) if plain => Some((name.to_owned(), format!(r#"{{"type":"{name}"}}"#))),
        Some(("google", "google_search")) if plain => {
            Some(("googleSearch".to_owned(), r#"{"googleSearch":{}}"#.to_owned()))
        }
        Some(("google", "url_context")) if plain => {
            Some(("urlContext".to_owned(), r#"{"urlContext":{}}"#.to_owned()))
        }
        Some(("google", "code_execution")) if plain => {
            Some(("codeExecution".to_owned(), r#"{"codeExecution":{}}"#.to_owned()))
        }
        _ => None,
    };
    let known = known.and_then(|(kind, json)| Some(Tool::Other { kind, json: Json::parse(&json)? }));
    Ok(known.unwrap_or_else(|| Tool::Other { kind: id, json: Json::copied(raw) }))
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
