//! Requests: one query, its pictures by their addresses or as they were brought before, and what the operator's app takes
//! beside.

use serde::Deserialize;

use crate::dialects::plain::{Says, note_unsaid, transcript, upload_form, write_own};
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
    let query = transcript(asked, &mut losses, is_picture);
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

/// A picture that lies somewhere, or was brought; an app keeps what is brought for its user alone.
fn is_picture(content: &Content) -> bool {
    matches!(content, Content::Image { source: Source::Url(_) | Source::Brought(_), .. })
}

/// A picture as it is brought before.
pub(super) fn upload(content: &Content, user: Option<&str>) -> Option<Encoded> {
    upload_form(content, &[("user", user.unwrap_or(SOMEONE))])
}

/// The id of what was brought.
pub(super) fn uploaded(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Said {
        id: String,
    }
    serde_json::from_slice::<Said>(body).ok().map(|said| said.id).filter(|id| !id.is_empty())
}

fn write_pictures(messages: &[Message], out: &mut write::Object<'_>) {
    let parts = || messages.iter().flat_map(|message| &message.parts).map(|part| &part.content);
    if !parts().any(is_picture) {
        return;
    }
    out.list("files", |list| {
        for content in parts() {
            let Content::Image { source, .. } = content else { continue };
            let (method, name, value) = match source {
                Source::Url(url) => ("remote_url", "url", url),
                Source::Brought(id) => ("local_file", "upload_file_id", id),
                Source::Base64 { .. } | Source::FileId(_) | Source::Text(_) => continue,
            };
            list.object(|file| {
                file.text("type", "image");
                file.text("transfer_method", method);
                file.text(name, value);
            });
        }
    });
}
