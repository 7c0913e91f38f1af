//! Requests: an agent, who asks it, and the conversation.

use serde::Deserialize;

use crate::dialects::plain::{Says, note_unsaid, text_of, write_own};
use crate::dialects::{DecodeError, Encoded, Losses, Target, refuse, write};
use crate::ir::{Chat, Content, Message, Role, Source};

/// Fields that have no place in the IR and are written again as they were read.
const OWN: [&str; 6] =
    ["auto_save_history", "custom_variables", "meta_data", "extra_params", "parameters", "shortcut_command"];
/// Who asks must be said; of clients that do not say it all are one.
const SOMEONE: &str = "yumen";

/// Writes a chat request.
pub(super) fn encode(chat: &Chat, target: &Target<'_>) -> Result<Encoded, DecodeError> {
    let mut losses = Losses::default();
    let mut said = 0;
    let mut body = Vec::with_capacity(512);
    write::object(&mut body, |out| {
        out.text("bot_id", target.model);
        out.text("user_id", chat.user.as_deref().unwrap_or(SOMEONE));
        out.boolean("stream", true);
        if !chat.extra.iter().any(|(name, _)| name == "auto_save_history") {
            out.boolean("auto_save_history", false);
        }
        out.list("additional_messages", |list| {
            for message in &chat.messages {
                said += usize::from(write_message(message, list, &mut losses));
            }
        });
        write_own(chat, &OWN, out);
    });
    if said == 0 {
        return Err(refuse("messages", "at least one message with content is needed"));
    }
    note_unsaid(chat, &[Says::User], &OWN, &mut losses);
    Ok(Encoded { body, boundary: None, lossy: losses.into_names() })
}

/// How a picture is named that lies somewhere, or was brought before.
fn picture(content: &Content) -> Option<(&'static str, &str)> {
    match content {
        Content::Image { source: Source::Url(url), .. } => Some(("file_url", url)),
        Content::Image { source: Source::Brought(id), .. } => Some(("file_id", id)),
        _ => None,
    }
}

/// The id of a picture that was brought.
pub(super) fn uploaded(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Said {
        data: File,
    }
    #[derive(Deserialize)]
    struct File {
        id: String,
    }
    serde_json::from_slice::<Said>(body).ok().map(|said| said.data.id).filter(|id| !id.is_empty())
}

/// Writes a turn. Agents have instructions of their own: a client's are what a user says first.
fn write_message(message: &Message, list: &mut write::List<'_>, losses: &mut Losses) -> bool {
    losses.note_if(message.name.is_some(), "messages.name");
    let is_answer = message.role == Role::Assistant;
    let text = text_of(&message.parts, losses, |content| !is_answer && picture(content).is_some());
    let pictures: Vec<(&str, &str)> =
        message.parts.iter().filter_map(|part| picture(&part.content)).collect();
    if text.is_empty() && (is_answer || pictures.is_empty()) {
        return false;
    }
    let (role, kind) = if is_answer { ("assistant", "answer") } else { ("user", "question") };
    list.object(|out| {
        out.text("role", role);
        out.text("type", kind);
        if is_answer || pictures.is_empty() {
            out.text("content_type", "text");
            out.text("content", &text);
        } else {
            out.text("content_type", "object_string");
            out.text("content", &objects(&text, &pictures));
        }
    });
    true
}

/// A text and pictures as the list that stands in a string.
fn objects(text: &str, pictures: &[(&str, &str)]) -> String {
    let mut list = b"[".to_vec();
    if !text.is_empty() {
        write::object(&mut list, |part| {
            part.text("type", "text");
            part.text("text", text);
        });
    }
    for (name, value) in pictures {
        if list.len() > 1 {
            list.push(b',');
        }
        write::object(&mut list, |part| {
            part.text("type", "image");
            part.text(name, value);
        });
    }
    list.push(b']');
    String::from_utf8(list).unwrap_or_default()
}
