//! Conversations for providers that know less than conversations: one text, or turns of text.
//!
//! In: a conversation. Out: its texts, and the names of what they leave out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Encoded;
use super::losses::Losses;
use crate::ir::{Chat, Content, Message, Part, Role, Source};
use crate::multipart::FormWriter;

/// What a text-only dialect says of a request beside its texts; the rest is noted as lost.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    MaxTokens,
    Temperature,
    TopP,
    TopK,
    Penalties,
    Seed,
    Stop,
    Reasoning,
    User,
}

/// The texts of a turn, joined by line ends. Contents that `elsewhere` takes are said by the caller in another place;
/// all others are noted.
pub(super) fn text_of(parts: &[Part], losses: &mut Losses, elsewhere: impl Fn(&Content) -> bool) -> String {
    let mut texts: Vec<&str> = Vec::with_capacity(parts.len());
    for Part { content, cache_control } in parts {
        losses.note_if(cache_control.is_some(), "cache_control");
        match content {
            Content::Text(text) | Content::Refusal(text) => texts.push(text),
            Content::File { source: Source::Text(text), name } => {
                losses.note_if(name.is_some(), "messages.document.title");
                texts.push(text);
            }
            content if elsewhere(content) => {}
            content => losses.part(content),
        }
    }
    texts.retain(|text| !text.is_empty());
    texts.join("\n")
}

/// A conversation as one text: its only turn as it is, or all turns, each behind the name of its speaker.
pub(super) fn transcript<'m>(
    messages: impl IntoIterator<Item = &'m Message>,
    losses: &mut Losses,
    elsewhere: impl Fn(&Content) -> bool,
) -> String {
    let mut turns: Vec<(Role, String)> = Vec::new();
    for message in messages {
        losses.note_if(message.name.is_some(), "messages.name");
        let text = text_of(&message.parts, losses, &elsewhere);
        if !text.is_empty() {
            turns.push((message.role, text));
        }
    }
    if let [(Role::User, text)] = turns.as_mut_slice() {
        return std::mem::take(text);
    }
    let named = turns.iter().map(|(role, text)| format!("{}: {text}", speaker(*role)));
    named.collect::<Vec<_>>().join("\n\n")
}

fn speaker(role: Role) -> &'static str {
    match role {
        Role::System | Role::Developer => "System",
        Role::User => "User",
        Role::Assistant => "Assistant",
        Role::Tool => "Tool",
    }
}

/// A picture as a form brings it: the file, and whatever texts stand beside it. None for what is no picture in base64.
pub(super) fn upload_form(content: &Content, texts: &[(&str, &str)]) -> Option<Encoded> {
    let Content::Image { source: Source::Base64 { media_type, data }, .. } = content else { return None };
    let bytes = STANDARD.decode(data).ok()?;
    // Some servers know a file by the end of its name alone.
    let end = media_type.strip_prefix("image/").unwrap_or("png");
    let end = end.split(|letter: char| !letter.is_ascii_alphanumeric()).next().unwrap_or("png");
    let mut form = FormWriter::default();
    form.file("file", &format!("picture.{end}"), media_type, bytes);
    texts.iter().for_each(|(name, value)| form.text(name, value));
    let (body, boundary) = form.finish();
    Some(Encoded { body, boundary: Some(boundary), lossy: Vec::new() })
}

/// Notes everything beside the messages that a dialect does not say: all but `said`, and top-level fields but `own`.
pub(super) fn note_unsaid(chat: &Chat, said: &[Says], own: &[&str], losses: &mut Losses) {
    let unsaid = |says: Says| !said.contains(&says);
    let sampling = &chat.sampling;
    losses.note_if(!chat.tools.is_empty(), "tools");
    losses.note_if(chat.tool_choice.is_some(), "tool_choice");
    losses.note_if(chat.parallel_tool_calls.is_some(), "parallel_tool_calls");
    let formed =
        chat.response_format.as_ref().is_some_and(|format| *format != crate::ir::ResponseFormat::Text);
    losses.note_if(formed, "response_format");
    losses.note_if(chat.max_tokens.is_some() && unsaid(Says::MaxTokens), "max_tokens");
    losses.note_if(sampling.temperature.is_some() && unsaid(Says::Temperature), "temperature");
    losses.note_if(sampling.top_p.is_some() && unsaid(Says::TopP), "top_p");
    losses.note_if(sampling.top_k.is_some() && unsaid(Says::TopK), "top_k");
    losses.note_if(sampling.frequency_penalty.is_some() && unsaid(Says::Penalties), "frequency_penalty");
    losses.note_if(sampling.presence_penalty.is_some() && unsaid(Says::Penalties), "presence_penalty");
    losses.note_if(sampling.seed.is_some() && unsaid(Says::Seed), "seed");
    losses.note_if(!sampling.stop.is_empty() && unsaid(Says::Stop), "stop");
    losses.note_if(sampling.logit_bias.is_some(), "logit_bias");
    losses.note_if(sampling.logprobs == Some(true), "logprobs");
    losses.note_if(sampling.top_logprobs.is_some(), "top_logprobs");
    losses.note_if(sampling.n.is_some_and(|n| n != 1), "n");
    losses.note_if(chat.reasoning.is_some() && unsaid(Says::Reasoning), "reasoning");
    losses.note_if(chat.user.is_some() && unsaid(Says::User), "user");
    losses.note_if(chat.metadata.is_some(), "metadata");
    losses.note_if(chat.cache_control.is_some(), "cache_control");
    let tier = chat.service_tier.as_deref();
    losses.note_if(tier.is_some_and(|tier| !matches!(tier, "auto" | "default")), "service_tier");
    let lost = chat.extra.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    lost.for_each(|(name, _)| losses.note(name));
}

/// Writes the top-level fields of `own`, as they were read.
pub(super) fn write_own(chat: &Chat, own: &[&str], out: &mut super::write::Object<'_>) {
    for (name, value) in chat.extra.iter().filter(|(name, _)| own.contains(&name.as_str())) {
        out.json(name, value);
    }
}
