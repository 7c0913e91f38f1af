//! Writes an upstream's request.

use super::super::{assistant, parts};
use crate::dialects::openai::{ask_usage, write_sampling};
use crate::dialects::{Dialect, Encoded, Losses, Quirk, Target, search, write};
use crate::ir::{
    Chat, Content, Effort, Message, Part, Reasoning, ReasoningMode, ResponseFormat, Role, Source, Tool,
    ToolChoice,
};

/// Writes a chat request.
pub(in super::super) fn encode(chat: &Chat, target: &Target<'_>) -> Encoded {
    let mut losses = Losses::default();
    let mut body = Vec::with_capacity(1024);
    write::object(&mut body, |out| {
        out.text("model", target.model);
        out.list("messages", |list| write_messages(chat, target, list, &mut losses));
        if chat.continues && target.has(Quirk::PrefillContinue) {
            out.boolean("continue_final_message", true);
            out.boolean("add_generation_prompt", false);
        }
        write_tools(chat, target, out, &mut losses);
        write_response_format(chat.response_format.as_ref(), out);
        let wants_newer = target.has(Quirk::MaxCompletionTokens);
        out.maybe_number(if wants_newer { "max_completion_tokens" } else { "max_tokens" }, chat.max_tokens);
        write_sampling(&chat.sampling, out);
        out.maybe_boolean("logprobs", chat.sampling.logprobs);
        out.maybe_number("top_logprobs", chat.sampling.top_logprobs);
        if let Some(reasoning) = &chat.reasoning {
            write_reasoning(reasoning, chat.max_tokens, out, &mut losses);
        }
        out.maybe_text("user", chat.user.as_deref());
        out.maybe_json("metadata", chat.metadata.as_ref());
        out.maybe_text("service_tier", chat.service_tier.as_deref());
        if chat.stream {
            out.boolean("stream", true);
            ask_usage(target, out);
        }
    });
    losses.note_if(chat.sampling.top_k.is_some(), "top_k");
    losses.note_if(chat.cache_control.is_some(), "cache_control");
    losses.extra(&chat.extra);
    Encoded { body, lossy: losses.into_names(), ..Encoded::default() }
}

fn write_messages(chat: &Chat, target: &Target<'_>, list: &mut write::List<'_>, losses: &mut Losses) {
    // What tool results hold beside text must wait until the last result of the row is said.
    let mut attachments: Vec<(&str, &Part)> = Vec::new();
    for (index, message) in chat.messages.iter().enumerate() {
        if message.role != Role::Tool {
            flush_attachments(&mut attachments, list);
        }
        match message.role {
            Role::Tool => write_results(message, &mut attachments, list, losses),
            Role::Assistant => {
                let is_begun = chat.continues && index + 1 == chat.messages.len();
                let mark = target.prefill_mark().filter(|_| is_begun);
                write_assistant(message, mark, list, losses);
            }
            role => {
                let sayable = keep_sayable(&message.parts, losses);
                if sayable.is_empty() && !message.parts.is_empty() {
                    // Nothing of it can be said; an empty turn would say something else.
                    continue;
                }
                list.object(|out| {
                    out.text("role", role_word(role, target));
                    out.maybe_text("name", message.name.as_deref());
                    parts::write_content(&sayable, out);
                });
            }
        }
    }
    flush_attachments(&mut attachments, list);
}

fn role_word(role: Role, target: &Target<'_>) -> &'static str {
    match role {
        Role::Developer if target.has(Quirk::NoDeveloperRole) => "system",
        Role::System => "system",
        Role::Developer => "developer",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    }
}

fn keep_sayable<'a>(all: &'a [Part], losses: &mut Losses) -> Vec<&'a Part> {
    let mut kept = Vec::with_capacity(all.len());
    for part in all {
        losses.note_if(part.cache_control.is_some(), "cache_control");
        if parts::sayable(part) {
            losses.note_if(
                matches!(&part.content, Content::File { source: Source::Text(_), name: Some(_) }),
                "messages.document.title",
            );
            kept.push(part);
        } else {
            losses.part(&part.content);
        }
    }
    kept
}

/// Writes a turn of the assistant's; one to be gone on with has a mark.
fn write_assistant(
    message: &Message,
    mark: Option<&'static str>,
    list: &mut write::List<'_>,
    losses: &mut Losses,
) {
    let mut sayable = message.parts.is_empty();
    for part in &message.parts {
        losses.note_if(part.cache_control.is_some(), "cache_control");
        if matches!(
            part.content,
            Content::Text(_)
                | Content::Refusal(_)
                | Content::ToolCall { .. }
                | Content::Thinking { .. }
                | Content::RedactedThinking { .. }
        ) {
            sayable = true;
        } else {
            losses.part(&part.content);
        }
    }
    if !sayable {
        return;
    }
    list.object(|out| {
        out.text("role", "assistant");
        out.maybe_text("name", message.name.as_deref());
        assistant::write_parts(&message.parts, false, out);
        if let Some(mark) = mark {
            out.boolean(mark, true);
        }
    });
}

fn write_results<'a>(
    message: &'a Message,
    attachments: &mut Vec<(&'a str, &'a Part)>,
    list: &mut write::List<'_>,
    losses: &mut Losses,
) {
    for part in &message.parts {
        let Content::ToolResult { id, parts: inner, is_error } = &part.content else { continue };
        losses.note_if(*is_error, "messages.tool_result.is_error");
        losses.note_if(part.cache_control.is_some(), "cache_control");
        let (texts, others): (Vec<&Part>, Vec<&Part>) = keep_sayable(inner, losses)
            .into_iter()
            .partition(|part| matches!(part.content, Content::Text(_)));
        list.object(|out| {
            out.text("role", "tool");
            out.text("tool_call_id", id);
            parts::write_content(&texts, out);
        });
        losses.note_if(!others.is_empty(), "messages.tool_result.content");
        attachments.extend(others.into_iter().map(|part| (id.as_str(), part)));
    }
}

/// Tool messages hold text only: pictures and documents follow in a user's turn that says whose they are.
fn flush_attachments(attachments: &mut Vec<(&str, &Part)>, list: &mut write::List<'_>) {
    if attachments.is_empty() {
        return;
    }
    let mut row: Vec<Part> = Vec::with_capacity(attachments.len() * 2);
    let mut last = None;
    for (id, part) in attachments.drain(..) {
        if last != Some(id) {
            row.push(Part::text(format!("Attached to the result of tool call {id}:")));
            last = Some(id);
        }
        row.push(part.clone());
    }
    list.object(|out| {
        out.text("role", "user");
        parts::write_content(&row.iter().collect::<Vec<_>>(), out);
    });
}

fn write_tools(chat: &Chat, target: &Target<'_>, out: &mut write::Object<'_>, losses: &mut Losses) {
    let web_search = search::write_wish(Dialect::OpenAiChat, chat, target, out, losses);
    let functions = || chat.tools.iter().filter(|tool| matches!(tool, Tool::Function { .. }));
    for tool in &chat.tools {
        match tool {
            Tool::Other { kind, .. } => losses.note(&format!("tools.{kind}")),
            Tool::Function { cache_control, .. } => losses.note_if(cache_control.is_some(), "cache_control"),
        }
    }
    let has_functions = functions().next().is_some();
    if !has_functions && web_search.is_none() {
        losses.note_if(chat.tool_choice.is_some(), "tool_choice");
        return;
    }
    out.list("tools", |list| {
        for tool in functions() {
            let Tool::Function { name, description, parameters, strict, .. } = tool else { continue };
            list.object(|tool| {
                tool.text("type", "function");
                tool.object("function", |function| {
                    function.text("name", name);
                    function.maybe_text("description", description.as_deref());
                    function.maybe_json("parameters", parameters.as_ref());
                    function.maybe_boolean("strict", *strict);
                });
            });
        }
        if let Some(wish) = web_search {
            search::write_zhipu_tool(wish, list, losses);
        }
    });
    if has_functions {
        write_tool_choice(chat, out);
    } else {
        losses.note_if(chat.tool_choice.is_some(), "tool_choice");
    }
}

fn write_tool_choice(chat: &Chat, out: &mut write::Object<'_>) {
    match &chat.tool_choice {
        None => {}
        Some(ToolChoice::Auto) => out.text("tool_choice", "auto"),
        Some(ToolChoice::None) => out.text("tool_choice", "none"),
        Some(ToolChoice::Required) => out.text("tool_choice", "required"),
        Some(ToolChoice::Named(name)) => out.object("tool_choice", |choice| {
            choice.text("type", "function");
            choice.object("function", |function| function.text("name", name));
        }),
        Some(ToolChoice::Allowed { required, names }) => out.object("tool_choice", |choice| {
            choice.text("type", "allowed_tools");
            choice.object("allowed_tools", |allowed| {
                allowed.text("mode", if *required { "required" } else { "auto" });
                allowed.list("tools", |list| {
                    for name in names {
                        list.object(|tool| {
                            tool.text("type", "function");
                            tool.object("function", |function| function.text("name", name));
                        });
                    }
                });
            });
        }),
    }
    out.maybe_boolean("parallel_tool_calls", chat.parallel_tool_calls);
}

fn write_response_format(format: Option<&ResponseFormat>, out: &mut write::Object<'_>) {
    let Some(format) = format else { return };
    out.object("response_format", |object| match format {
        ResponseFormat::Text => object.text("type", "text"),
        ResponseFormat::JsonObject => object.text("type", "json_object"),
        ResponseFormat::JsonSchema { name, description, schema, strict } => {
            object.text("type", "json_schema");
            object.object("json_schema", |inner| {
                inner.text("name", name.as_deref().unwrap_or("response"));
                inner.maybe_text("description", description.as_deref());
                inner.json("schema", schema);
                inner.maybe_boolean("strict", *strict);
            });
        }
    });
}

/// Chat Completions knows only a word for how much to think. A budget becomes the nearest.
fn write_reasoning(
    reasoning: &Reasoning,
    max_tokens: Option<u64>,
    out: &mut write::Object<'_>,
    losses: &mut Losses,
) {
    // Reasoning is shown unless its provider keeps it to itself; hiding it is what cannot be asked for.
    losses.note_if(reasoning.hidden == Some(true), "reasoning.exclude");
    if reasoning.mode == Some(ReasoningMode::Off) {
        // `none` is refused by every model but the newest; those that always think cannot be told not to.
        losses.note("reasoning");
        return;
    }
    let effort = match (reasoning.effort, reasoning.budget_tokens) {
        (Some(Effort::Max), _) => Some(Effort::XHigh),
        (Some(effort), _) => Some(effort),
        (None, Some(budget)) => {
            losses.note("reasoning.budget_tokens");
            Some(Effort::nearest(budget, max_tokens))
        }
        (None, None) => None,
    };
    losses.note_if(reasoning.effort == Some(Effort::Max), "reasoning.effort");
    out.maybe_text("reasoning_effort", effort.map(Effort::word));
}
