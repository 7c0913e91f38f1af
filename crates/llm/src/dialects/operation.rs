//! What can be asked of a model, and requests of one operation said as another, where that is possible.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{DecodeError, Outline};
use crate::ir::{Chat, Completion, Content, Message, Part, Prompt, Request, Role};

/// What is asked of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Operation {
    Chat,
    Completions,
    Embeddings,
    Images,
    ImageEdits,
    ImageVariations,
    Speech,
    Transcription,
    Translation,
    Moderation,
    Rerank,
    Realtime,
    Videos,
}

impl Operation {
    /// The word in which OpenTelemetry and our records name it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completions => "text_completion",
            Self::Embeddings => "embeddings",
            Self::Images => "image_generation",
            Self::ImageEdits => "image_edit",
            Self::ImageVariations => "image_variation",
            Self::Speech => "speech",
            Self::Transcription => "transcription",
            Self::Translation => "translation",
            Self::Moderation => "moderation",
            Self::Rerank => "rerank",
            Self::Realtime => "realtime",
            Self::Videos => "video_generation",
        }
    }

    /// Whether question and answer are texts, whose tokens can be estimated where nobody has counted them.
    pub fn is_of_texts(self) -> bool {
        match self {
            Self::Chat | Self::Completions | Self::Embeddings | Self::Moderation | Self::Rerank => true,
            Self::Images
            | Self::ImageEdits
            | Self::ImageVariations
            | Self::Speech
            | Self::Transcription
            | Self::Translation
            | Self::Realtime
            | Self::Videos => false,
        }
    }

    /// Whether a request of this operation can be said as one of `other`.
    pub fn can_be(self, other: Self) -> bool {
        self == other || (self, other) == (Self::Completions, Self::Chat)
    }
}

/// A complaint about one field of the request.
pub(super) fn refuse(param: &str, sentence: &str) -> DecodeError {
    DecodeError { message: format!("{param}: {sentence}"), param: Some(param.to_owned()) }
}

/// What is said of a side that a dialect does not have.
pub(super) fn one_sided(outline: &Outline) -> DecodeError {
    let only = if outline.clients { "clients" } else { "providers" };
    refuse("model", &format!("{} is spoken with {only} only", outline.name))
}

/// The request as a conversation: a text completion becomes one user turn when it asks for nothing else.
pub(super) fn as_chat(request: &Request) -> Result<Cow<'_, Chat>, DecodeError> {
    as_chat_with(request, &[])
}

/// The same for a dialect in which the references of these names can be said.
pub(super) fn as_chat_with<'r>(request: &'r Request, known: &[&str]) -> Result<Cow<'r, Chat>, DecodeError> {
    match request {
        Request::Chat(chat) => {
            refuse_references(chat, known)?;
            Ok(Cow::Borrowed(chat))
        }
        Request::Completion(completion) => completion_as_chat(completion).map(Cow::Owned),
        Request::Embeddings(_) => {
            Err(refuse("model", "this model generates text, it does not make embeddings"))
        }
        Request::Images(_) | Request::Rerank(_) | Request::Speech(_) | Request::Transcription(_) => {
            Err(refuse("model", "this model generates text and nothing else"))
        }
    }
}

/// Fields that name a part of the conversation which lies with a provider.
const REFERENCES: [&str; 4] = ["previous_response_id", "conversation", "thread", "cachedContent"];

/// Refuses a conversation of which parts lie with a provider. An answer without them would be one to another question.
fn refuse_references(chat: &Chat, known: &[&str]) -> Result<(), DecodeError> {
    let kept = "refers to what only the provider that keeps it can look up, and this model is asked through another \
                API; send the whole conversation in the request";
    for (name, value) in &chat.extra {
        let refers = REFERENCES.contains(&name.as_str()) || name == "prompt" && value.is_object();
        if refers && !known.contains(&name.as_str()) {
            return Err(refuse(name, kept));
        }
    }
    let mut parts = chat.messages.iter().flat_map(|message| &message.parts);
    if parts.any(|part| matches!(&part.content, Content::Other { kind, .. } if kind == "item_reference")) {
        return Err(refuse("input", &format!("an item_reference {kept}")));
    }
    Ok(())
}

fn completion_as_chat(completion: &Completion) -> Result<Chat, DecodeError> {
    let unsupported =
        "is not possible with a chat model; use the chat completions endpoint or a completion model";
    let prompt = match &completion.prompt {
        Prompt::Text(prompt) => prompt,
        Prompt::Texts(prompts) => match prompts.as_slice() {
            [one] => one,
            _ => {
                return Err(refuse(
                    "prompt",
                    "several prompts in one request: this is not possible with a chat model; send them one by one",
                ));
            }
        },
        Prompt::Tokens(_) => {
            return Err(refuse("prompt", "token ids are not possible with a chat model; send text"));
        }
    };
    if completion.echo == Some(true) {
        return Err(refuse("echo", unsupported));
    }
    if completion.suffix.as_ref().is_some_and(|suffix| !suffix.is_empty()) {
        return Err(refuse("suffix", unsupported));
    }
    if completion.best_of.is_some_and(|best_of| best_of > completion.sampling.n.unwrap_or(1)) {
        return Err(refuse("best_of", unsupported));
    }
    let mut sampling = completion.sampling.clone();
    sampling.logprobs = sampling.top_logprobs.is_some().then_some(true);
    Ok(Chat {
        model: completion.model.clone(),
        messages: vec![Message { role: Role::User, parts: vec![Part::text(prompt.as_str())], name: None }],
        sampling,
        max_tokens: completion.max_tokens,
        user: completion.user.clone(),
        stream: completion.stream,
        include_usage: completion.include_usage,
        extra: completion.extra.clone(),
        ..Chat::default()
    })
}
