//! Writes an upstream's request.

use super::asides;
use super::config::write_config;
use super::thinking::thinking;
use super::tools::write_tools;
use super::write_turns::{turns, write_system};
use crate::dialects::json_mode::JSON_INSTRUCTION;
use crate::dialects::{DecodeError, Encoded, Losses, Target, Thinking, refuse, write};
use crate::ir::{Chat, ResponseFormat, Tool};

/// Writes a `generateContent` request. Model and streaming are chosen by the path.
pub(in super::super) fn encode(chat: &Chat, target: &Target<'_>) -> Result<Encoded, DecodeError> {
    let mut losses = Losses::default();
    // Models that are asked in levels are those that check signatures.
    let turns = turns(&chat.messages, target.thinking != Thinking::Budget, &mut losses);
    if turns.is_empty() {
        return Err(refuse("messages", "at least one message with content is needed"));
    }
    let (format, instruction) = answer_format(chat, target.thinking, &mut losses);
    let thinking = thinking(chat, target, &mut losses);
    let mut body = Vec::with_capacity(1024);
    write::object(&mut body, |out| {
        write_system(&chat.messages, instruction.as_deref(), out, &mut losses);
        out.list("contents", |list| turns.iter().for_each(|turn| turn.write(list, &mut losses)));
        write_tools(chat, target, out, &mut losses);
        write_config(chat, format, &thinking, out, &mut losses);
        match chat.service_tier.as_deref() {
            None | Some("auto") => {}
            Some("default") => out.text("serviceTier", "standard"),
            Some(tier @ ("flex" | "priority")) => out.text("serviceTier", tier),
            Some(_) => losses.note("service_tier"),
        }
        asides::of(chat, "").for_each(|(name, value)| out.json(name, value));
    });
    losses.note_if(chat.user.is_some(), "user");
    losses.note_if(chat.metadata.is_some(), "metadata");
    losses.note_if(chat.cache_control.is_some(), "cache_control");
    chat.extra.iter().filter(|(name, _)| !asides::is_own(chat, name)).for_each(|(name, _)| losses.note(name));
    Ok(Encoded { body, lossy: losses.into_names(), ..Encoded::default() })
}

/// The form of the answer that can be asked for, and the instruction that stands in for one that cannot: models that
/// are asked in tokens refuse JSON together with functions.
fn answer_format<'a>(
    chat: &'a Chat,
    model: Thinking,
    losses: &mut Losses,
) -> (Option<&'a ResponseFormat>, Option<String>) {
    let calls = chat.tools.iter().any(|tool| matches!(tool, Tool::Function { .. }));
    let format = chat.response_format.as_ref();
    match format {
        Some(ResponseFormat::JsonObject) if calls && model == Thinking::Budget => {
            losses.note("response_format");
            (None, Some(JSON_INSTRUCTION.to_owned()))
        }
        Some(ResponseFormat::JsonSchema { schema, .. }) if calls && model == Thinking::Budget => {
            losses.note("response_format");
            let schema = schema.get();
            (None, Some(format!("{JSON_INSTRUCTION} It follows this JSON schema: {schema}")))
        }
        format => (format, None),
    }
}
