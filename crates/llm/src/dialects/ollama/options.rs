//! `options`: how tokens are chosen, limits, and how the server runs the model.

use crate::dialects::read::{At, Object, string, strings};
use crate::dialects::{DecodeError, write};
use crate::ir::{Chat, Json, Sampling};

/// Options that have no place in the IR and are written again as they were read. Only these: a client of another dialect
/// can send any name, and nothing that is decided elsewhere may be said twice.
const OWN: [&str; 21] = [
    "num_ctx",
    "num_keep",
    "num_batch",
    "num_gpu",
    "num_thread",
    "main_gpu",
    "low_vram",
    "f16_kv",
    "use_mmap",
    "use_mlock",
    "numa",
    "vocab_only",
    "min_p",
    "tfs_z",
    "typical_p",
    "repeat_last_n",
    "repeat_penalty",
    "penalize_newline",
    "mirostat",
    "mirostat_tau",
    "mirostat_eta",
];

/// Reads the object into `chat`; what else it holds is kept under its path, such as `options.num_ctx`.
pub(super) fn read_options(body: &mut Object<'_, '_>, chat: &mut Chat) -> Result<(), DecodeError> {
    let Some(raw) = body.take("options") else { return Ok(()) };
    let at = body.at.key("options");
    let mut options = Object::read(raw, at)?;
    chat.sampling = Sampling {
        temperature: options.number("temperature")?,
        top_p: options.number("top_p")?,
        top_k: options.unsigned("top_k")?,
        frequency_penalty: options.number("frequency_penalty")?,
        presence_penalty: options.number("presence_penalty")?,
        seed: options.integer("seed")?,
        stop: read_stop(&mut options, &at)?,
        ..Sampling::default()
    };
    // A negative limit is none.
    let limit = options.integer("num_predict")?;
    chat.max_tokens = limit.and_then(|limit| u64::try_from(limit).ok());
    chat.extra.extend(options.rest().into_iter().map(|(name, value)| (format!("options.{name}"), value)));
    Ok(())
}

fn read_stop(options: &mut Object<'_, '_>, at: &At<'_>) -> Result<Vec<String>, DecodeError> {
    let Some(raw) = options.take("stop") else { return Ok(Vec::new()) };
    let at = at.key("stop");
    match raw.get().as_bytes().first() {
        Some(b'"') => Ok(vec![string(raw, &at)?]),
        Some(b'[') => strings(raw, &at),
        _ => Err(at.expected("a string or a list of strings")),
    }
}

/// Writes the object, when there is anything to say.
pub(super) fn write_options(chat: &Chat, out: &mut write::Object<'_>) {
    let sampling = &chat.sampling;
    let mut options = Vec::new();
    write::object(&mut options, |options| {
        options.maybe_number("temperature", sampling.temperature);
        options.maybe_number("top_p", sampling.top_p);
        options.maybe_number("top_k", sampling.top_k);
        options.maybe_number("frequency_penalty", sampling.frequency_penalty);
        options.maybe_number("presence_penalty", sampling.presence_penalty);
        options.maybe_number("seed", sampling.seed);
        if !sampling.stop.is_empty() {
            options.texts("stop", sampling.stop.iter().map(String::as_str));
        }
        // Ollama's own is a number with a sign: a larger limit is none that could be reached.
        options.maybe_number("num_predict", chat.max_tokens.map(|most| most.min(i64::MAX as u64)));
        let mut said: Vec<&str> = Vec::new();
        for (name, value) in chat.extra.iter().filter_map(|(name, value)| Some((own(name)?, value))) {
            if !said.contains(&name) {
                said.push(name);
                options.json(name, value);
            }
        }
    });
    if options != b"{}" {
        out.with("options", |out| out.append(&mut options));
    }
}

/// The option's name, when a field of a request is one that is written.
fn own(name: &str) -> Option<&str> {
    name.strip_prefix("options.").filter(|name| OWN.contains(name))
}

/// Whether a field of a request is written as an option.
pub(super) fn is_own((name, _): &(String, Json)) -> bool {
    own(name).is_some()
}
