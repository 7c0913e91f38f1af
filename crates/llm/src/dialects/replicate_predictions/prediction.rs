//! Predictions: what a model has put out, whether it is ready, and why it has failed.

use serde::Deserialize;
use serde_json::Value;

use crate::dialects::read::{At, Loose};
use crate::dialects::{DecodeError, Onward, Tap, fault};
use crate::ir::{Answer, Choice, ErrorFacts, ErrorKind, Finish, FinishReason, Part};
use crate::usage::Usage;

/// A prediction.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Prediction<'a> {
    #[serde(borrow)]
    id: Loose<'a>,
    model: Loose<'a>,
    status: Loose<'a>,
    output: Loose<'a>,
    error: Loose<'a>,
    metrics: Metrics<'a>,
    urls: Urls<'a>,
}

/// Where more of it is.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Urls<'a> {
    #[serde(borrow)]
    get: Loose<'a>,
    stream: Loose<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metrics<'a> {
    #[serde(borrow)]
    input_token_count: Loose<'a>,
    output_token_count: Loose<'a>,
}

impl<'a> Prediction<'a> {
    fn read(body: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// The text that was put out; `None` when it is no text.
    fn text(&self) -> Option<String> {
        match &self.output {
            Loose::Text(text) => Some(text.as_ref().to_owned()),
            Loose::Nested(Value::Array(pieces)) => pieces.iter().map(Value::as_str).collect(),
            _ => None,
        }
    }

    fn is_under_way(&self) -> bool {
        matches!(self.status.text(), Some("starting" | "processing"))
    }

    fn usage(&self) -> Option<Usage> {
        let (input, output) =
            (self.metrics.input_token_count.number(), self.metrics.output_token_count.number());
        (input.is_some() || output.is_some()).then(|| Usage {
            input: input.unwrap_or(0),
            output: output.unwrap_or(0),
            ..Usage::default()
        })
    }

    /// What a prediction without an output has come to.
    fn failure(&self) -> Option<(ErrorKind, &str)> {
        match self.status.text()? {
            "succeeded" => None,
            _ if self.is_under_way() => Some((ErrorKind::Timeout, "The prediction was not ready in time.")),
            "canceled" | "aborted" => Some((ErrorKind::Server, "The prediction was cancelled.")),
            _ => Some((ErrorKind::Server, self.error.text().unwrap_or("The prediction has failed."))),
        }
    }
}

/// Where one leads that is not ready.
pub(super) fn leads_on(body: &[u8], stream: bool) -> Option<Onward> {
    let prediction = Prediction::read(body)?;
    if !prediction.is_under_way() {
        return None;
    }
    let Urls { get, stream: live } = prediction.urls;
    let live = live.into_text().filter(|_| stream).map(Onward::Stream);
    live.or_else(|| get.into_text().map(Onward::Later))
}

/// The status that a prediction without an output means.
pub(super) fn status_within(body: &[u8]) -> Option<u16> {
    let prediction = Prediction::read(body)?;
    let (kind, _) = prediction.failure()?;
    Some(fault::of_kind(fault::plain(0, ""), kind).status)
}

/// Reads an error: a prediction that has failed, or an answer of the API.
pub(super) fn read_error(status: u16, body: &[u8]) -> ErrorFacts {
    let prediction = Prediction::read(body).unwrap_or_default();
    match prediction.failure() {
        Some((kind, sentence)) => fault::of_kind(fault::plain(status, sentence), kind),
        None => fault::read(status, body),
    }
}

/// Reads an upstream's answer.
pub(super) fn decode(body: &[u8]) -> Result<Answer, DecodeError> {
    let said = |message: &str| DecodeError { message: message.to_owned(), param: None };
    let prediction = Prediction::read(body).ok_or_else(|| At::BODY.expected("a JSON object"))?;
    if let Some((_, sentence)) = prediction.failure() {
        return Err(said(sentence));
    }
    if prediction.status.text().is_none() {
        return Err(said(&fault::read(0, body).message));
    }
    let text = prediction.text().ok_or_else(|| said("the model's output is no text"))?;
    let parts = if text.is_empty() { Vec::new() } else { vec![Part::text(text)] };
    let finish = Finish {
        reason: FinishReason::Stop,
        native: prediction.status.text().map(str::to_owned),
        stop_sequence: None,
    };
    Ok(Answer {
        usage: prediction.usage(),
        id: prediction.id.into_text(),
        model: prediction.model.into_text(),
        choices: vec![Choice { parts, finish: Some(finish), ..Choice::default() }],
        ..Answer::default()
    })
}

/// Reads what the record needs.
pub(super) fn tap(body: &[u8], tap: &mut Tap) {
    let Some(prediction) = Prediction::read(body) else { return };
    tap.usage = prediction.usage();
    tap.output_bytes = prediction.text().map_or(0, |text| text.len()) as u64;
    tap.content_seen = tap.output_bytes > 0;
    tap.finish_reason = prediction.status.text().map(str::to_owned);
    tap.id = prediction.id.into_text();
    tap.model = prediction.model.into_text();
    tap.finished = true;
}
