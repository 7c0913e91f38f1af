//! Requests.

use crate::dialects::ollama::{read_asks, read_images, write_asks, write_images};
use crate::dialects::read::{At, Object};
use crate::dialects::{DecodeError, Encoded, Losses, Target, refuse, write};
use crate::ir::{Chat, Content, Message, Part, Role, Source};

/// Reads a client's request as a conversation.
pub(super) fn decode(body: &[u8]) -> Result<Chat, DecodeError> {
    let mut body = Object::body(body)?;
    let unsayable = "is only possible with a model that is served by Ollama itself";
    let suffix = body.string("suffix")?.filter(|suffix| !suffix.is_empty());
    if suffix.is_some() {
        return Err(refuse("suffix", unsayable));
    }
    if body.boolean("raw")? == Some(true) {
        return Err(refuse("raw", unsayable));
    }
    if body.list("context")?.is_some_and(|tokens| !tokens.is_empty()) {
        return Err(refuse("context", unsayable));
    }
    let mut messages = Vec::new();
    if let Some(system) = body.string("system")?.filter(|system| !system.is_empty()) {
        messages.push(Message { role: Role::System, parts: vec![Part::text(system)], name: None });
    }
    let prompt = body.string("prompt")?.ok_or_else(|| At::BODY.key("prompt").fault("is required"))?;
    let images = read_images(&mut body)?;
    let text = (!prompt.is_empty() || images.is_empty()).then(|| Part::text(prompt));
    messages.push(Message { role: Role::User, parts: text.into_iter().chain(images).collect(), name: None });
    // Ollama's own client writes an empty one when it has none.
    let template = body.json("template").filter(|template| template.get() != "\"\"");
    let mut chat = Chat { messages, ..read_asks(body)? };
    chat.extra.extend(template.map(|template| ("template".to_owned(), template)));
    Ok(chat)
}

/// Writes an upstream's request: of one turn of the user, and instructions before it.
pub(super) fn encode(chat: &Chat, target: &Target<'_>) -> Result<Encoded, DecodeError> {
    let mut losses = Losses::default();
    let (mut system, mut prompt, mut images) = (Vec::new(), Vec::new(), Vec::new());
    for message in &chat.messages {
        let texts = match message.role {
            Role::System | Role::Developer if prompt.is_empty() && images.is_empty() => &mut system,
            Role::User => &mut prompt,
            _ => return Err(refuse("messages", "only one turn of the user can be said to this model")),
        };
        for part in &message.parts {
            match &part.content {
                Content::Text(text) => texts.push(text.as_str()),
                Content::Image { source: Source::Base64 { data, .. }, .. } => images.push(data.as_str()),
                content => losses.part(content),
            }
        }
    }
    losses.note_if(!chat.tools.is_empty(), "tools");
    let mut body = Vec::with_capacity(512);
    write::object(&mut body, |out| {
        out.text("model", target.model);
        if !system.is_empty() {
            out.text("system", &system.join("\n"));
        }
        out.text("prompt", &prompt.join("\n"));
        write_images(&images, out);
        write_asks(chat, target, out, &mut losses);
    });
    Ok(Encoded { body, lossy: losses.into_names(), ..Encoded::default() })
}
