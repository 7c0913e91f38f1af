//! Requests: one text, and parameters of the engine behind the server.

use crate::dialects::plain::{Says, note_unsaid, transcript};
use crate::dialects::{DecodeError, Encoded, Losses, Quirk, Target, refuse, write};
use crate::ir::Chat;

const SAID: [Says; 7] =
    [Says::MaxTokens, Says::Temperature, Says::TopP, Says::TopK, Says::Penalties, Says::Seed, Says::Stop];
/// Parameters that have no place in the IR and are written again as they were read.
const OWN: [&str; 3] = ["repetition_penalty", "min_p", "bad_words"];
/// What makes a plain model speak next.
const CUE: &str = "\n\nAssistant:";

/// Writes a chat request.
pub(super) fn encode(chat: &Chat, target: &Target<'_>) -> Result<Encoded, DecodeError> {
    let mut losses = Losses::default();
    let mut text = transcript(&chat.messages, &mut losses, |_| false);
    if text.is_empty() {
        return Err(refuse("messages", "at least one message with text is needed"));
    }
    if chat.messages.len() > 1 {
        text.push_str(CUE);
    }
    note_unsaid(chat, &SAID, &OWN, &mut losses);
    let mut body = Vec::with_capacity(512);
    write::object(&mut body, |out| {
        out.text("text_input", &text);
        out.object("parameters", |parameters| write_parameters(chat, target, parameters));
    });
    Ok(Encoded { body, boundary: None, lossy: losses.into_names() })
}

fn write_parameters(chat: &Chat, target: &Target<'_>, out: &mut write::Object<'_>) {
    let sampling = &chat.sampling;
    let tensorrt = target.has(Quirk::TensorrtLlm);
    out.boolean("stream", chat.stream);
    out.maybe_number("max_tokens", chat.max_tokens);
    out.maybe_number("temperature", sampling.temperature);
    out.maybe_number("top_p", sampling.top_p);
    out.maybe_number("top_k", sampling.top_k);
    out.maybe_number("frequency_penalty", sampling.frequency_penalty);
    out.maybe_number("presence_penalty", sampling.presence_penalty);
    out.maybe_number(if tensorrt { "random_seed" } else { "seed" }, sampling.seed);
    if !sampling.stop.is_empty() {
        let name = if tensorrt { "stop_words" } else { "stop" };
        out.texts(name, sampling.stop.iter().map(String::as_str));
    }
    crate::dialects::plain::write_own(chat, &OWN, out);
    if !tensorrt {
        for asked in [
            "exclude_input_in_output",
            "return_finish_reason",
            "return_num_input_tokens",
            "return_num_output_tokens",
        ] {
            out.boolean(asked, true);
        }
    }
}
