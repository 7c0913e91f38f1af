//! Requests.

use crate::dialects::openai::{ask_usage, read_sampling, stream_usage, write_sampling};
use crate::dialects::read::{At, Object, string, strings};
use crate::dialects::{DecodeError, Encoded, Losses, Target, write};
use crate::ir::{Completion, Json, Prompt};

/// Reads a client's request.
pub(super) fn decode(body: &[u8]) -> Result<Completion, DecodeError> {
    let mut body = Object::body(body)?;
    let prompt = read_prompt(&mut body)?;
    let mut sampling = read_sampling(&mut body)?;
    sampling.top_logprobs = body.unsigned("logprobs")?;
    Ok(Completion {
        model: body.need_string("model")?,
        prompt,
        suffix: body.string("suffix")?,
        echo: body.boolean("echo")?,
        best_of: body.unsigned("best_of")?,
        max_tokens: body.unsigned("max_tokens")?,
        sampling,
        user: body.string("user")?,
        stream: body.boolean("stream")?.unwrap_or(false),
        include_usage: stream_usage(&mut body)?,
        extra: body.rest(),
    })
}

fn read_prompt(body: &mut Object<'_, '_>) -> Result<Prompt, DecodeError> {
    let at = At::BODY.key("prompt");
    let raw = body.take("prompt").ok_or_else(|| at.fault("is required"))?;
    let text = raw.get();
    let first = text.trim_start_matches('[').trim_start().as_bytes().first().copied();
    match (text.as_bytes().first(), first) {
        (Some(b'"'), _) => Ok(Prompt::Text(string(raw, &at)?)),
        (Some(b'['), Some(b'"')) => Ok(Prompt::Texts(strings(raw, &at)?)),
        (Some(b'['), Some(b'0'..=b'9' | b'[')) => Ok(Prompt::Tokens(Json::copied(raw))),
        _ => Err(at.expected("a string, a list of strings or a list of token ids")),
    }
}

/// Writes an upstream's request.
pub(super) fn encode(completion: &Completion, target: &Target<'_>) -> Encoded {
    let mut losses = Losses::default();
    let mut body = Vec::with_capacity(512);
    write::object(&mut body, |out| {
        out.text("model", target.model);
        match &completion.prompt {
            Prompt::Text(text) => out.text("prompt", text),
            Prompt::Texts(texts) => out.texts("prompt", texts.iter().map(String::as_str)),
            Prompt::Tokens(tokens) => out.json("prompt", tokens),
        }
        out.maybe_text("suffix", completion.suffix.as_deref());
        out.maybe_number("max_tokens", completion.max_tokens);
        write_sampling(&completion.sampling, out);
        out.maybe_number("logprobs", completion.sampling.top_logprobs);
        out.maybe_boolean("echo", completion.echo);
        out.maybe_number("best_of", completion.best_of);
        out.maybe_text("user", completion.user.as_deref());
        if completion.stream {
            out.boolean("stream", true);
            ask_usage(target, out);
        }
    });
    losses.note_if(completion.sampling.top_k.is_some(), "top_k");
    losses.extra(&completion.extra);
    Encoded { body, lossy: losses.into_names(), ..Encoded::default() }
}
