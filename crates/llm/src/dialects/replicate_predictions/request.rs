//! Requests: one prompt and what else the model takes as its input.

use super::makers::{Inputs, Thinking, inputs};
use crate::dialects::openai::write_url;
use crate::dialects::plain::{Says, note_unsaid, text_of, transcript};
use crate::dialects::{DecodeError, Encoded, Losses, Target, refuse, write};
use crate::ir::{Chat, Content, Effort, Message, ReasoningMode, Role, Source};

/// Digits of a version.
const VERSION_LENGTH: usize = 64;

/// Writes a chat request.
pub(super) fn encode(chat: &Chat, target: &Target<'_>) -> Result<Encoded, DecodeError> {
    let mut losses = Losses::default();
    let inputs = inputs(target.model);
    let is_instruction = |message: &&Message| {
        inputs.system.is_some() && matches!(message.role, Role::System | Role::Developer)
    };
    let instructions = chat.messages.iter().filter(is_instruction);
    let instructions: Vec<String> =
        instructions.map(|message| text_of(&message.parts, &mut losses, |_| false)).collect();
    let turns = chat.messages.iter().filter(|message| !is_instruction(message));
    let prompt = transcript(turns, &mut losses, is_picture);
    if prompt.is_empty() {
        return Err(refuse("messages", "at least one message with text is needed"));
    }
    let said = note_said(&inputs);
    note_unsaid(chat, &said, &[], &mut losses);
    let mut body = Vec::with_capacity(512);
    write::object(&mut body, |out| {
        if is_version(target.model) {
            out.text("version", target.model);
        }
        if chat.stream {
            out.boolean("stream", true);
        }
        out.object("input", |input| {
            input.text("prompt", &prompt);
            if let Some(name) = inputs.system.filter(|_| !instructions.is_empty()) {
                input.text(name, &instructions.join("\n\n"));
            }
            write_pictures(chat, &inputs, input, &mut losses);
            write_sampling(chat, &inputs, input);
            write_thinking(chat, inputs.thinking, input, &mut losses);
        });
    });
    Ok(Encoded { body, boundary: None, lossy: losses.into_names() })
}

/// Whether a body names the version that is to run, for which there is another path.
pub(super) fn names_version(body: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Body {
        version: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_slice(body).is_ok_and(|body: Body| body.version.is_some())
}

fn is_version(model: &str) -> bool {
    model.contains(':') || model.len() == VERSION_LENGTH && model.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn note_said(inputs: &Inputs) -> Vec<Says> {
    let mut said = vec![Says::MaxTokens, Says::Temperature];
    said.extend(inputs.top_p.then_some(Says::TopP));
    said.extend(inputs.top_k.then_some(Says::TopK));
    said.extend(inputs.penalties.then_some(Says::Penalties));
    said.extend(inputs.stop.then_some(Says::Stop));
    said.extend((inputs.thinking != Thinking::None).then_some(Says::Reasoning));
    said
}

fn is_picture(content: &Content) -> bool {
    matches!(content, Content::Image { source: Source::Base64 { .. } | Source::Url(_), .. })
}

/// Writes pictures: all of them, or the last one where a model takes one.
fn write_pictures(chat: &Chat, inputs: &Inputs, out: &mut write::Object<'_>, losses: &mut Losses) {
    let parts = chat.messages.iter().flat_map(|message| &message.parts);
    let pictures: Vec<&Content> = parts.map(|part| &part.content).filter(|part| is_picture(part)).collect();
    let Some(last) = pictures.last() else { return };
    let url = |content: &Content| match content {
        Content::Image { source, .. } => write_url(source),
        _ => String::new(),
    };
    match inputs.pictures {
        None => losses.part(last),
        Some((name, true)) => out.list(name, |list| pictures.iter().for_each(|one| list.text(&url(one)))),
        Some((name, false)) => {
            if pictures.len() > 1 {
                losses.part(last);
            }
            out.text(name, &url(last));
        }
    }
}

fn write_sampling(chat: &Chat, inputs: &Inputs, out: &mut write::Object<'_>) {
    let sampling = &chat.sampling;
    out.maybe_number(inputs.max_tokens, chat.max_tokens);
    out.maybe_number("temperature", sampling.temperature);
    out.maybe_number("top_p", sampling.top_p.filter(|_| inputs.top_p));
    out.maybe_number("top_k", sampling.top_k.filter(|_| inputs.top_k));
    out.maybe_number("frequency_penalty", sampling.frequency_penalty.filter(|_| inputs.penalties));
    out.maybe_number("presence_penalty", sampling.presence_penalty.filter(|_| inputs.penalties));
    if inputs.stop && !sampling.stop.is_empty() {
        out.text("stop_sequences", &sampling.stop.join(","));
    }
}

fn write_thinking(chat: &Chat, thinking: Thinking, out: &mut write::Object<'_>, losses: &mut Losses) {
    let Some(reasoning) = &chat.reasoning else { return };
    let off = reasoning.mode == Some(ReasoningMode::Off);
    match thinking {
        Thinking::None => {}
        Thinking::Effort if off => out.text("reasoning_effort", Effort::Minimal.word()),
        Thinking::Effort => {
            let nearest = |budget| Effort::nearest(budget, chat.max_tokens);
            let effort = reasoning.effort.or(reasoning.budget_tokens.map(nearest));
            out.maybe_text("reasoning_effort", effort.map(Effort::word));
        }
        Thinking::Budget(budget, switch) => {
            let tokens = if off { Some(0) } else { reasoning.tokens(chat.max_tokens) };
            losses.note_if(reasoning.effort.is_some() && tokens.is_none(), "reasoning.effort");
            match switch {
                Some(switch) => {
                    out.boolean(switch, !off && !reasoning.is_unsaid());
                    out.maybe_number(budget, tokens.filter(|_| !off));
                }
                None => out.maybe_number(budget, tokens),
            }
        }
    }
}
