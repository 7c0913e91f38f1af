//! Writes a client's stream: one line per piece of text or thought, and one per call.
//!
//! Arguments are objects here, so a call waits until its own are complete. The last line tells why the answer ended and
//! the whole usage; it waits for the end of the upstream's stream, because other dialects tell the usage after the reason.

use super::super::answer::{write_call, write_logprobs};
use super::super::{Shape, Timing, encode_error_event, finish_word, write_created};
use crate::dialects::held_calls::{HELD_LIMIT, HeldCalls};
use crate::dialects::{AnswerContext, Losses, StreamEncoder, fault, write};
use crate::ir::{ErrorFacts, FinishReason, StreamEvent};
use crate::usage::Usage;

/// The writer's state. Of several choices the first is told: there is no place for others.
pub(in crate::dialects) struct Encoder {
    context: AnswerContext,
    shape: Shape,
    model: Option<String>,
    created: i64,
    timing: Timing,
    held: HeldCalls,
    held_bytes: usize,
    usage: Option<Usage>,
    reason: Option<FinishReason>,
    over: bool,
}

impl Encoder {
    pub(in crate::dialects) fn new(context: AnswerContext, shape: Shape) -> Self {
        Self {
            shape,
            model: None,
            created: context.created,
            timing: Timing::new(context.stopwatch),
            held: HeldCalls::default(),
            held_bytes: 0,
            usage: None,
            reason: None,
            over: false,
            context,
        }
    }

    /// Writes a line with this text; `fill` adds to what is said, `close` to the line.
    fn line(
        &self,
        text: &str,
        done: bool,
        out: &mut Vec<u8>,
        fill: impl FnOnce(&mut write::Object<'_>),
        close: impl FnOnce(&mut write::Object<'_>),
    ) {
        let start = out.len();
        write::object(out, |line| {
            line.text("model", self.model.as_deref().unwrap_or(&self.context.model));
            write_created(self.created, line);
            match self.shape {
                Shape::Message => line.object("message", |message| {
                    message.text("role", "assistant");
                    message.text("content", text);
                    fill(message);
                }),
                Shape::Response => {
                    line.text("response", text);
                    fill(line);
                }
            }
            line.boolean("done", done);
            close(line);
        });
        one_line(out.get_mut(start..).unwrap_or_default());
        out.push(b'\n');
    }

    fn piece(&self, text: &str, out: &mut Vec<u8>, fill: impl FnOnce(&mut write::Object<'_>)) {
        self.line(text, false, out, fill, |_| {});
    }

    fn arguments(&mut self, call: u32, arguments: &str, out: &mut Vec<u8>) {
        if !self.held.add(call, arguments) {
            return;
        }
        self.held_bytes += arguments.len();
        if self.held_bytes > HELD_LIMIT {
            self.fail(&fault::plain(502, "The provider's tool calls are too large to be held."), out);
            return;
        }
        self.release(false, out);
    }

    /// Writes the calls that are complete; `/api/generate` knows none.
    fn release(&mut self, all: bool, out: &mut Vec<u8>) {
        for call in self.held.release(all) {
            self.held_bytes = self.held_bytes.saturating_sub(call.arguments.len());
            if self.shape == Shape::Response {
                continue;
            }
            self.piece("", out, |message| {
                message.list("tool_calls", |list| {
                    list.object(|object| {
                        write_call(&call.id, &call.name, &call.arguments, object, &mut Losses::default());
                    });
                });
            });
        }
    }

    fn fail(&mut self, error: &ErrorFacts, out: &mut Vec<u8>) {
        self.over = true;
        out.append(&mut encode_error_event(error));
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        self.release(true, out);
        self.over = true;
        let reason = finish_word(self.reason.unwrap_or_default());
        self.line(
            "",
            true,
            out,
            |_| {},
            |line| {
                line.text("done_reason", reason);
                self.timing.write_total(line);
                if let Some(usage) = self.usage {
                    line.number("prompt_eval_count", usage.input);
                    self.timing.write_prompt(line);
                    line.number("eval_count", usage.output);
                    self.timing.write_answer(line);
                }
            },
        );
    }
}

/// Arguments are written as the model spelt them; between their tokens a line's end is as good as a space, and within
/// their texts there is none.
fn one_line(json: &mut [u8]) {
    json.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: &StreamEvent, out: &mut Vec<u8>) {
        if self.over || event.choice().is_some_and(|choice| choice != 0) {
            return;
        }
        // What follows a reason is no part of the answer any more.
        if self.reason.is_some() && event.choice().is_some() {
            return;
        }
        match event {
            StreamEvent::Start(start) => {
                self.model.clone_from(&start.model);
                self.created = start.created.unwrap_or(self.created);
            }
            StreamEvent::Text { text, logprobs, .. } => {
                if !text.is_empty() || logprobs.is_some() {
                    self.timing.content();
                    self.line(text, false, out, |_| {}, |line| write_logprobs(logprobs.as_ref(), line));
                }
            }
            StreamEvent::Refusal { text, .. } => self.piece(text, out, |_| {}),
            StreamEvent::Thinking { text, .. } => {
                if !text.is_empty() {
                    self.timing.content();
                    self.piece("", out, |said| said.text("thinking", text));
                }
            }
            StreamEvent::ToolCallStart { call, id, name, .. } => {
                self.timing.content();
                self.held.start(*call, id, name, None);
            }
            StreamEvent::ToolCallArguments { call, arguments, .. } => self.arguments(*call, arguments, out),
            StreamEvent::Usage(usage) => self.usage = Some(*usage),
            StreamEvent::Finish { finish, .. } => {
                self.release(true, out);
                self.reason = Some(finish.reason);
            }
            // An empty text says nothing, and that the upstream is still there.
            StreamEvent::Ping if self.reason.is_none() => self.piece("", out, |_| {}),
            StreamEvent::Error(error) => self.fail(error, out),
            StreamEvent::End => self.close(out),
            // Proofs and pictures have no place here, and calls are complete when their arguments are.
            StreamEvent::Ping
            | StreamEvent::Signature { .. }
            | StreamEvent::RedactedThinking { .. }
            | StreamEvent::Citation { .. }
            | StreamEvent::Image { .. }
            | StreamEvent::PartEnd { .. } => {}
        }
    }

    fn goes_on(&mut self) {
        self.usage = None;
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.close(out);
    }
}
