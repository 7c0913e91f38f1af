//! Tools and the choice among them. Functions are written flat here; custom tools and those of namespaces become
//! functions in the IR.

use serde_json::value::RawValue;

use super::super::item::{tool_name, write_tool_name};
use crate::dialects::read::{At, Object, string};
use crate::dialects::{DecodeError, Dialect, Losses, Target, search, write};
use crate::ir::{Chat, Json, Namespace, OwnTools, OwnWord, OwnWords, Tool, ToolChoice, WebSearch};

/// Tools that the provider runs itself, said again as they were read where this API is spoken.
const HOSTED: [&str; 11] = [
    "file_search",
    "computer",
    "computer_use",
    "computer_use_preview",
    "code_interpreter",
    "image_generation",
    "mcp",
    "local_shell",
    "shell",
    "apply_patch",
    "tool_search",
];

/// The arguments of a custom tool that is said as a function.
const CUSTOM_PARAMETERS: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;
/// What namespaces are for, kept aside for dialects that have none.
pub(super) const NAMESPACE_DESCRIPTION: &str = "tools.namespace.description";
/// The arguments of a function that has said nothing of them; the API wants a schema.
const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;

/// Reads the tools, what the client calls those that are no plain functions, and the wish that one which searches stands for.
pub(super) fn read_tools(
    body: &mut Object<'_, '_>,
    unread: &mut Vec<(String, Json)>,
) -> Result<(Vec<Tool>, OwnTools, Option<WebSearch>), DecodeError> {
    let Some(raw) = body.list("tools")? else { return Ok((Vec::new(), OwnTools::default(), None)) };
    let at = body.at.key("tools");
    let (mut tools, mut own, mut web_search) = (Vec::with_capacity(raw.len()), OwnTools::default(), None);
    for (index, raw) in raw.into_iter().enumerate() {
        let at = at.index(index);
        let mut tool = Object::read(raw, at)?;
        match tool.need_string("type")?.as_str() {
            "namespace" => read_namespace(&mut tool, &mut tools, &mut own, unread)?,
            kind if web_search.is_none() && search::is_responses_tool(kind) => {
                web_search = Some(search::read_responses_tool(kind, raw, at)?);
            }
            kind => tools.push(read_tool(kind, raw, &mut tool, None, &mut own)?),
        }
    }
    Ok((tools, own, web_search))
}

/// Reads the tools of a namespace, which are functions like the others under joined names.
fn read_namespace(
    namespace: &mut Object<'_, '_>,
    tools: &mut Vec<Tool>,
    own: &mut OwnTools,
    unread: &mut Vec<(String, Json)>,
) -> Result<(), DecodeError> {
    let mut read = Namespace { name: namespace.need_string("name")?, ..Namespace::default() };
    read.description = namespace.string("description")?.filter(|text| !text.is_empty());
    let parent = namespace.at;
    let at = parent.key("tools");
    for (index, raw) in namespace.list("tools")?.unwrap_or_default().into_iter().enumerate() {
        let mut tool = Object::read(raw, at.index(index))?;
        let kind = tool.need_string("type")?;
        if !["function", "custom"].contains(&kind.as_str()) {
            unread.push((format!("tools.namespace.{kind}"), Json::copied(raw)));
            continue;
        }
        tools.push(read_tool(&kind, raw, &mut tool, Some(&mut read), own)?);
    }
    if !read.tools.is_empty() {
        let description = read.description.as_ref().and_then(|text| serde_json::to_string(text).ok());
        let description = description.and_then(|text| Json::parse(&text));
        unread.extend(description.map(|text| (NAMESPACE_DESCRIPTION.to_owned(), text)));
        own.namespaces.push(read);
    }
    Ok(())
}

fn read_tool(
    kind: &str,
    raw: &RawValue,
    tool: &mut Object<'_, '_>,
    namespace: Option<&mut Namespace>,
    own: &mut OwnTools,
) -> Result<Tool, DecodeError> {
    let at = tool.at;
    let named = |tool: &mut Object<'_, '_>| {
        let name = tool.need_string("name")?;
        Ok(match namespace {
            Some(namespace) => namespace.push(name),
            None => name,
        })
    };
    match kind {
        "function" => Ok(Tool::Function {
            name: named(tool)?,
            description: tool.string("description")?,
            parameters: tool.json_object("parameters")?,
            strict: tool.boolean("strict")?,
            cache_control: None,
        }),
        "custom" => {
            let name = named(tool)?;
            own.custom.push(name.clone());
            let description = tool.string("description")?;
            Ok(Tool::Function {
                name,
                description: with_grammar(description, tool.take("format"), &at)?,
                parameters: Json::parse(CUSTOM_PARAMETERS),
                strict: None,
                cache_control: None,
            })
        }
        _ => Ok(Tool::Other { kind: kind.to_owned(), json: Json::copied(raw) }),
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
        "function" | "custom" => Ok(Some(ToolChoice::Named(tool_name(&mut choice)?))),
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
            "function" | "custom" => names.push(tool_name(&mut tool)?),
            kind => unread.push((format!("tool_choice.tools.{kind}"), Json::copied(raw))),
        }
    }
    Ok(ToolChoice::Allowed { required, names })
}

/// Writes tools, the choice among them, and whether several may be called at once.
pub(super) fn write_tools(
    chat: &Chat,
    target: &Target<'_>,
    out: &mut write::Object<'_>,
    losses: &mut Losses,
) {
    let web_search = search::write_wish(Dialect::OpenAiResponses, chat, target, out, losses);
    let own = chat.own_tools.words();
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
    if !chat.tools.iter().any(|tool| sayable(&tool)) && web_search.is_none() {
        losses.note_if(chat.tool_choice.is_some(), "tool_choice");
        return;
    }
    out.list("tools", |list| {
        // The tools of a namespace follow each other, as they were read.
        let sayable: Vec<&Tool> = chat.tools.iter().filter(sayable).collect();
        for row in sayable.chunk_by(|one, next| namespace_of(one, &own) == namespace_of(next, &own)) {
            match row.first().and_then(|tool| namespace_of(tool, &own)) {
                Some(namespace) => list.object(|out| write_namespace(namespace, row, &own, out)),
                None => row.iter().for_each(|tool| match tool {
                    Tool::Other { json, .. } => list.json(json),
                    function => list.object(|out| write_function(function, &own, out)),
                }),
            }
        }
        if let Some(wish) = web_search {
            search::write_responses_tool(wish, list, losses);
        }
    });
    if let Some(choice) = &chat.tool_choice {
        write_choice(choice, &own, out);
    }
    out.maybe_boolean("parallel_tool_calls", chat.parallel_tool_calls);
}

fn namespace_of<'o>(tool: &'o Tool, own: &OwnWords<'o>) -> Option<&'o Namespace> {
    match tool {
        Tool::Function { name, .. } => own.of(name).namespace,
        Tool::Other { .. } => None,
    }
}

fn write_namespace(namespace: &Namespace, tools: &[&Tool], own: &OwnWords<'_>, out: &mut write::Object<'_>) {
    out.text("type", "namespace");
    out.text("name", &namespace.name);
    out.maybe_text("description", namespace.description.as_deref());
    out.list("tools", |list| {
        tools.iter().for_each(|tool| list.object(|out| write_function(tool, own, out)));
    });
}

fn write_function(tool: &Tool, own: &OwnWords<'_>, out: &mut write::Object<'_>) {
    let Tool::Function { name, description, parameters, strict, .. } = tool else { return };
    let word = own.of(name);
    out.text("type", kind(word));
    out.text("name", word.name);
    out.maybe_text("description", description.as_deref());
    if word.custom {
        return;
    }
    out.raw("parameters", parameters.as_ref().map_or(NO_PARAMETERS, Json::get));
    // Unlike elsewhere, schemas are followed exactly here unless one says otherwise.
    out.boolean("strict", strict.unwrap_or(false));
}

fn write_choice(choice: &ToolChoice, own: &OwnWords<'_>, out: &mut write::Object<'_>) {
    let named = |name: &str, tool: &mut write::Object<'_>| {
        tool.text("type", kind(own.of(name)));
        write_tool_name(own.of(name), tool);
    };
    match choice {
        ToolChoice::Auto => out.text("tool_choice", "auto"),
        ToolChoice::None => out.text("tool_choice", "none"),
        ToolChoice::Required => out.text("tool_choice", "required"),
        ToolChoice::Named(name) => out.object("tool_choice", |choice| named(name, choice)),
        ToolChoice::Allowed { required, names } => out.object("tool_choice", |choice| {
            choice.text("type", "allowed_tools");
            choice.text("mode", if *required { "required" } else { "auto" });
            choice.list("tools", |list| {
                names.iter().for_each(|name| list.object(|tool| named(name, tool)));
            });
        }),
    }
}

fn kind(word: OwnWord<'_>) -> &'static str {
    if word.custom { "custom" } else { "function" }
}
