//! Requests: one query, its pictures by their addresses, and what the operator's app takes beside.

use crate::dialects::plain::{Says, note_unsaid, transcript, write_own};
use crate::dialects::{DecodeError, Encoded, Losses, refuse, write};
use crate::ir::{Chat, Content, Message, Role, Source};

/// Fields that have no place in the IR and are written again as they were read.
const OWN: [&str; 6] =
    ["inputs", "conversation_id", "files", "auto_generate_name", "workflow_id", "trace_id"];
/// Who asks must be said; of clients that do not say it all are one.
const SOMEONE: &str = "yumen";

/// Writes a chat request.
pub(super) fn encode(chat: &Chat) -> Result<Encoded, DecodeError> {
    let mut losses = Losses::default();
    let goes_on = chat.extra.iter().any(|(name, value)| name == "conversation_id" && value.get().len() > 2);
    let asked = asked(&chat.messages, goes_on);
    let query = transcript(asked, &mut losses, |content| picture(content).is_some());
    if query.is_empty() {
        return Err(refuse("messages", "at least one message with text is needed"));
    }
    note_unsaid(chat, &[Says::User], &OWN, &mut losses);
    let mut body = Vec::with_capacity(512);
    write::object(&mut body, |out| {
        out.text("query", &query);
        if !chat.extra.iter().any(|(name, _)| name == "inputs") {
            out.object("inputs", |inputs| inputs.text("query", &query));
        }
        out.text("response_mode", "streaming");
        out.text("user", chat.user.as_deref().unwrap_or(SOMEONE));
        write_own(chat, &OWN, out);
        if !chat.extra.iter().any(|(name, _)| name == "files") {
            write_pictures(asked, out);
        }
    });
    Ok(Encoded { body, boundary: None, lossy: losses.into_names() })
}

/// What of a conversation is asked: all of it, or what has come since the answer that the app itself has given.
fn asked(messages: &[Message], goes_on: bool) -> &[Message] {
    let known = messages.iter().rposition(|message| message.role == Role::Assistant).filter(|_| goes_on);
    known.and_then(|place| messages.get(place + 1..)).unwrap_or(messages)
}

/// The address of a picture; others must have been uploaded before.
fn picture(content: &Content) -> Option<&str> {
    match content {
        Content::Image { source: Source::Url(url), .. } => Some(url),
        _ => None,
    }
}

fn write_pictures(messages: &[Message], out: &mut write::Object<'_>) {
    let parts = messages.iter().flat_map(|message| &message.parts);
    let pictures: Vec<&str> = parts.filter_map(|part| picture(&part.content)).collect();
    if pictures.is_empty() {
        return;
    }
    out.list("files", |list| {
        for url in pictures {
            list.object(|file| {
                file.text("type", "image");
                file.text("transfer_method", "remote_url");
                file.text("url", url);
            });
        }
    });
}
