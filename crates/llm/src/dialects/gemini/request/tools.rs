//! What the model may call, and whether it must.

use serde_json::value::RawValue;

use super::super::part::is_own_kind;
use super::super::schema::{from_google, to_google};
use super::asides::{self, keep};
use crate::dialects::read::{At, Object, strings};
use crate::dialects::{DecodeError, Dialect, Losses, Target, Thinking, search, write};
use crate::ir::{Chat, Json, SearchTool, Tool, ToolChoice, WebSearch};

/// Reads `tools`: objects that hold lists of functions, and tools of the provider's own under their names. The one that
/// searches the web is a wish of its own.
pub(super) fn read_tools(
    body: &mut Object<'_, '_>,
    asides: &mut Vec<(String, Json)>,
) -> Result<(Vec<Tool>, Option<WebSearch>), DecodeError> {
    let (mut tools, mut web_search) = (Vec::new(), None);
    let parent = body.at;
    let at = parent.key("tools");
    for (index, raw) in body.list("tools")?.into_iter().flatten().enumerate() {
        let at = at.index(index);
        let mut tool = Object::read(raw, at)?.in_camel_case();
        let declarations = tool.list("functionDeclarations")?;
        let at = at.key("functionDeclarations");
        for (index, raw) in declarations.into_iter().flatten().enumerate() {
            tools.push(read_function(raw, at.index(index), asides)?);
        }
        for (kind, value) in tool.rest() {
            let mut json = Vec::new();
            write::object(&mut json, |object| object.json(&kind, &value));
            let Some(json) = Json::parse(&String::from_utf8_lossy(&json)) else { continue };
            if web_search.is_none() && search::is_gemini_tool(&kind) {
                web_search =
                    Some(WebSearch { tool: Some(SearchTool { kind, json }), ..WebSearch::default() });
            } else {
                tools.push(Tool::Other { kind, json });
            }
        }
    }
    Ok((tools, web_search))
}

fn read_function(raw: &RawValue, at: At<'_>, asides: &mut Vec<(String, Json)>) -> Result<Tool, DecodeError> {
    let mut function = Object::read(raw, at)?.in_camel_case();
    let name = function.need_string("name")?;
    let description = function.string("description")?;
    let subset = function.json_object("parameters")?;
    let parameters =
        function.json_object("parametersJsonSchema")?.or_else(|| subset.as_ref().map(from_google));
    keep(asides, "tools.functionDeclarations", function.rest());
    Ok(Tool::Function { name, description, parameters, strict: None, cache_control: None })
}

/// Reads `toolConfig`.
pub(super) fn read_tool_choice(
    body: &mut Object<'_, '_>,
    asides: &mut Vec<(String, Json)>,
) -> Result<Option<ToolChoice>, DecodeError> {
    let Some(raw) = body.take("toolConfig") else { return Ok(None) };
    let at = body.at.key("toolConfig");
    let mut config = Object::read(raw, at)?.in_camel_case();
    let calling = config.take("functionCallingConfig");
    keep(asides, "toolConfig", config.rest());
    let Some(raw) = calling else { return Ok(None) };
    let at = at.key("functionCallingConfig");
    let mut calling = Object::read(raw, at)?.in_camel_case();
    let mode = calling.string("mode")?.unwrap_or_default().to_ascii_uppercase();
    let names = calling.take("allowedFunctionNames");
    let names = names.map(|raw| strings(raw, &at.key("allowedFunctionNames"))).transpose()?;
    let names = names.unwrap_or_default();
    let choice = match (mode.as_str(), names.as_slice()) {
        ("NONE", _) => Some(ToolChoice::None),
        ("ANY", []) => Some(ToolChoice::Required),
        ("ANY", [one]) => Some(ToolChoice::Named(one.clone())),
        ("ANY", _) => Some(ToolChoice::Allowed { required: true, names }),
        ("AUTO" | "VALIDATED", []) => Some(ToolChoice::Auto),
        ("AUTO" | "VALIDATED", _) => Some(ToolChoice::Allowed { required: false, names }),
        ("" | "MODE_UNSPECIFIED", _) => None,
        _ => return Err(at.key("mode").expected("one of AUTO, ANY, NONE and VALIDATED")),
    };
    let path = "toolConfig.functionCallingConfig";
    if mode == "VALIDATED" && choice == Some(ToolChoice::Auto) {
        // That arguments must follow their schema is said elsewhere of each function, if at all.
        keep(
            asides,
            path,
            Json::parse("\"VALIDATED\"").map(|mode| ("mode".to_owned(), mode)).into_iter().collect(),
        );
    }
    keep(asides, path, calling.rest());
    Ok(choice)
}

/// Writes `tools` and `toolConfig`.
pub(super) fn write_tools(
    chat: &Chat,
    target: &Target<'_>,
    out: &mut write::Object<'_>,
    losses: &mut Losses,
) {
    let web_search = search::write_wish(Dialect::Gemini, chat, target, out, losses);
    let mut functions = Vec::new();
    let mut own = Vec::new();
    for tool in &chat.tools {
        match tool {
            Tool::Function { .. } => functions.push(tool),
            Tool::Other { kind, json } if is_own_kind(kind, json) => own.push(json),
            Tool::Other { kind, .. } => losses.note(&format!("tools.{kind}")),
        }
    }
    // Models that are asked in tokens refuse it beside functions; who has written both knows why.
    let fits = |wish: &&WebSearch| {
        target.thinking != Thinking::Budget || functions.is_empty() || wish.tool.is_some()
    };
    losses.note_if(web_search.is_some_and(|wish| !fits(&wish)), "web_search");
    let web_search = web_search.filter(fits);
    if !functions.is_empty() || !own.is_empty() || web_search.is_some() {
        out.list("tools", |list| {
            if !functions.is_empty() {
                list.object(|object| {
                    object.list("functionDeclarations", |list| {
                        functions.iter().for_each(|tool| write_function(tool, list, losses));
                    });
                });
            }
            own.iter().for_each(|json| list.raw(json.get()));
            if let Some(wish) = web_search {
                search::write_gemini_tool(wish, list, losses);
            }
        });
    }
    losses.note_if(chat.parallel_tool_calls == Some(false), "parallel_tool_calls");
    let choice = chat.tool_choice.as_ref().filter(|_| !functions.is_empty());
    losses.note_if(chat.tool_choice.is_some() && choice.is_none(), "tool_choice");
    write_tool_config(choice, asides::of(chat, "toolConfig").collect(), out);
}

fn write_function(tool: &Tool, list: &mut write::List<'_>, losses: &mut Losses) {
    let Tool::Function { name, description, parameters, strict, cache_control } = tool else { return };
    losses.note_if(*strict == Some(true), "tools.strict");
    losses.note_if(cache_control.is_some(), "cache_control");
    list.object(|object| {
        object.text("name", name);
        object.maybe_text("description", description.as_deref());
        if let Some(schema) = parameters {
            object.raw("parametersJsonSchema", &to_google(schema, "tools.parameters", losses));
        }
    });
}

fn write_tool_config(choice: Option<&ToolChoice>, rest: Vec<(&str, &Json)>, out: &mut write::Object<'_>) {
    if choice.is_none() && rest.is_empty() {
        return;
    }
    let (mode, names): (_, &[String]) = match choice {
        None => ("", &[]),
        Some(ToolChoice::Auto) => ("AUTO", &[]),
        Some(ToolChoice::None) => ("NONE", &[]),
        Some(ToolChoice::Required) => ("ANY", &[]),
        Some(ToolChoice::Named(name)) => ("ANY", std::slice::from_ref(name)),
        Some(ToolChoice::Allowed { required: true, names }) => ("ANY", names),
        // Only here may the model also answer in text and choose among some functions only.
        Some(ToolChoice::Allowed { required: false, names }) => ("VALIDATED", names),
    };
    out.object("toolConfig", |config| {
        if choice.is_some() {
            config.object("functionCallingConfig", |calling| {
                calling.text("mode", mode);
                if !names.is_empty() {
                    calling.texts("allowedFunctionNames", names.iter().map(String::as_str));
                }
            });
        }
        rest.into_iter().for_each(|(name, value)| config.json(name, value));
    });
}
