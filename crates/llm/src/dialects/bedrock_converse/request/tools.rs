//! `toolConfig`: what the model may call, and whether it must.

use serde_json::value::RawValue;

use super::super::block::{read_cache_point, write_cache_point};
use super::turns::{Turn, called, hold_calls};
use crate::dialects::read::{At, Object};
use crate::dialects::{DecodeError, Losses, Target, Thinking, claude, write};
use crate::ir::{Chat, Json, Tool, ToolChoice};

/// Reads `toolConfig` into `chat`.
pub(super) fn read_tools(body: &mut Object<'_, '_>, chat: &mut Chat) -> Result<(), DecodeError> {
    let Some(raw) = body.take("toolConfig") else { return Ok(()) };
    let at = At::BODY.key("toolConfig");
    let mut config = Object::read(raw, at)?;
    let place = at.key("tools");
    for (index, raw) in config.list("tools")?.into_iter().flatten().enumerate() {
        read_tool(raw, place.index(index), &mut chat.tools)?;
    }
    let Some(raw) = config.take("toolChoice") else { return Ok(()) };
    let at = at.key("toolChoice");
    let mut choice = Object::read(raw, at)?;
    chat.tool_choice = Some(if choice.take("auto").is_some() {
        ToolChoice::Auto
    } else if choice.take("any").is_some() {
        ToolChoice::Required
    } else if let Some(raw) = choice.take("tool") {
        ToolChoice::Named(Object::read(raw, at.key("tool"))?.need_string("name")?)
    } else {
        return Err(at.expected("one of auto, any and tool"));
    });
    Ok(())
}

fn read_tool(raw: &RawValue, at: At<'_>, tools: &mut Vec<Tool>) -> Result<(), DecodeError> {
    let mut tool = Object::read(raw, at)?;
    if let Some(raw) = tool.take("toolSpec") {
        let at = at.key("toolSpec");
        let mut spec = Object::read(raw, at)?;
        let schema = spec.take("inputSchema");
        let schema = schema.map(|raw| Object::read(raw, at.key("inputSchema"))).transpose()?;
        tools.push(Tool::Function {
            name: spec.need_string("name")?,
            description: spec.string("description")?,
            parameters: schema.map(|mut schema| schema.json_object("json")).transpose()?.flatten(),
            strict: spec.boolean("strict")?,
            cache_control: None,
        });
        return Ok(());
    }
    if let (Some(point), Some(Tool::Function { cache_control, .. })) =
        (tool.take("cachePoint"), tools.last_mut())
    {
        *cache_control = Some(read_cache_point(point, at.key("cachePoint"))?);
        return Ok(());
    }
    let kind = tool.rest().into_iter().next().map_or_else(|| "cachePoint".to_owned(), |(kind, _)| kind);
    tools.push(Tool::Other { kind, json: Json::copied(raw) });
    Ok(())
}

/// Writes `toolConfig`, when there is anything to call.
pub(super) fn write_tools(
    chat: &Chat,
    turns: &[Turn<'_>],
    target: &Target<'_>,
    out: &mut write::Object<'_>,
    losses: &mut Losses,
) {
    let allowed = |name: &str| match &chat.tool_choice {
        Some(ToolChoice::Allowed { names, .. }) => names.iter().any(|allowed| allowed == name),
        _ => true,
    };
    let mut tools = Vec::new();
    for tool in &chat.tools {
        match tool {
            Tool::Function { name, .. } if allowed(name) => tools.push(tool),
            Tool::Function { .. } => {}
            Tool::Other { kind, json } if kind == "systemTool" && json.is_object() => tools.push(tool),
            Tool::Other { kind, .. } => losses.note(&format!("tools.{kind}")),
        }
    }
    losses.note_if(chat.parallel_tool_calls == Some(false), "parallel_tool_calls");
    let hold_calls = hold_calls(turns);
    let none = chat.tool_choice == Some(ToolChoice::None);
    // Without tools nothing can be called. A conversation that holds calls is refused without any.
    if none && !hold_calls {
        return;
    }
    losses.note_if(none, "tool_choice");
    if tools.is_empty() {
        losses.note_if(chat.tool_choice.is_some() && !none, "tool_choice");
        if hold_calls {
            write_called(&called(turns), out);
        }
        return;
    }
    out.object("toolConfig", |config| {
        config.list("tools", |list| tools.iter().for_each(|tool| write_tool(tool, list)));
        write_choice(chat, target, config, losses);
    });
}

/// Stands in for the tools that the client offers no longer.
fn write_called(names: &[&str], out: &mut write::Object<'_>) {
    let names = if names.is_empty() { &["tool"] } else { names };
    out.object("toolConfig", |config| {
        config.list("tools", |list| {
            for name in names {
                list.object(|tool| write_spec(name, None, None, None, tool));
            }
        });
    });
}

fn write_tool(tool: &Tool, list: &mut write::List<'_>) {
    match tool {
        Tool::Function { name, description, parameters, strict, cache_control } => {
            list.object(|tool| {
                write_spec(name, description.as_deref(), parameters.as_ref(), *strict, tool);
            });
            write_cache_point(cache_control.as_ref(), list);
        }
        Tool::Other { json, .. } => list.json(json),
    }
}

fn write_spec(
    name: &str,
    description: Option<&str>,
    parameters: Option<&Json>,
    strict: Option<bool>,
    out: &mut write::Object<'_>,
) {
    out.object("toolSpec", |spec| {
        spec.text("name", name);
        // An empty one is refused.
        spec.maybe_text("description", description.filter(|text| !text.is_empty()));
        spec.object("inputSchema", |schema| match parameters {
            Some(parameters) => schema.json("json", parameters),
            None => schema.raw("json", r#"{"type":"object","properties":{}}"#),
        });
        spec.maybe_boolean("strict", strict);
    });
}

fn write_choice(chat: &Chat, target: &Target<'_>, out: &mut write::Object<'_>, losses: &mut Losses) {
    // A model that always thinks calls what it likes; a forced call is refused.
    let unforceable = target.thinking == Thinking::Always && claude::forces_a_call(chat);
    losses.note_if(unforceable, "tool_choice");
    let mut write = |word: &str, name: Option<&str>| {
        out.object("toolChoice", |choice| choice.object(word, |object| object.maybe_text("name", name)));
    };
    match &chat.tool_choice {
        None | Some(ToolChoice::None) => {}
        _ if unforceable => write("auto", None),
        Some(ToolChoice::Auto | ToolChoice::Allowed { required: false, .. }) => write("auto", None),
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => write("any", None),
        Some(ToolChoice::Named(name)) => write("tool", Some(name)),
    }
}
