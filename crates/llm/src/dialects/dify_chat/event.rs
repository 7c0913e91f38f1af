//! What an app says: events, of which a blocking answer is one, and errors.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialects::openai::read_usage;
use crate::dialects::read::{At, Loose};
use crate::dialects::{DecodeError, Tap, fault, raise_tap_usage};
use crate::ir::{Answer, Choice, ErrorFacts, ErrorKind, Finish, FinishReason, Part};
use crate::usage::Usage;

/// An event, or a whole answer.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Event<'a> {
    #[serde(borrow, rename = "event")]
    pub(super) kind: Loose<'a>,
    message_id: Loose<'a>,
    id: Loose<'a>,
    pub(super) answer: Loose<'a>,
    created_at: Loose<'a>,
    metadata: Option<Metadata<'a>>,
    status: Loose<'a>,
    data: Option<Run<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metadata<'a> {
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

/// How the run of a workflow has ended.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Run<'a> {
    #[serde(borrow)]
    status: Loose<'a>,
    error: Loose<'a>,
}

impl<'a> Event<'a> {
    /// Reads an event; `None` when it is none.
    pub(super) fn read(data: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(data).ok()
    }

    /// Which one it is.
    pub(super) fn name(&self) -> &str {
        self.kind.text().unwrap_or_default()
    }

    /// The id of the answer.
    pub(super) fn id(&self) -> Option<String> {
        self.message_id.text().or(self.id.text()).map(str::to_owned)
    }

    /// When it was made.
    pub(super) fn created(&self) -> Option<i64> {
        self.created_at.number().and_then(|created| i64::try_from(created).ok())
    }

    /// Text that it adds to the answer.
    pub(super) fn text(&self) -> Option<&str> {
        // What replaces the answer cannot be taken back any more: it follows.
        matches!(self.name(), "message" | "agent_message" | "message_replace")
            .then(|| self.answer.text())
            .flatten()
    }

    /// What was counted.
    pub(super) fn usage(&self) -> Option<Usage> {
        read_usage(self.metadata.as_ref()?.usage?.get())
    }

    /// The error that it tells of.
    pub(super) fn error(&self, data: &[u8]) -> Option<ErrorFacts> {
        match self.name() {
            "error" => {
                let status = self.status.number().and_then(|status| u16::try_from(status).ok());
                Some(read_error(status.unwrap_or(0), data))
            }
            "workflow_finished" => {
                let run = self.data.as_ref().filter(|run| run.status.text() == Some("failed"))?;
                Some(fault::plain(500, run.error.text().unwrap_or("The app's workflow has failed.")))
            }
            _ => None,
        }
    }

    /// Why the answer has ended; `None` while it goes on.
    pub(super) fn finish(&self) -> Option<Finish> {
        let native = Some(self.name().to_owned());
        (self.name() == "message_end").then(|| Finish {
            reason: FinishReason::Stop,
            native,
            ..Finish::default()
        })
    }
}

/// Reads an error. Its code is finer than its status, which is 400 for nearly all.
pub(super) fn read_error(status: u16, body: &[u8]) -> ErrorFacts {
    let facts = fault::read(status, body);
    let kind = match facts.code.as_deref() {
        Some("provider_quota_exceeded") => ErrorKind::PaymentRequired,
        Some("provider_not_initialize") => ErrorKind::Authentication,
        Some("rate_limit_error" | "too_many_requests") => ErrorKind::RateLimited,
        Some("app_unavailable" | "model_currently_not_support") => ErrorKind::NotFound,
        Some("completion_request_error" | "internal_server_error") => ErrorKind::Server,
        _ => return facts,
    };
    fault::of_kind(facts, kind)
}

/// Reads an answer in blocking mode.
pub(super) fn decode(body: &[u8]) -> Result<Answer, DecodeError> {
    let said = Event::read(body).ok_or_else(|| At::BODY.expected("a JSON object with an answer"))?;
    let Loose::Text(text) = &said.answer else {
        return Err(DecodeError { message: fault::read(0, body).message, param: None });
    };
    let parts = if text.is_empty() { Vec::new() } else { vec![Part::text(text.as_ref())] };
    let finish =
        Finish { reason: FinishReason::Stop, native: Some("message_end".to_owned()), stop_sequence: None };
    Ok(Answer {
        id: said.id(),
        created: said.created(),
        choices: vec![Choice { parts, finish: Some(finish), ..Choice::default() }],
        usage: said.usage(),
        ..Answer::default()
    })
}

/// The side reader of an answer in blocking mode.
pub(super) fn tap_response(body: &[u8], tap: &mut Tap) {
    let Some(said) = Event::read(body) else { return };
    tap.id = said.id();
    raise_tap_usage(tap, said.usage());
    tap.output_bytes += said.answer.text().map_or(0, str::len) as u64;
    tap.content_seen = tap.output_bytes > 0;
    tap.finish_reason = Some("message_end".to_owned());
    tap.finished = true;
}

/// The side reader of events.
pub(super) fn tap(data: &[u8], tap: &mut Tap) {
    let Some(event) = Event::read(data) else { return };
    if let Some(error) = event.error(data) {
        tap.error = Some(Box::new(error));
        return;
    }
    let size = event.text().map_or(0, str::len);
    tap.output_bytes += size as u64;
    tap.content_seen |= size > 0;
    tap.id = tap.id.take().or_else(|| event.id());
    raise_tap_usage(tap, event.usage());
    if let Some(finish) = event.finish() {
        tap.finish_reason = finish.native;
        tap.finished = true;
    }
}
