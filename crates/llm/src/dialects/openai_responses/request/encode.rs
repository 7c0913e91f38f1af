//! Writes an upstream's request.

use super::super::reasoning::FORMAT;
use super::tools::{NAMESPACE_DESCRIPTION, write_tools};
use super::turns::write_input;
use crate::dialects::{DecodeError, Encoded, Losses, Target, refuse, write};
use crate::ir::{Chat, Content, Effort, Json, Reasoning, ReasoningMode, ResponseFormat};

/// The least limit of generated tokens that the API takes.
const LEAST_TOKENS: u64 = 16;
/// The longest name of an end user that the API takes.
const USER_MOST: usize = 64;
/// Fields that Chat Completions and this API share, all of them texts.
const SHARED: [&str; 3] = ["safety_identifier", "prompt_cache_key", "prompt_cache_retention"];

/// Writes a request. The conversation is whole in it: nothing of it is to be stored, so reasoning comes sealed.
pub(in super::super) fn encode(chat: &Chat, target: &Target<'_>) -> Result<Encoded, DecodeError> {
    let mut losses = Losses::default();
    let mut body = Vec::with_capacity(1024);
    let mut any = false;
    write::object(&mut body, |out| {
        out.text("model", target.model);
        out.list("input", |list| any = write_input(chat, target, list, &mut losses));
        write_tools(chat, target, out, &mut losses);
        write_text(chat, out);
        if let Some(reasoning) = &chat.reasoning {
            write_reasoning(reasoning, chat, out, &mut losses);
        }
        let limit = chat.max_tokens.map(|limit| limit.max(LEAST_TOKENS));
        losses.note_if(limit != chat.max_tokens, "max_tokens");
        out.maybe_number("max_output_tokens", limit);
        write_sampling(chat, out, &mut losses);
        let user = chat.user.as_deref().filter(|user| user.chars().count() <= USER_MOST);
        losses.note_if(user.is_none() && chat.user.is_some(), "user");
        out.maybe_text("user", user);
        out.maybe_json("metadata", chat.metadata.as_ref());
        out.maybe_text("service_tier", chat.service_tier.as_deref());
        write_include(chat, out);
        out.boolean("store", false);
        if chat.stream {
            out.boolean("stream", true);
        }
        write_extra(chat, out, &mut losses);
    });
    if !any {
        return Err(refuse("messages", "at least one message with content is needed"));
    }
    losses.note_if(chat.cache_control.is_some(), "cache_control");
    Ok(Encoded { body, lossy: losses.into_names(), ..Encoded::default() })
}

fn write_sampling(chat: &Chat, out: &mut write::Object<'_>, losses: &mut Losses) {
    let sampling = &chat.sampling;
    out.maybe_number("temperature", sampling.temperature);
    out.maybe_number("top_p", sampling.top_p);
    out.maybe_number("top_logprobs", sampling.top_logprobs);
    for (lost, name) in [
        (sampling.top_k.is_some(), "top_k"),
        (sampling.frequency_penalty.is_some_and(|penalty| penalty != 0.0), "frequency_penalty"),
        (sampling.presence_penalty.is_some_and(|penalty| penalty != 0.0), "presence_penalty"),
        (sampling.seed.is_some(), "seed"),
        (!sampling.stop.is_empty(), "stop"),
        (sampling.logit_bias.is_some(), "logit_bias"),
        (sampling.n.is_some_and(|n| n != 1), "n"),
    ] {
        losses.note_if(lost, name);
    }
}

/// Writes the answer's form, and how wordy it is to be.
fn write_text(chat: &Chat, out: &mut write::Object<'_>) {
    let verbosity = extra_text(chat, "verbosity").or_else(|| extra_text(chat, "text.verbosity"));
    if chat.response_format.is_none() && verbosity.is_none() {
        return;
    }
    out.object("text", |text| {
        if let Some(format) = &chat.response_format {
            text.object("format", |out| write_format(format, out));
        }
        text.maybe_json("verbosity", verbosity);
    });
}

fn write_format(format: &ResponseFormat, out: &mut write::Object<'_>) {
    match format {
        ResponseFormat::Text => out.text("type", "text"),
        ResponseFormat::JsonObject => out.text("type", "json_object"),
        ResponseFormat::JsonSchema { name, description, schema, strict } => {
            out.text("type", "json_schema");
            out.text("name", name.as_deref().unwrap_or("response"));
            out.maybe_text("description", description.as_deref());
            out.json("schema", schema);
            out.maybe_boolean("strict", *strict);
        }
    }
}

fn write_reasoning(reasoning: &Reasoning, chat: &Chat, out: &mut write::Object<'_>, losses: &mut Losses) {
    if reasoning.mode == Some(ReasoningMode::Off) {
        // `none` is refused by every model but the newest; those that always think cannot be told not to.
        losses.note("reasoning");
        return;
    }
    let effort = match (reasoning.effort, reasoning.budget_tokens) {
        (Some(Effort::Max), _) => {
            losses.note("reasoning.effort");
            Some(Effort::XHigh)
        }
        (Some(effort), _) => Some(effort),
        (None, Some(budget)) => {
            losses.note("reasoning.budget_tokens");
            Some(Effort::nearest(budget, chat.max_tokens))
        }
        (None, None) => None,
    };
    let hidden = reasoning.hidden == Some(true);
    let summary = extra_text(chat, "reasoning.summary");
    out.object("reasoning", |object| {
        object.maybe_text("effort", effort.map(Effort::word));
        if !hidden {
            object.raw("summary", summary.map_or("\"auto\"", Json::get));
        }
    });
}

/// Asks for what the next turn or the client needs beside the text. Models that do not think refuse to seal their
/// reasoning: it is asked for where the client speaks of reasoning, or the conversation holds some already.
fn write_include(chat: &Chat, out: &mut write::Object<'_>) {
    let asked = chat.reasoning.as_ref().is_some_and(|reasoning| reasoning.mode != Some(ReasoningMode::Off));
    let mut parts = chat.messages.iter().flat_map(|message| &message.parts);
    let sealed = asked
        || parts.any(|part| match &part.content {
            Content::Thinking { signature: Some(_), format, .. }
            | Content::RedactedThinking { format, .. } => format.as_deref() == Some(FORMAT),
            _ => false,
        });
    let logprobs = chat.sampling.logprobs == Some(true);
    if sealed || logprobs {
        let names = [(sealed, "reasoning.encrypted_content"), (logprobs, "message.output_text.logprobs")];
        out.texts("include", names.iter().filter(|(wanted, _)| *wanted).map(|(_, name)| *name));
    }
}

/// Says the fields that have no place in the IR but mean the same here; the others are lost.
fn write_extra(chat: &Chat, out: &mut write::Object<'_>, losses: &mut Losses) {
    let said = chat.reasoning.as_ref().is_some_and(|reasoning| {
        reasoning.mode != Some(ReasoningMode::Off) && reasoning.hidden != Some(true)
    });
    let mut written: Vec<&str> = Vec::new();
    for (name, value) in &chat.extra {
        let name = name.as_str();
        let is_text = value.get().starts_with('"');
        match name {
            // Written in their objects.
            "verbosity" | "text.verbosity" if is_text => {}
            "reasoning.summary" if is_text && said => {}
            // Written with its namespace.
            NAMESPACE_DESCRIPTION => {}
            // Nothing is stored, which is what was asked for.
            "store" if value.get() == "false" => {}
            _ if SHARED.contains(&name) && is_text && !written.contains(&name) => {
                written.push(name);
                out.json(name, value);
            }
            _ => losses.note(name),
        }
    }
}

/// A text among the fields without a place in the IR.
fn extra_text<'c>(chat: &'c Chat, name: &str) -> Option<&'c Json> {
    let found = chat.extra.iter().find(|(known, _)| known == name).map(|(_, value)| value);
    found.filter(|value| value.get().starts_with('"'))
}
