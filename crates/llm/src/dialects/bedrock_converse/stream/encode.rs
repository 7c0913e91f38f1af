//! Writes a client's stream: each piece at once, in a block of its own index.

use super::super::block::{SEALED, SIGNATURE, clean_id};
use super::super::error::encode_event;
use super::super::response::finish_word;
use super::super::usage::write_usage;
use crate::dialects::{StreamEncoder, write};
use crate::eventstream::write_event;
use crate::ir::{Finish, StreamEvent};
use crate::usage::Usage;

/// The writer's state.
#[derive(Default)]
pub(in super::super) struct Encoder {
    started: bool,
    over: bool,
    /// Index of the next block.
    next: u64,
    open: Option<Open>,
    /// Calls that are not complete, with their indexes: blocks may be interleaved.
    calls: Vec<(u32, u64)>,
    usage: Option<Usage>,
    finish: Option<Finish>,
}

/// The block of text or thoughts that is open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Text(u64),
    Thinking(u64),
}

/// Writes an event whose payload is filled by `fill`.
fn event(name: &str, out: &mut Vec<u8>, fill: impl FnOnce(&mut write::Object<'_>)) {
    let mut payload = Vec::with_capacity(96);
    write::object(&mut payload, fill);
    write_event(name, &payload, out);
}

impl Encoder {
    fn start(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.started, true) {
            event("messageStart", out, |object| object.text("role", "assistant"));
        }
    }

    fn index(&mut self) -> u64 {
        let index = self.next;
        self.next += 1;
        index
    }

    fn delta(index: u64, out: &mut Vec<u8>, fill: impl FnOnce(&mut write::Object<'_>)) {
        event("contentBlockDelta", out, |object| {
            object.number("contentBlockIndex", index);
            object.object("delta", fill);
        });
    }

    fn stop(index: u64, out: &mut Vec<u8>) {
        event("contentBlockStop", out, |object| object.number("contentBlockIndex", index));
    }

    fn close_block(&mut self, out: &mut Vec<u8>) {
        if let Some(Open::Text(index) | Open::Thinking(index)) = self.open.take() {
            Self::stop(index, out);
        }
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        let index = match self.open {
            Some(Open::Text(index)) => index,
            _ => {
                self.close_block(out);
                let index = self.index();
                self.open = Some(Open::Text(index));
                index
            }
        };
        Self::delta(index, out, |delta| delta.text("text", text));
    }

    fn think(&mut self, field: &str, value: &str, out: &mut Vec<u8>) {
        let index = match self.open {
            Some(Open::Thinking(index)) => index,
            _ => {
                self.close_block(out);
                let index = self.index();
                self.open = Some(Open::Thinking(index));
                index
            }
        };
        Self::delta(index, out, |delta| {
            delta.object("reasoningContent", |reasoning| reasoning.text(field, value));
        });
    }

    fn start_call(&mut self, call: u32, id: &str, name: &str, out: &mut Vec<u8>) {
        self.close_block(out);
        let index = self.index();
        self.calls.push((call, index));
        event("contentBlockStart", out, |object| {
            object.number("contentBlockIndex", index);
            object.object("start", |start| {
                start.object("toolUse", |call| {
                    call.text("toolUseId", &clean_id(id));
                    call.text("name", name);
                });
            });
        });
    }

    fn arguments(&self, call: u32, arguments: &str, out: &mut Vec<u8>) {
        let Some((_, index)) = self.calls.iter().find(|(known, _)| *known == call) else { return };
        Self::delta(*index, out, |delta| {
            delta.object("toolUse", |call| call.text("input", arguments));
        });
    }

    /// What was being said is complete: the open block or, without one, the last call.
    fn end_part(&mut self, out: &mut Vec<u8>) {
        if self.open.is_some() {
            self.close_block(out);
        } else if let [(_, index)] = *self.calls.as_slice() {
            // Which of several calls is complete is not said.
            self.calls.clear();
            Self::stop(index, out);
        }
    }

    fn close_all(&mut self, out: &mut Vec<u8>) {
        self.close_block(out);
        self.calls.drain(..).for_each(|(_, index)| Self::stop(index, out));
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        self.start(out);
        self.close_all(out);
        let finish = self.finish.take().unwrap_or_default();
        event("messageStop", out, |object| {
            object.text("stopReason", finish_word(finish.reason));
            if let Some(text) = &finish.stop_sequence {
                object.object("additionalModelResponseFields", |fields| fields.text("stop_sequence", text));
            }
        });
        let usage = self.usage.unwrap_or_default();
        event("metadata", out, |object| object.object("usage", |object| write_usage(&usage, object)));
    }
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, step: &StreamEvent, out: &mut Vec<u8>) {
        // The dialect knows one choice, and nothing of it follows its end.
        let foreign = step.choice().is_some_and(|choice| choice != 0 || self.finish.is_some());
        if self.over || foreign {
            return;
        }
        if !matches!(step, StreamEvent::Usage(_) | StreamEvent::Error(_) | StreamEvent::Ping) {
            self.start(out);
        }
        match step {
            StreamEvent::Text { text, .. } | StreamEvent::Refusal { text, .. } => self.text(text, out),
            StreamEvent::Thinking { text, .. } => self.think("text", text, out),
            StreamEvent::Signature { signature, format, .. } => {
                if format.as_deref().is_none_or(|format| format == SIGNATURE) {
                    self.think("signature", signature, out);
                }
            }
            StreamEvent::RedactedThinking { data, format, .. } => {
                if format.as_deref() == Some(SEALED) {
                    self.close_block(out);
                    self.think("redactedContent", data, out);
                    self.close_block(out);
                }
            }
            StreamEvent::ToolCallStart { call, id, name, .. } => self.start_call(*call, id, name, out),
            StreamEvent::ToolCallArguments { call, arguments, .. } => self.arguments(*call, arguments, out),
            StreamEvent::PartEnd { .. } => self.end_part(out),
            StreamEvent::Usage(usage) => self.usage = Some(*usage),
            StreamEvent::Finish { finish, .. } => {
                self.close_all(out);
                self.finish = Some(finish.clone());
            }
            StreamEvent::Error(error) => {
                self.over = true;
                out.append(&mut encode_event(error));
            }
            StreamEvent::End => self.close(out),
            // There is no event that says nothing, and none that holds a picture.
            StreamEvent::Start(_)
            | StreamEvent::Ping
            | StreamEvent::Citation { .. }
            | StreamEvent::Image { .. } => {}
        }
    }

    fn goes_on(&mut self) {
        self.usage = None;
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.close(out);
    }
}
