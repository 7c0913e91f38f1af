//! Writes an upstream's request.

use super::super::message::{write_part, write_parts};
use super::OWN;
use crate::dialects::{DecodeError, Encoded, Losses, Target, refuse, write};
use crate::ir::{
    Chat, Content, Message, Part, Reasoning, ReasoningMode, ResponseFormat, Role, Sampling, Source, Tool,
    ToolChoice,
};

/// How many stop texts the API takes.
const STOPS_MOST: usize = 5;
/// Between these lies what it takes for `p`.
const P_LEAST: f64 = 0.01;
const P_MOST: f64 = 0.99;
const K_MOST: u64 = 500;

/// Writes a chat request.
pub(in super::super) fn encode(chat: &Chat, target: &Target<'_>) -> Result<Encoded, DecodeError> {
    let mut losses = Losses::default();
    let mut body = Vec::with_capacity(1024);
    let mut said = 0;
    write::object(&mut body, |out| {
        out.text("model", target.model);
        out.list("messages", |list| {
            for message in &chat.messages {
                said += write_message(message, list, &mut losses);
            }
        });
        let has_tools = write_tools(chat, out, &mut losses);
        write_format(chat.response_format.as_ref(), has_tools, out, &mut losses);
        write_sampling(&chat.sampling, out, &mut losses);
        out.maybe_number("max_tokens", chat.max_tokens);
        if let Some(reasoning) = &chat.reasoning {
            write_thinking(reasoning, chat.max_tokens, out, &mut losses);
        }
        if chat.stream {
            out.boolean("stream", true);
        }
        for (name, value) in &chat.extra {
            if OWN.contains(&name.as_str()) {
                out.json(name, value);
            } else {
                losses.note(name);
            }
        }
    });
    if said == 0 {
        return Err(refuse("messages", "at least one message with content is needed"));
    }
    losses.note_if(chat.user.is_some(), "user");
    losses.note_if(chat.metadata.is_some(), "metadata");
    losses.note_if(chat.cache_control.is_some(), "cache_control");
    losses.note_if(chat.parallel_tool_calls == Some(false), "parallel_tool_calls");
    let tier = chat.service_tier.as_deref();
    losses.note_if(tier.is_some_and(|tier| !matches!(tier, "auto" | "default")), "service_tier");
    Ok(Encoded { body, lossy: losses.into_names(), ..Encoded::default() })
}

/// Writes a turn as one message, or as one for each result, and returns how many those are.
fn write_message(message: &Message, list: &mut write::List<'_>, losses: &mut Losses) -> usize {
    losses.note_if(message.name.is_some(), "messages.name");
    match message.role {
        Role::Tool => write_results(message, list, losses),
        Role::Assistant => write_assistant(message, list, losses),
        role => {
            let is_user = role == Role::User;
            let kept = keep_sayable(&message.parts, is_user, losses);
            // Nothing of it can be said; an empty turn would say something else.
            if kept.is_empty() && !message.parts.is_empty() {
                return 0;
            }
            list.object(|out| {
                out.text("role", if is_user { "user" } else { "system" });
                write_content(&kept, out);
            });
            1
        }
    }
}

fn write_assistant(message: &Message, list: &mut write::List<'_>, losses: &mut Losses) -> usize {
    let mut sayable = false;
    for part in &message.parts {
        losses.note_if(part.cache_control.is_some(), "cache_control");
        match &part.content {
            Content::Text(text) | Content::Refusal(text) => sayable |= !text.is_empty(),
            Content::Thinking { text, signature, .. } => {
                // Nobody checks a proof here.
                losses.note_if(signature.is_some(), "messages.thinking.signature");
                sayable |= !text.is_empty();
            }
            Content::ToolCall { .. } => sayable = true,
            content => losses.part(content),
        }
    }
    if !sayable {
        return 0;
    }
    list.object(|out| {
        out.text("role", "assistant");
        write_parts(&message.parts, out);
    });
    1
}

fn write_results(message: &Message, list: &mut write::List<'_>, losses: &mut Losses) -> usize {
    let mut said = 0;
    for part in &message.parts {
        let Content::ToolResult { id, parts, is_error } = &part.content else { continue };
        losses.note_if(*is_error, "messages.tool_result.is_error");
        losses.note_if(part.cache_control.is_some(), "cache_control");
        // A result is text.
        let kept = keep_sayable(parts, false, losses);
        list.object(|out| {
            out.text("role", "tool");
            out.text("tool_call_id", id);
            write_content(&kept, out);
        });
        said += 1;
    }
    said
}

/// The parts that can be said, with pictures or without; the others are noted.
fn keep_sayable<'a>(parts: &'a [Part], pictures: bool, losses: &mut Losses) -> Vec<&'a Content> {
    let mut kept = Vec::with_capacity(parts.len());
    for Part { content, cache_control } in parts {
        losses.note_if(cache_control.is_some(), "cache_control");
        match content {
            Content::Text(_) | Content::Refusal(_) => kept.push(content),
            Content::Image { source: Source::Base64 { .. } | Source::Url(_), .. } if pictures => {
                kept.push(content)
            }
            Content::File { source: Source::Text(_), name } => {
                losses.note_if(name.is_some(), "messages.document.title");
                kept.push(content);
            }
            content => losses.part(content),
        }
    }
    kept
}

/// Writes `content` as a string when it is one plain text, and as a list of parts otherwise.
fn write_content(contents: &[&Content], out: &mut write::Object<'_>) {
    match contents {
        [] => out.text("content", ""),
        [Content::Text(text)] => out.text("content", text),
        several => out.list("content", |list| {
            several.iter().for_each(|content| list.object(|part| write_part(content, part)));
        }),
    }
}

/// Writes tools and whether they must be called. A choice among them is said by offering no others. Returns whether
/// there are any.
fn write_tools(chat: &Chat, out: &mut write::Object<'_>, losses: &mut Losses) -> bool {
    let (word, only): (Option<&str>, Option<&[String]>) = match &chat.tool_choice {
        None | Some(ToolChoice::Auto) => (None, None),
        Some(ToolChoice::None) => (Some("NONE"), None),
        Some(ToolChoice::Required) => (Some("REQUIRED"), None),
        Some(ToolChoice::Named(name)) => (Some("REQUIRED"), Some(std::slice::from_ref(name))),
        Some(ToolChoice::Allowed { required, names }) => (required.then_some("REQUIRED"), Some(names)),
    };
    let (mut offered, mut is_strict) = (Vec::new(), false);
    for tool in &chat.tools {
        match tool {
            Tool::Other { kind, .. } => losses.note(&format!("tools.{kind}")),
            Tool::Function { name, description, parameters, strict, cache_control } => {
                losses.note_if(cache_control.is_some(), "cache_control");
                if only.is_none_or(|only| only.contains(name)) {
                    is_strict |= *strict == Some(true);
                    offered.push((name, description, parameters));
                }
            }
        }
    }
    if offered.is_empty() {
        losses.note_if(word == Some("REQUIRED"), "tool_choice");
        return false;
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
    if is_strict {
        out.boolean("strict_tools", true);
    }
    out.maybe_text("tool_choice", word);
    true
}

fn write_format(
    format: Option<&ResponseFormat>,
    has_tools: bool,
    out: &mut write::Object<'_>,
    losses: &mut Losses,
) {
    let schema = match format {
        None | Some(ResponseFormat::Text) => return,
        Some(ResponseFormat::JsonObject) => None,
        Some(ResponseFormat::JsonSchema { description, schema, strict, .. }) => {
            // The schema's name is a label without effect; the schema is always enforced here.
            losses.note_if(description.is_some(), "response_format.description");
            losses.note_if(*strict == Some(false), "response_format.strict");
            Some(schema)
        }
    };
    if has_tools {
        // The API refuses both together.
        losses.note("response_format");
        return;
    }
    out.object("response_format", |object| {
        object.text("type", "json_object");
        object.maybe_json("json_schema", schema);
    });
}

fn write_sampling(sampling: &Sampling, out: &mut write::Object<'_>, losses: &mut Losses) {
    out.maybe_number("temperature", sampling.temperature);
    let p = sampling.top_p.map(|p| p.clamp(P_LEAST, P_MOST));
    // All there is, and all but a hundredth, is nearly the same.
    losses.note_if(p != sampling.top_p && sampling.top_p != Some(1.0), "top_p");
    out.maybe_number("p", p);
    losses.note_if(sampling.top_k.is_some_and(|k| k > K_MOST), "top_k");
    out.maybe_number("k", sampling.top_k.map(|k| k.min(K_MOST)));
    let seed = sampling.seed.and_then(|seed| u64::try_from(seed).ok());
    losses.note_if(seed.is_none() && sampling.seed.is_some(), "seed");
    out.maybe_number("seed", seed);
    for (name, asked) in
        [("frequency_penalty", sampling.frequency_penalty), ("presence_penalty", sampling.presence_penalty)]
    {
        // Rewards are refused.
        let possible = asked.map(|penalty| penalty.clamp(0.0, 1.0));
        losses.note_if(possible != asked, name);
        out.maybe_number(name, possible);
    }
    let stop: Vec<&str> = sampling.stop.iter().map(String::as_str).collect();
    losses.note_if(stop.len() > STOPS_MOST, "stop");
    if !stop.is_empty() {
        out.texts("stop_sequences", stop.into_iter().take(STOPS_MOST));
    }
    // They would be told in a form of which no other dialect knows how to say it.
    losses.note_if(sampling.logprobs == Some(true), "logprobs");
    losses.note_if(sampling.top_logprobs.is_some(), "top_logprobs");
    losses.note_if(sampling.logit_bias.is_some(), "logit_bias");
    losses.note_if(sampling.n.is_some_and(|n| n != 1), "n");
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
        out.object("thinking", |thinking| thinking.text("type", "disabled"));
        return;
    }
    if reasoning.is_unsaid() {
        return;
    }
    let budget = reasoning.tokens(max_tokens);
    losses.note_if(reasoning.effort.is_some() && budget.is_none(), "reasoning.effort");
    out.object("thinking", |thinking| {
        thinking.text("type", "enabled");
        thinking.maybe_number("token_budget", budget);
    });
}
