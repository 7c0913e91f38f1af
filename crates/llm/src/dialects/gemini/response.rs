//! Whole answers, and the answers to `countTokens`.

use super::answer::read_part;
use super::chunk::{Candidate, Chunk};
use super::finish::{blocked, finish_word, read_finish};
use super::logprobs::{read_logprobs, write_logprobs};
use super::part::{Said, is_own_kind, signed};
use super::usage::{read_usage, write_usage};
use crate::dialects::citations::grounding::{Cited, write_grounding};
use crate::dialects::citations::place as place_citations;
use crate::dialects::read::{At, Object};
use crate::dialects::{AnswerContext, CallIds, DecodeError, Losses, fault, write};
use crate::ir::{Answer, Choice, Content, Finish, Part, Response, Source};
use crate::usage::Usage;

/// Reads an upstream's answer.
pub(super) fn decode(body: &[u8]) -> Result<Answer, DecodeError> {
    let unreadable = |sentence: &str| At::BODY.fault(sentence);
    let chunk = Chunk::read(body).ok_or_else(|| unreadable("expected a GenerateContentResponse"))?;
    if chunk.error.is_some() {
        return Err(DecodeError { message: fault::read(0, body).message, param: None });
    }
    let id = chunk.response_id.text().map(str::to_owned);
    let mut ids = CallIds::default();
    ids.answer(id.as_deref());
    let groundings = chunk.candidates.iter().flatten().filter_map(Candidate::grounding);
    let searches = groundings.map(|grounding| grounding.searches()).fold(0, u64::saturating_add);
    let mut choices: Vec<Choice> = chunk
        .candidates
        .iter()
        .flatten()
        .enumerate()
        .map(|(place, candidate)| read_candidate(candidate, place, &mut ids, body))
        .collect();
    if choices.is_empty() {
        let reason = chunk
            .block_reason()
            .ok_or_else(|| At::BODY.key("candidates").fault("is missing from the answer"))?;
        choices.push(Choice { finish: Some(blocked(reason)), ..Choice::default() });
    }
    let usage = chunk.usage_metadata.and_then(|raw| read_usage(raw.get()));
    Ok(Answer {
        id,
        model: chunk.model_version.into_text(),
        choices,
        usage: usage.map(|usage| Usage { web_searches: searches, ..usage }),
        ..Answer::default()
    })
}

fn read_candidate(candidate: &Candidate<'_>, place: usize, ids: &mut CallIds, seed: &[u8]) -> Choice {
    let grounding = candidate.grounding();
    let (mut parts, mut all, mut starts) = (Vec::new(), String::new(), Vec::new());
    for raw in candidate.parts() {
        starts.push(all.len());
        for content in read_part(raw, ids, seed) {
            if let (Content::Text(text), Some(_)) = (&content, &grounding) {
                all.push_str(text);
            }
            parts.push(Part::new(content));
        }
    }
    let citations = grounding.map(|grounding| grounding.citations(&all, &starts)).unwrap_or_default();
    let parts = place_citations(parts, citations);
    let calls = parts.iter().any(|part| matches!(part.content, Content::ToolCall { .. }));
    Choice {
        index: candidate.index(place),
        parts,
        finish: candidate.finish_word().map(|word| read_finish(word, calls)),
        logprobs: candidate.logprobs_result.and_then(read_logprobs),
    }
}

/// Writes a client's answer.
pub(super) fn encode(response: &Response, context: &AnswerContext) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let Response::Chat(answer) = response else {
        write::object(&mut out, |_| {});
        return out;
    };
    write::object(&mut out, |body| {
        body.list("candidates", |list| {
            // An answer without choices is an empty one: there is always a first.
            let (none, empty) = (answer.choices.is_empty(), Choice::default());
            let choices = answer.choices.iter().chain(none.then_some(&empty));
            choices.for_each(|choice| list.object(|object| write_choice(choice, object)));
        });
        if let Some(usage) = &answer.usage {
            body.object("usageMetadata", |object| write_usage(usage, object));
        }
        body.text("modelVersion", answer.model.as_deref().unwrap_or(&context.model));
        body.text("responseId", answer.id.as_deref().unwrap_or(&context.id));
    });
    out
}

fn write_choice(choice: &Choice, out: &mut write::Object<'_>) {
    let mut said = signed(&choice.parts, |part| answerable(&part.content));
    if said.is_empty() {
        // Google, too, says an empty text where there is nothing to say.
        said.push(Said { content: None, signature: None });
    }
    out.object("content", |content| {
        let mut unused = Losses::default();
        content.list("parts", |list| said.iter().for_each(|part| part.write(list, &mut unused)));
        content.text("role", "model");
    });
    out.text("finishReason", finish_word(choice.finish.as_ref().unwrap_or(&Finish::default())));
    out.number("index", choice.index);
    let cited = cited(&choice.parts);
    if !cited.is_empty() {
        write_grounding(&cited, out);
    }
    if let Some(logprobs) = &choice.logprobs {
        write_logprobs(logprobs, out);
    }
}

/// Each source with the text before it, and how many bytes stand before that in all texts together.
fn cited(parts: &[Part]) -> Vec<Cited<'_>> {
    let (mut before, mut text, mut cited) = (0, "", Vec::new());
    for part in parts {
        match &part.content {
            Content::Text(next) => {
                before += text.len();
                text = next;
            }
            Content::Citation(citation) => cited.push((&**citation, text, before)),
            _ => {}
        }
    }
    cited
}

/// Whether an answer to a client can hold the content. Unlike in requests, thoughts and proofs of others are given.
fn answerable(content: &Content) -> bool {
    match content {
        Content::Text(text) | Content::Refusal(text) => !text.is_empty(),
        Content::RedactedThinking { .. } | Content::Thinking { .. } => true,
        Content::ToolCall { .. } | Content::Audio { .. } => true,
        Content::Image { source, .. } | Content::File { source, .. } => {
            !matches!(source, Source::FileId(_) | Source::Brought(_))
        }
        Content::Other { kind, json } => is_own_kind(kind, json),
        Content::ToolResult { .. } | Content::Citation(_) => false,
    }
}

/// The body that answers `countTokens`.
pub fn count_tokens_answer(total_tokens: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(32);
    write::object(&mut out, |body| body.number("totalTokens", total_tokens));
    out
}

/// Reads an upstream's answer to `countTokens`.
pub fn read_count_tokens(body: &[u8]) -> Option<u64> {
    Object::body(body).ok()?.unsigned("totalTokens").ok().flatten()
}
