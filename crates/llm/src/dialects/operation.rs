//! Requests of one operation said as another, where that is possible.

use std::borrow::Cow;

use super::DecodeError;
use crate::ir::{Chat, Completion, Message, Part, Prompt, Request, Role};

/// A complaint about one field of the request.
pub(super) fn refuse(param: &str, sentence: &str) -> DecodeError {
    DecodeError { message: format!("{param}: {sentence}"), param: Some(param.to_owned()) }
}

/// The request as a conversation: a text completion becomes one user turn when it asks for nothing else.
pub(super) fn as_chat(request: &Request) -> Result<Cow<'_, Chat>, DecodeError> {
    match request {
        Request::Chat(chat) => Ok(Cow::Borrowed(chat)),
        Request::Completion(completion) => completion_as_chat(completion).map(Cow::Owned),
        Request::Embeddings(_) => {
            Err(refuse("model", "this model generates text, it does not make embeddings"))
        }
    }
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
