//! Requests: the conversation as `input`, what is asked of the model as `parameters`.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialects::openai::write_url;
use crate::dialects::{DecodeError, Dialect, Encoded, Losses, Target, refuse, search, write};
use crate::ir::{
    Chat, Content, Message, Part, Reasoning, ReasoningMode, ResponseFormat, Role, Source, Tool, ToolChoice,
};

/// Fields that have no place in the IR and are parameters here.
const OWN: [&str; 9] = [
    "enable_search",
    "search_options",
    "repetition_penalty",
    "enable_thinking",
    "thinking_budget",
    "preserve_thinking",
    "enable_code_interpreter",
    "vl_high_resolution_images",
    "translation_options",
];

/// Writes a chat request.
pub(super) fn encode(chat: &Chat, target: &Target<'_>) -> Result<Encoded, DecodeError> {
    let mut losses = Losses::default();
    let lists = target.sees || chat.messages.iter().any(|message| message.parts.iter().any(is_media));
    let mut body = Vec::with_capacity(1024);
    let mut said = 0;
    write::object(&mut body, |out| {
        out.text("model", target.model);
        out.object("input", |input| {
            input.list("messages", |list| {
                for message in &chat.messages {
                    said += write_message(message, lists, list, &mut losses);
                }
            });
        });
        out.object("parameters", |parameters| write_parameters(chat, target, parameters, &mut losses));
    });
    if said == 0 {
        return Err(refuse("messages", "at least one message with content is needed"));
    }
    losses.note_if(chat.user.is_some(), "user");
    losses.note_if(chat.metadata.is_some(), "metadata");
    losses.note_if(chat.cache_control.is_some(), "cache_control");
    let tier = chat.service_tier.as_deref();
    losses.note_if(tier.is_some_and(|tier| !matches!(tier, "auto" | "default")), "service_tier");
    Ok(Encoded { body, boundary: None, lossy: losses.into_names() })
}

/// Whether the contents of a request are lists: then it goes to the second path.
pub(super) fn is_second_form(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        input: Input<'a>,
    }
    #[derive(Deserialize)]
    struct Input<'a> {
        #[serde(borrow)]
        messages: Vec<Turn<'a>>,
    }
    #[derive(Deserialize)]
    struct Turn<'a> {
        #[serde(borrow)]
        content: &'a RawValue,
    }
    let body: Option<Body<'_>> = serde_json::from_slice(body).ok();
    body.is_some_and(|body| body.input.messages.iter().any(|turn| turn.content.get().starts_with('[')))
}

/// Whether a part is said in the second form only.
fn is_media(part: &Part) -> bool {
    match &part.content {
        Content::Image { source, .. } => matches!(source, Source::Base64 { .. } | Source::Url(_)),
        Content::Audio { .. } => true,
        _ => false,
    }
}

/// Writes a turn as one message, or as one for each result, and returns how many those are.
fn write_message(message: &Message, lists: bool, list: &mut write::List<'_>, losses: &mut Losses) -> usize {
    losses.note_if(message.name.is_some(), "messages.name");
    if message.role == Role::Tool {
        let mut said = 0;
        for part in &message.parts {
            let Content::ToolResult { id, parts, is_error } = &part.content else { continue };
            losses.note_if(*is_error, "messages.tool_result.is_error");
            let kept = keep(parts, false, losses);
            list.object(|out| {
                out.text("role", "tool");
                out.text("tool_call_id", id);
                write_content(&kept, lists, out);
            });
            said += 1;
        }
        return said;
    }
    let kept = keep(&message.parts, message.role == Role::User, losses);
    let calls = message.parts.iter().any(|part| matches!(part.content, Content::ToolCall { .. }));
    let calls = calls && message.role == Role::Assistant;
    if kept.is_empty() && !calls {
        return 0;
    }
    list.object(|out| {
        out.text(
            "role",
            match message.role {
                Role::System | Role::Developer => "system",
                Role::Assistant => "assistant",
                Role::User | Role::Tool => "user",
            },
        );
        write_content(&kept, lists, out);
        if calls {
            write_calls(&message.parts, out);
        }
    });
    1
}

/// The contents that can be said, with pictures and sound or without; the others are noted.
fn keep<'m>(parts: &'m [Part], media: bool, losses: &mut Losses) -> Vec<&'m Content> {
    let mut kept = Vec::with_capacity(parts.len());
    for part in parts {
        losses.note_if(part.cache_control.is_some(), "cache_control");
        match &part.content {
            Content::Text(text) | Content::Refusal(text) => {
                kept.extend((!text.is_empty()).then_some(&part.content));
            }
            Content::File { source: Source::Text(_), name } => {
                losses.note_if(name.is_some(), "messages.document.title");
                kept.push(&part.content);
            }
            Content::Image { detail, .. } if media && is_media(part) => {
                let detailed = detail.as_deref().is_some_and(|detail| detail != "auto");
                losses.note_if(detailed, "messages.content.image.detail");
                kept.push(&part.content);
            }
            Content::Audio { .. } if media => kept.push(&part.content),
            Content::ToolCall { .. } => {}
            content => losses.part(content),
        }
    }
    kept
}

fn write_content(contents: &[&Content], lists: bool, out: &mut write::Object<'_>) {
    let text = |content: &Content| match content {
        Content::Text(text) | Content::Refusal(text) | Content::File { source: Source::Text(text), .. } => {
            Some(text.clone())
        }
        _ => None,
    };
    if !lists {
        let texts: Vec<String> = contents.iter().filter_map(|content| text(content)).collect();
        out.text("content", &texts.join("\n"));
        return;
    }
    out.list("content", |list| {
        for content in contents {
            list.object(|part| match content {
                Content::Image { source, .. } => part.text("image", &write_url(source)),
                Content::Audio { data, format } => {
                    part.text("audio", &format!("data:audio/{format};base64,{data}"));
                }
                content => part.text("text", &text(content).unwrap_or_default()),
            });
        }
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

fn write_parameters(chat: &Chat, target: &Target<'_>, out: &mut write::Object<'_>, losses: &mut Losses) {
    out.text("result_format", "message");
    if chat.stream {
        out.boolean("incremental_output", true);
    }
    let sampling = &chat.sampling;
    out.maybe_number("temperature", sampling.temperature);
    out.maybe_number("top_p", sampling.top_p);
    out.maybe_number("top_k", sampling.top_k);
    out.maybe_number("presence_penalty", sampling.presence_penalty);
    out.maybe_number("seed", sampling.seed);
    out.maybe_number("max_tokens", chat.max_tokens);
    if !sampling.stop.is_empty() {
        out.texts("stop", sampling.stop.iter().map(String::as_str));
    }
    out.maybe_boolean("logprobs", sampling.logprobs);
    out.maybe_number("top_logprobs", sampling.top_logprobs);
    losses.note_if(sampling.frequency_penalty.is_some(), "frequency_penalty");
    losses.note_if(sampling.logit_bias.is_some(), "logit_bias");
    losses.note_if(sampling.n.is_some_and(|n| n != 1), "n");
    write_tools(chat, out, losses);
    write_format(chat.response_format.as_ref(), out, losses);
    if let Some(reasoning) = &chat.reasoning {
        write_thinking(reasoning, chat.max_tokens, out, losses);
    }
    search::write_wish(Dialect::DashScopeChat, chat, target, out, losses);
    for (name, value) in &chat.extra {
        let said = chat.reasoning.is_some() && matches!(name.as_str(), "enable_thinking" | "thinking_budget")
            || chat.web_search.is_some() && name == "enable_search";
        if OWN.contains(&name.as_str()) && !said {
            out.json(name, value);
        } else {
            losses.note_if(!said, name);
        }
    }
}

/// Writes tools and which of them is called. That some must be called cannot be said; a choice among them is said by
/// offering no others.
fn write_tools(chat: &Chat, out: &mut write::Object<'_>, losses: &mut Losses) {
    let only: Option<&[String]> = match &chat.tool_choice {
        Some(ToolChoice::Allowed { names, .. }) => Some(names),
        _ => None,
    };
    let mut offered = Vec::new();
    for tool in &chat.tools {
        match tool {
            Tool::Other { kind, .. } => losses.note(&format!("tools.{kind}")),
            Tool::Function { name, description, parameters, strict, cache_control } => {
                losses.note_if(cache_control.is_some(), "cache_control");
                losses.note_if(*strict == Some(true), "tools.strict");
                if only.is_none_or(|only| only.contains(name)) {
                    offered.push((name, description, parameters));
                }
            }
        }
    }
    let must =
        matches!(chat.tool_choice, Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }));
    losses.note_if(must, "tool_choice");
    if offered.is_empty() {
        losses.note_if(matches!(chat.tool_choice, Some(ToolChoice::Named(_))), "tool_choice");
        return;
    }
    out.list("tools", |list| {
        for (name, description, parameters) in offered {
            list.object(|tool| {
                tool.text("type", "function");
                tool.object("function", |function| {
                    function.text("name", name);
                    function.maybe_text("description", description.as_deref());
                    function.maybe_json("parameters", parameters.as_ref());
                });
            });
        }
    });
    match &chat.tool_choice {
        Some(ToolChoice::None) => out.text("tool_choice", "none"),
        Some(ToolChoice::Named(name)) => out.object("tool_choice", |choice| {
            choice.text("type", "function");
            choice.object("function", |function| function.text("name", name));
        }),
        _ => {}
    }
    out.maybe_boolean("parallel_tool_calls", chat.parallel_tool_calls);
}

fn write_format(format: Option<&ResponseFormat>, out: &mut write::Object<'_>, losses: &mut Losses) {
    match format {
        None | Some(ResponseFormat::Text) => {}
        Some(ResponseFormat::JsonObject) => {
            out.object("response_format", |object| object.text("type", "json_object"));
        }
        Some(ResponseFormat::JsonSchema { name, description, schema, strict }) => {
            losses.note_if(description.is_some(), "response_format.description");
            out.object("response_format", |object| {
                object.text("type", "json_schema");
                object.object("json_schema", |format| {
                    format.text("name", name.as_deref().unwrap_or("answer"));
                    format.json("schema", schema);
                    format.maybe_boolean("strict", *strict);
                });
            });
        }
    }
}

/// How much to think is said in tokens only: an effort becomes its share of the limit.
fn write_thinking(
    reasoning: &Reasoning,
    max_tokens: Option<u64>,
    out: &mut write::Object<'_>,
    losses: &mut Losses,
) {
    losses.note_if(reasoning.hidden == Some(true), "reasoning.exclude");
    if reasoning.mode == Some(ReasoningMode::Off) {
        out.boolean("enable_thinking", false);
        return;
    }
    if reasoning.is_unsaid() {
        return;
    }
    out.boolean("enable_thinking", true);
    let budget = reasoning.tokens(max_tokens);
    losses.note_if(reasoning.effort.is_some() && budget.is_none(), "reasoning.effort");
    out.maybe_number("thinking_budget", budget);
}
