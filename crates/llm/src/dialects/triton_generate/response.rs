//! What the server says: whole answers, and the events of streams, which have the same form.

use serde::Deserialize;

use crate::dialects::openai::read_finish;
use crate::dialects::read::{At, Loose};
use crate::dialects::{DecodeError, Tap, fault};
use crate::ir::{Answer, Choice, Finish, Part};
use crate::usage::Usage;

/// An answer or a piece of one.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Said<'a> {
    #[serde(borrow)]
    pub(super) model_name: Loose<'a>,
    pub(super) text_output: Loose<'a>,
    finish_reason: Loose<'a>,
    num_input_tokens: Loose<'a>,
    num_output_tokens: Loose<'a>,
    pub(super) error: Loose<'a>,
}

impl<'a> Said<'a> {
    /// Reads an answer or an event; `None` when it is none.
    pub(super) fn read(data: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(data).ok()
    }

    /// Its text; a model that takes several texts at once answers with a list.
    pub(super) fn text(&self) -> Option<String> {
        match &self.text_output {
            Loose::Text(text) => Some(text.as_ref().to_owned()),
            Loose::Nested(serde_json::Value::Array(texts)) => {
                texts.first().and_then(|text| text.as_str()).map(str::to_owned)
            }
            _ => None,
        }
    }

    /// Tokens of this answer or piece: input counts whole in each piece, output only the piece's own.
    pub(super) fn counts(&self) -> Option<(u64, u64)> {
        let (input, output) = (self.num_input_tokens.number(), self.num_output_tokens.number());
        (input.is_some() || output.is_some()).then(|| (input.unwrap_or(0), output.unwrap_or(0)))
    }

    /// Why it has ended; `None` where the engine has not said.
    pub(super) fn finish(&self) -> Option<Finish> {
        let word = self.finish_reason.text().filter(|word| !matches!(*word, "None" | "null"))?;
        Some(Finish { reason: read_finish(word), native: Some(word.to_owned()), stop_sequence: None })
    }
}

/// Adds what one more piece counts to what has been counted so far, and tells whether it counts anything.
pub(super) fn count(usage: &mut Option<Usage>, said: &Said<'_>) -> bool {
    let Some((input, output)) = said.counts() else { return false };
    let usage = usage.get_or_insert_default();
    usage.input = usage.input.max(input);
    usage.output = usage.output.saturating_add(output);
    true
}

/// Reads an upstream's answer.
pub(super) fn decode(body: &[u8]) -> Result<Answer, DecodeError> {
    let said = Said::read(body).ok_or_else(|| At::BODY.expected("a JSON object with text_output"))?;
    let Some(text) = said.text() else {
        return Err(DecodeError { message: fault::read(0, body).message, param: None });
    };
    let (mut usage, finish) = (None, said.finish().unwrap_or_default());
    count(&mut usage, &said);
    let parts = if text.is_empty() { Vec::new() } else { vec![Part::text(text)] };
    Ok(Answer {
        model: said.model_name.into_text(),
        choices: vec![Choice { parts, finish: Some(finish), ..Choice::default() }],
        usage,
        ..Answer::default()
    })
}

/// The side reader of answers and events. That the last event was the last shows only when the body ends.
pub(super) fn tap(data: &[u8], tap: &mut Tap) {
    let Some(said) = Said::read(data) else { return };
    if said.error.text().is_some() {
        tap.error = Some(Box::new(fault::read(0, data)));
        return;
    }
    count(&mut tap.usage, &said);
    let size = said.text().map_or(0, |text| text.len());
    tap.output_bytes += size as u64;
    tap.content_seen |= size > 0;
    tap.finish_reason = said.finish().and_then(|finish| finish.native).or(tap.finish_reason.take());
    tap.model = tap.model.take().or(said.model_name.into_text());
}
