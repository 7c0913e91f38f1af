//! Tools and the choice among them. Functions are written flat here; custom tools become functions in the IR.

use std::collections::HashSet;

use serde_json::value::RawValue;

use crate::dialects::read::{At, Object, string};
use crate::dialects::{DecodeError, Losses, write};
use crate::ir::{Chat, Json, Tool, ToolChoice};

/// Tools that the provider runs itself, said again as they were read where this API is spoken.
const HOSTED: [&str; 14] = [
    "file_search",
    "web_search",
    "web_search_preview",
    "computer",
    "computer_use",
    "computer_use_preview",
    "code_interpreter",
    "image_generation",
    "mcp",
    "local_shell",
    "shell",
    "apply_patch",
    "namespace",
    "tool_search",
];

/// The arguments of a custom tool that is said as a function.
const CUSTOM_PARAMETERS: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;
/// The arguments of a function that has said nothing of them; the API wants a schema.
const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;

/// Reads the tools, and the names of those that take free text.
pub(super) fn read_tools(body: &mut Object<'_, '_>) -> Result<(Vec<Tool>, Vec<String>), DecodeError> {
    let Some(raw) = body.list("tools")? else { return Ok((Vec::new(), Vec::new())) };
    let at = body.at.key("tools");
    let (mut tools, mut custom) = (Vec::with_capacity(raw.len()), Vec::new());
    for (index, raw) in raw.into_iter().enumerate() {
        tools.push(read_tool(raw, at.index(index), &mut custom)?);
    }
    Ok((tools, custom))
}

fn read_tool(raw: &RawValue, at: At<'_>, custom: &mut Vec<String>) -> Result<Tool, DecodeError> {
    let mut tool = Object::read(raw, at)?;
    let kind = tool.need_string("type")?;
    match kind.as_str() {
        "function" => Ok(Tool::Function {
            name: tool.need_string("name")?,
            description: tool.string("description")?,
            parameters: tool.json_object("parameters")?,
            strict: tool.boolean("strict")?,
            cache_control: None,
        }),
        "custom" => {
            let name = tool.need_string("name")?;
            custom.push(name.clone());
            let description = tool.string("description")?;
            Ok(Tool::Function {
                name,
                description: with_grammar(description, tool.take("format"), &at)?,
                parameters: Json::parse(CUSTOM_PARAMETERS),
                strict: None,
                cache_control: None,
            })
        }
        _ => Ok(Tool::Other { kind, json: Json::copied(raw) }),
    }
}

/// The description of a custom tool. A grammar that its text must follow can be said there only.
fn with_grammar(
    description: Option<String>,
    format: Option<&RawValue>,
    at: &At<'_>,
) -> Result<Option<String>, DecodeError> {
    let Some(raw) = format else { return Ok(description) };
    let mut format = Object::read(raw, at.key("format"))?;
    let (syntax, Some(grammar)) = (format.string("syntax")?, format.string("definition")?) else {
        return Ok(description);
    };
    let syntax = syntax.map(|syntax| format!(" ({syntax})")).unwrap_or_default();
    let rule = format!("The input must follow this grammar{syntax}:\n{grammar}");
    Ok(Some(match description {
        Some(description) if !description.is_empty() => format!("{description}\n\n{rule}"),
        _ => rule,
    }))
}

/// Reads the choice. A tool that only its provider knows cannot be chosen elsewhere: it is kept aside.
pub(super) fn read_tool_choice(
    body: &mut Object<'_, '_>,
    unread: &mut Vec<(String, Json)>,
) -> Result<Option<ToolChoice>, DecodeError> {
    let Some(raw) = body.take("tool_choice") else { return Ok(None) };
    let at = body.at.key("tool_choice");
    if raw.get().starts_with('"') {
        return match string(raw, &at)?.as_str() {
            "auto" => Ok(Some(ToolChoice::Auto)),
            "none" => Ok(Some(ToolChoice::None)),
            "required" => Ok(Some(ToolChoice::Required)),
            _ => Err(at.expected("auto, none, required or an object that names a tool")),
        };
    }
    let mut choice = Object::read(raw, at)?;
    match choice.need_string("type")?.as_str() {
        "function" | "custom" => Ok(Some(ToolChoice::Named(choice.need_string("name")?))),
        "allowed_tools" => read_allowed_tools(&mut choice, unread).map(Some),
        _ => {
            unread.push(("tool_choice".to_owned(), Json::copied(raw)));
            Ok(None)
        }
    }
}

fn read_allowed_tools(
    choice: &mut Object<'_, '_>,
    unread: &mut Vec<(String, Json)>,
) -> Result<ToolChoice, DecodeError> {
    let parent = choice.at;
    let required = choice.string("mode")?.is_some_and(|mode| mode == "required");
    let at = parent.key("tools");
    let tools = choice.list("tools")?.ok_or_else(|| at.fault("is required"))?;
    let mut names = Vec::with_capacity(tools.len());
    for (index, raw) in tools.into_iter().enumerate() {
        let mut tool = Object::read(raw, at.index(index))?;
        match tool.need_string("type")?.as_str() {
            "function" | "custom" => names.push(tool.need_string("name")?),
            kind => unread.push((format!("tool_choice.tools.{kind}"), Json::copied(raw))),
        }
    }
    Ok(ToolChoice::Allowed { required, names })
}

/// The names of the tools that take free text.
pub(super) type Custom<'c> = HashSet<&'c str>;

/// Writes tools, the choice among them, and whether several may be called at once.
pub(super) fn write_tools(
    chat: &Chat,
    custom: &Custom<'_>,
    out: &mut write::Object<'_>,
    losses: &mut Losses,
) {
    let sayable = |tool: &&Tool| match tool {
        Tool::Function { .. } => true,
        Tool::Other { kind, .. } => HOSTED.contains(&kind.as_str()),
    };
    for tool in &chat.tools {
        match tool {
            Tool::Function { cache_control, .. } => losses.note_if(cache_control.is_some(), "cache_control"),
            Tool::Other { kind, .. } => losses.note_if(!sayable(&tool), &format!("tools.{kind}")),
        }
    }
    if !chat.tools.iter().any(|tool| sayable(&tool)) {
        losses.note_if(chat.tool_choice.is_some(), "tool_choice");
        return;
    }
    out.list("tools", |list| {
        for tool in chat.tools.iter().filter(sayable) {
            match tool {
                Tool::Other { json, .. } => list.json(json),
                function => list.object(|out| write_function(function, custom, out)),
            }
        }
    });
    if let Some(choice) = &chat.tool_choice {
        write_choice(choice, custom, out);
    }
    out.maybe_boolean("parallel_tool_calls", chat.parallel_tool_calls);
}

fn write_function(tool: &Tool, custom: &Custom<'_>, out: &mut write::Object<'_>) {
    let Tool::Function { name, description, parameters, strict, .. } = tool else { return };
    out.text("type", kind(name, custom));
    out.text("name", name);
    out.maybe_text("description", description.as_deref());
    if custom.contains(name.as_str()) {
        return;
    }
    out.raw("parameters", parameters.as_ref().map_or(NO_PARAMETERS, Json::get));
    // Unlike elsewhere, schemas are followed exactly here unless one says otherwise.
    out.boolean("strict", strict.unwrap_or(false));
}

fn write_choice(choice: &ToolChoice, custom: &Custom<'_>, out: &mut write::Object<'_>) {
    match choice {
        ToolChoice::Auto => out.text("tool_choice", "auto"),
        ToolChoice::None => out.text("tool_choice", "none"),
        ToolChoice::Required => out.text("tool_choice", "required"),
        ToolChoice::Named(name) => out.object("tool_choice", |choice| {
            choice.text("type", kind(name, custom));
            choice.text("name", name);
        }),
        ToolChoice::Allowed { required, names } => out.object("tool_choice", |choice| {
            choice.text("type", "allowed_tools");
            choice.text("mode", if *required { "required" } else { "auto" });
            choice.list("tools", |list| {
                for name in names {
                    list.object(|tool| {
                        tool.text("type", kind(name, custom));
                        tool.text("name", name);
                    });
                }
            });
        }),
    }
}

fn kind(name: &str, custom: &Custom<'_>) -> &'static str {
    if custom.contains(name) { "custom" } else { "function" }
}
