//! `providerOptions`: what each of the SDK's providers takes beyond the common options, as far as others can say it.
//!
//! The members of a provider that nobody else understands are named one by one, so that they are recorded as lost.

use crate::dialects::DecodeError;
use crate::dialects::read::{At, Object};
use crate::ir::{Chat, Effort, Json, ReasoningMode};

/// Reads them into the conversation; what has no place goes to its `extra`.
pub(super) fn read(body: &mut Object<'_, '_>, chat: &mut Chat) -> Result<(), DecodeError> {
    let Some(raw) = body.take("providerOptions") else { return Ok(()) };
    let at = At::BODY.key("providerOptions");
    let mut options = Object::read(raw, at)?;
    let mut each = |name: &str, read: fn(&mut Object<'_, '_>, &mut Chat) -> Result<(), DecodeError>| {
        let Some(raw) = options.take(name) else { return Ok(()) };
        let mut own = Object::read(raw, at.key(name))?;
        read(&mut own, chat)?;
        chat.extra.extend(own.rest().into_iter().map(|(member, json)| (spelt(name, &member), json)));
        Ok(())
    };
    each("gateway", gateway)?;
    each("openai", openai)?;
    each("anthropic", anthropic)?;
    each("google", google)?;
    each("vertex", google)?;
    let others = options.rest();
    chat.extra.extend(others.into_iter().map(|(name, json)| (format!("providerOptions.{name}"), json)));
    Ok(())
}

fn spelt(provider: &str, member: &str) -> String {
    format!("providerOptions.{provider}.{member}")
}

/// What is meant for a gateway is acted on where requests are routed, and never sent on.
fn gateway(own: &mut Object<'_, '_>, chat: &mut Chat) -> Result<(), DecodeError> {
    chat.user = own.string("user")?.or(chat.user.take());
    chat.service_tier = own.string("serviceTier")?.or(chat.service_tier.take());
    own.forget();
    Ok(())
}

fn openai(own: &mut Object<'_, '_>, chat: &mut Chat) -> Result<(), DecodeError> {
    effort(own, "reasoningEffort", chat)?;
    chat.parallel_tool_calls = own.boolean("parallelToolCalls")?.or(chat.parallel_tool_calls);
    chat.user = own.string("user")?.or(chat.user.take());
    chat.service_tier = own.string("serviceTier")?.or(chat.service_tier.take());
    chat.metadata = own.json_object("metadata")?.or(chat.metadata.take());
    chat.sampling.logit_bias = own.json_object("logitBias")?.or(chat.sampling.logit_bias.take());
    Ok(())
}

fn anthropic(own: &mut Object<'_, '_>, chat: &mut Chat) -> Result<(), DecodeError> {
    effort(own, "effort", chat)?;
    if own.boolean("disableParallelToolUse")? == Some(true) {
        chat.parallel_tool_calls = Some(false);
    }
    let parent = own.at;
    if let Some(raw) = own.take("thinking") {
        let at = parent.key("thinking");
        let mut thinking = Object::read(raw, at)?;
        let reasoning = chat.reasoning.get_or_insert_default();
        reasoning.mode = Some(match thinking.need_string("type")?.as_str() {
            "enabled" => ReasoningMode::On,
            "adaptive" => ReasoningMode::Adaptive,
            "disabled" => ReasoningMode::Off,
            _ => return Err(at.key("type").expected("one of enabled, adaptive and disabled")),
        });
        reasoning.budget_tokens = thinking.unsigned("budgetTokens")?.or(reasoning.budget_tokens);
    }
    Ok(())
}

fn google(own: &mut Object<'_, '_>, chat: &mut Chat) -> Result<(), DecodeError> {
    let parent = own.at;
    let Some(raw) = own.take("thinkingConfig") else { return Ok(()) };
    let at = parent.key("thinkingConfig");
    let mut config = Object::read(raw, at)?;
    effort(&mut config, "thinkingLevel", chat)?;
    let reasoning = chat.reasoning.get_or_insert_default();
    match config.integer("thinkingBudget")? {
        None => {}
        Some(0) => reasoning.mode = Some(ReasoningMode::Off),
        // Minus one leaves it to the model.
        Some(budget) => match u64::try_from(budget) {
            Ok(budget) => reasoning.budget_tokens = Some(budget),
            Err(_) => reasoning.mode = Some(ReasoningMode::Adaptive),
        },
    }
    if config.boolean("includeThoughts")? == Some(false) {
        reasoning.hidden = Some(true);
    }
    Ok(())
}

/// An effort in a word; a word that is not known is kept as what it is.
fn effort(own: &mut Object<'_, '_>, name: &str, chat: &mut Chat) -> Result<(), DecodeError> {
    let Some(word) = own.string(name)? else { return Ok(()) };
    read_effort(&word, chat);
    if chat.reasoning.is_none()
        && let Some(json) = Json::parse(&format!("{word:?}"))
    {
        chat.extra.push((name.to_owned(), json));
    }
    Ok(())
}

/// The common option `reasoning`, and the providers' words for the same.
pub(super) fn read_effort(word: &str, chat: &mut Chat) {
    if word == "none" {
        chat.reasoning.get_or_insert_default().mode = Some(ReasoningMode::Off);
    } else if let Some(effort) = Effort::from_word(word) {
        chat.reasoning.get_or_insert_default().effort = Some(effort);
    }
}
