//! Tools, and which of them must be called.

use serde_json::value::RawValue;

use super::metadata;
use crate::dialects::read::{At, Object};
use crate::dialects::{DecodeError, search};
use crate::ir::{Json, Tool, ToolChoice, WebSearch};

/// Reads `tools`. Examples of a function's input have no place elsewhere and are named in `unread`.
pub(super) fn read(
    body: &mut Object<'_, '_>,
    unread: &mut Vec<(String, Json)>,
) -> Result<(Vec<Tool>, Option<WebSearch>), DecodeError> {
    let (mut tools, mut web_search) = (Vec::new(), None);
    let parent = body.at;
    let at = parent.key("tools");
    for (index, raw) in body.list("tools")?.into_iter().flatten().enumerate() {
        tools.extend(read_tool(raw, at.index(index), &mut web_search, unread)?);
    }
    Ok((tools, web_search))
}

/// Reads a tool; one that searches the web is a wish of its own.
fn read_tool(
    raw: &RawValue,
    at: At<'_>,
    web_search: &mut Option<WebSearch>,
    unread: &mut Vec<(String, Json)>,
) -> Result<Option<Tool>, DecodeError> {
    let mut tool = Object::read(raw, at)?;
    match tool.need_string("type")?.as_str() {
        "function" => {}
        // Version 2 has the longer word.
        "provider" | "provider-defined" => return read_provider_tool(&mut tool, raw, web_search),
        _ => return Err(at.key("type").expected("function or provider")),
    }
    unread.extend(tool.json("inputExamples").map(|json| ("tools.inputExamples".to_owned(), json)));
    let cache_control = metadata::read(&mut tool)?.cache_control;
    Ok(Some(Tool::Function {
        name: tool.need_string("name")?,
        description: tool.string("description")?,
        parameters: tool.json_object("inputSchema")?,
        strict: tool.boolean("strict")?,
        cache_control,
    }))
}

/// Providers' own tools that other dialects know, when nothing is said of how they are to work: the SDK's id, the kind, and the
/// tool as that dialect has it.
const KNOWN: [(&str, &str, &str); 2] = [
    ("google.url_context", "urlContext", r#"{"urlContext":{}}"#),
    ("google.code_execution", "codeExecution", r#"{"codeExecution":{}}"#),
];

/// A provider's own tool. The rest has arguments in the SDK's words, and a kind that no dialect takes for one of its own.
fn read_provider_tool(
    tool: &mut Object<'_, '_>,
    raw: &RawValue,
    web_search: &mut Option<WebSearch>,
) -> Result<Option<Tool>, DecodeError> {
    let id = tool.need_string("id")?;
    let args = tool.json("args");
    if web_search.is_none() {
        *web_search = search::read_ai_sdk_tool(&id, args.as_ref())?;
        if web_search.is_some() {
            return Ok(None);
        }
    }
    let plain = args.is_none_or(|args| args.get() == "{}");
    let known = KNOWN.iter().find(|(known, ..)| plain && *known == id);
    let known = known
        .and_then(|(_, kind, json)| Some(Tool::Other { kind: (*kind).to_owned(), json: Json::parse(json)? }));
    let other = || Tool::Other { kind: format!("provider.{id}"), json: Json::copied(raw) };
    Ok(Some(known.unwrap_or_else(other)))
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
