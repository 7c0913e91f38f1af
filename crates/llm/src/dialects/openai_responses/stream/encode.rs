//! Writes a client's stream: each piece at once, in the order that the dialect demands.
//!
//! The last event tells the whole response again. It waits for the end of the upstream's stream, because other dialects
//! tell the usage after the reason.

use super::super::error::encode_event;
use super::super::object::{Identity, Status, incomplete};
use super::super::output::sealed;
use super::super::response::failure;
use super::growth::Growth;
use crate::dialects::{AnswerContext, StreamEncoder, fault};
use crate::ir::{ErrorFacts, Finish, FinishReason, Start, StreamEvent};
use crate::usage::Usage;

/// How many bytes of an answer are held for its last event at most.
const HELD_LIMIT: usize = 64 * 1024 * 1024;

/// The writer's state.
pub(in super::super) struct Encoder {
    context: AnswerContext,
    identity: Option<Identity>,
    growth: Growth,
    refused: bool,
    usage: Option<Usage>,
    finish: Option<Finish>,
    over: bool,
}

impl Encoder {
    pub(in super::super) fn new(context: AnswerContext) -> Self {
        Self {
            context,
            identity: None,
            growth: Growth::default(),
            refused: false,
            usage: None,
            finish: None,
            over: false,
        }
    }

    fn start(&mut self, start: &Start, out: &mut Vec<u8>) {
        if self.identity.is_none() {
            self.identity = Some(Identity::of_start(start, &self.context));
            self.tell("response.created", Status::InProgress, out);
            self.tell(Status::InProgress.event(), Status::InProgress, out);
        }
    }

    /// An event that tells the response as far as it has come.
    fn tell(&mut self, name: &str, status: Status<'_>, out: &mut Vec<u8>) {
        let Some(identity) = &self.identity else { return };
        let usage = match status {
            Status::InProgress => None,
            Status::Failed(_) => self.usage,
            // Client libraries insist on it here: an upstream that has not counted is told as none.
            _ => Some(self.usage.unwrap_or_default()),
        };
        let (events, items) = self.growth.parts();
        events.write(name, out, |object| {
            object.object("response", |response| identity.write(status, items, usage, response));
        });
    }

    fn fail(&mut self, error: &ErrorFacts, out: &mut Vec<u8>) {
        self.over = true;
        if self.identity.is_none() {
            out.extend_from_slice(&encode_event(error, 0));
        } else {
            self.growth.cut();
            self.tell(Status::Failed(error).event(), Status::Failed(error), out);
        }
    }

    fn finish_items(&mut self, finish: &Finish, out: &mut Vec<u8>) {
        self.finish = Some(finish.clone());
        self.growth.close_all(incomplete(finish.reason, self.refused).is_some(), out);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        self.start(&Start::default(), out);
        if self.finish.is_none() {
            self.finish_items(&Finish::default(), out);
        }
        let reason = self.finish.as_ref().map_or(FinishReason::Stop, |finish| finish.reason);
        if reason == FinishReason::Error {
            self.fail(&failure(), out);
            return;
        }
        self.over = true;
        let status = incomplete(reason, self.refused).map_or(Status::Completed, Status::Incomplete);
        self.tell(status.event(), status, out);
    }

    /// Tells a piece of the answer.
    fn grow(&mut self, step: &StreamEvent, out: &mut Vec<u8>) {
        let growth = &mut self.growth;
        match step {
            StreamEvent::Text { text, logprobs, .. } => {
                growth.text(text, logprobs.as_ref(), &self.context, out);
            }
            StreamEvent::Refusal { text, .. } => {
                self.refused = true;
                growth.refusal(text, &self.context, out);
            }
            StreamEvent::Citation { citation, .. } => growth.cite(citation, out),
            StreamEvent::Thinking { text, .. } => growth.think(text, &self.context, out),
            StreamEvent::Signature { signature, format, .. } => {
                growth.seal(sealed(format.as_deref(), false, signature), &self.context, out);
            }
            StreamEvent::RedactedThinking { data, format, .. } => {
                growth.settle(out);
                growth.seal(sealed(format.as_deref(), true, data), &self.context, out);
            }
            StreamEvent::ToolCallStart { call, id, name, .. } => {
                growth.start_call(*call, id, name, &self.context, out);
            }
            StreamEvent::ToolCallArguments { call, arguments, .. } => growth.arguments(*call, arguments, out),
            StreamEvent::PartEnd { .. } => growth.end_part(out),
            _ => {}
        }
        if growth.held() > HELD_LIMIT {
            let message = "The provider's answer is too large to be told whole at its end.";
            self.fail(&fault::plain(502, message), out);
        }
    }
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, step: &StreamEvent, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        // The dialect knows one choice, and nothing of it follows its end.
        if step.choice().is_some_and(|choice| choice != 0 || self.finish.is_some()) {
            return;
        }
        match step {
            StreamEvent::Start(start) => self.start(start, out),
            StreamEvent::Usage(usage) => self.usage = Some(*usage),
            StreamEvent::Error(error) => self.fail(error, out),
            StreamEvent::End => self.close(out),
            // The dialect has no word for it that all clients know, but says at any time how far it has come.
            StreamEvent::Ping if self.identity.is_some() => {
                self.tell(Status::InProgress.event(), Status::InProgress, out);
            }
            StreamEvent::Ping => self.start(&Start::default(), out),
            StreamEvent::Finish { finish, .. } => {
                self.start(&Start::default(), out);
                self.finish_items(finish, out);
            }
            piece => {
                self.start(&Start::default(), out);
                self.grow(piece, out);
            }
        }
    }

    fn goes_on(&mut self) {
        self.usage = None;
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.close(out);
    }
}
