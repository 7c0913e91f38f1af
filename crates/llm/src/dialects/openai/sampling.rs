//! The fields that chat and text completions share: sampling, and usage in streams.

use crate::dialects::DecodeError;
use crate::dialects::read::{Object, string, strings};
use crate::dialects::{Target, write};
use crate::ir::Sampling;

/// Takes the shared sampling fields; `logprobs` is left, its type differs between the two endpoints.
pub(in crate::dialects) fn read_sampling(body: &mut Object<'_, '_>) -> Result<Sampling, DecodeError> {
    Ok(Sampling {
        temperature: body.number("temperature")?,
        top_p: body.number("top_p")?,
        top_k: body.unsigned("top_k")?,
        frequency_penalty: body.number("frequency_penalty")?,
        presence_penalty: body.number("presence_penalty")?,
        seed: body.integer("seed")?,
        stop: read_stop(body)?,
        logit_bias: body.json_object("logit_bias")?,
        logprobs: None,
        top_logprobs: None,
        n: body.unsigned("n")?,
    })
}

fn read_stop(body: &mut Object<'_, '_>) -> Result<Vec<String>, DecodeError> {
    let Some(raw) = body.take("stop") else { return Ok(Vec::new()) };
    let at = body.at.key("stop");
    match raw.get().as_bytes().first() {
        Some(b'"') => Ok(vec![string(raw, &at)?]),
        Some(b'[') => strings(raw, &at),
        _ => Err(at.expected("a string or a list of strings")),
    }
}

/// Takes `stream_options` and says whether the client wants usage in its stream.
pub(in crate::dialects) fn stream_usage(body: &mut Object<'_, '_>) -> Result<bool, DecodeError> {
    let Some(raw) = body.take("stream_options") else { return Ok(false) };
    let at = body.at.key("stream_options");
    Ok(Object::read(raw, at)?.boolean("include_usage")?.unwrap_or(false))
}

/// Asks for usage in a stream, which is always wanted: the exchange is counted, and other dialects report it.
pub(in crate::dialects) fn ask_usage(target: &Target<'_>, out: &mut write::Object<'_>) {
    if target.asks_usage() {
        out.object("stream_options", |options| options.boolean("include_usage", true));
    }
}

/// Writes the shared sampling fields, `logprobs` excepted.
pub(in crate::dialects) fn write_sampling(sampling: &Sampling, out: &mut write::Object<'_>) {
    out.maybe_number("temperature", sampling.temperature);
    out.maybe_number("top_p", sampling.top_p);
    out.maybe_number("frequency_penalty", sampling.frequency_penalty);
    out.maybe_number("presence_penalty", sampling.presence_penalty);
    out.maybe_number("seed", sampling.seed);
    match sampling.stop.as_slice() {
        [] => {}
        [one] => out.text("stop", one),
        several => out.texts("stop", several.iter().map(String::as_str)),
    }
    out.maybe_json("logit_bias", sampling.logit_bias.as_ref());
    out.maybe_number("n", sampling.n);
}
