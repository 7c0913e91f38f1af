//! What chat and generate ask for beside their content: options, the form of the answer, thinking, probabilities.

use serde_json::value::RawValue;

use super::options::{is_own, read_options, write_options};
use crate::dialects::read::{At, Object, string};
use crate::dialects::{DecodeError, Losses, Target, Thinking, write};
use crate::ir::{Chat, Effort, Json, Reasoning, ReasoningMode, ResponseFormat};

/// Fields that are Ollama's own and are written again as they were read.
const OWN: [&str; 3] = ["keep_alive", "truncate", "shift"];

/// A conversation without messages, which asks for what the body says. What no one took of the body is its `extra`.
pub(in crate::dialects) fn read_asks(mut body: Object<'_, '_>) -> Result<Chat, DecodeError> {
    let mut chat = Chat { model: body.need_string("model")?, include_usage: true, ..Chat::default() };
    read_options(&mut body, &mut chat)?;
    chat.stream = body.boolean("stream")?.unwrap_or(true);
    chat.response_format = read_format(&mut body)?;
    chat.reasoning = read_think(&mut body)?;
    chat.sampling.logprobs = body.boolean("logprobs")?;
    chat.sampling.top_logprobs = body.unsigned("top_logprobs")?;
    let mut options = std::mem::replace(&mut chat.extra, body.rest());
    chat.extra.append(&mut options);
    Ok(chat)
}

fn read_format(body: &mut Object<'_, '_>) -> Result<Option<ResponseFormat>, DecodeError> {
    let Some(raw) = body.take("format") else { return Ok(None) };
    let at = body.at.key("format");
    if raw.get().starts_with('{') {
        let schema = Json::copied(raw);
        return Ok(Some(ResponseFormat::JsonSchema { name: None, description: None, schema, strict: None }));
    }
    let expected = || at.expected("json or a JSON schema");
    match string(raw, &at).map_err(|_| expected())?.as_str() {
        "json" => Ok(Some(ResponseFormat::JsonObject)),
        // Ollama's own client writes it so when none is asked for.
        "" => Ok(None),
        _ => Err(expected()),
    }
}

fn read_think(body: &mut Object<'_, '_>) -> Result<Option<Reasoning>, DecodeError> {
    let Some(raw) = body.take("think") else { return Ok(None) };
    let at = body.at.key("think");
    let mode = match raw.get() {
        "true" => ReasoningMode::On,
        "false" => ReasoningMode::Off,
        _ => {
            let effort = Some(read_level(raw, &at)?);
            return Ok(Some(Reasoning { effort, ..Reasoning::default() }));
        }
    };
    Ok(Some(Reasoning { mode: Some(mode), ..Reasoning::default() }))
}

fn read_level(raw: &RawValue, at: &At<'_>) -> Result<Effort, DecodeError> {
    let word = string(raw, at).ok();
    word.and_then(|word| Effort::from_word(&word))
        .ok_or_else(|| at.expected("true, false or one of low, medium and high"))
}

/// Writes what a conversation asks for, and notes what cannot be asked.
pub(in crate::dialects) fn write_asks(
    chat: &Chat,
    target: &Target<'_>,
    out: &mut write::Object<'_>,
    losses: &mut Losses,
) {
    // Left out, it would be true.
    out.boolean("stream", chat.stream);
    match &chat.response_format {
        None | Some(ResponseFormat::Text) => {}
        Some(ResponseFormat::JsonObject) => out.text("format", "json"),
        Some(ResponseFormat::JsonSchema { description, schema, strict, .. }) => {
            // The schema's name is a label without effect; the schema is always enforced here.
            losses.note_if(description.is_some(), "response_format.description");
            losses.note_if(*strict == Some(false), "response_format.strict");
            out.json("format", schema);
        }
    }
    if let Some(reasoning) = &chat.reasoning {
        write_think(reasoning, chat.max_tokens, target, out, losses);
    }
    out.maybe_boolean("logprobs", chat.sampling.logprobs);
    out.maybe_number("top_logprobs", chat.sampling.top_logprobs);
    write_options(chat, out);
    write_own(&chat.extra, out, losses);
    losses.note_if(chat.sampling.logit_bias.is_some(), "logit_bias");
    losses.note_if(chat.sampling.n.is_some_and(|n| n != 1), "n");
    losses.note_if(chat.user.is_some(), "user");
    losses.note_if(chat.metadata.is_some(), "metadata");
    losses.note_if(chat.cache_control.is_some(), "cache_control");
    let tier = chat.service_tier.as_deref();
    losses.note_if(tier.is_some_and(|tier| !matches!(tier, "auto" | "default")), "service_tier");
}

/// Writes the fields that are Ollama's own, and notes all others.
pub(in crate::dialects) fn write_own(
    extra: &[(String, Json)],
    out: &mut write::Object<'_>,
    losses: &mut Losses,
) {
    for field in extra {
        let (name, value) = field;
        if OWN.contains(&name.as_str()) {
            out.json(name, value);
        } else if !is_own(field) {
            losses.note(name);
        }
    }
}

/// Most models only know whether; those that know how much are told a word, and refuse no other.
fn write_think(
    reasoning: &Reasoning,
    max_tokens: Option<u64>,
    target: &Target<'_>,
    out: &mut write::Object<'_>,
    losses: &mut Losses,
) {
    losses.note_if(reasoning.hidden == Some(true), "reasoning.exclude");
    if reasoning.mode == Some(ReasoningMode::Off) {
        out.boolean("think", false);
        return;
    }
    let by_budget = reasoning.budget_tokens.filter(|_| reasoning.effort.is_none());
    losses.note_if(by_budget.is_some(), "reasoning.budget_tokens");
    let effort = reasoning.effort.or(by_budget.map(|budget| Effort::nearest(budget, max_tokens)));
    let Some(effort) = effort else {
        if reasoning.mode.is_some() {
            out.boolean("think", true);
        }
        return;
    };
    if target.thinking == Thinking::Budget {
        losses.note_if(reasoning.effort.is_some(), "reasoning.effort");
        out.boolean("think", true);
        return;
    }
    let word = match effort {
        Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High | Effort::XHigh | Effort::Max => "high",
    };
    losses.note_if(reasoning.effort.is_some_and(|effort| effort.word() != word), "reasoning.effort");
    out.text("think", word);
}
