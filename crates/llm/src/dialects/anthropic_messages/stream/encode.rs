//! Writes a client's stream: each piece at once, in the order that the dialect demands.
//!
//! One `message_start`; blocks one after the other with rising index, each started, filled and stopped; one
//! `message_delta` with the reason and the whole usage; one `message_stop`. The last two wait for the end of the
//! upstream's stream, because other dialects tell the usage after the reason.

use super::super::block::{FORMAT, clean_id, proof};
use super::super::error::encode_event;
use super::super::response::{finish_word, message_id, write_stream_usage};
use crate::dialects::balance::Balance;
use crate::dialects::citations::write_anthropic;
use crate::dialects::{AnswerContext, StreamEncoder, fault, write};
use crate::ir::{Citation, Finish, Start, StreamEvent};
use crate::usage::Usage;

/// How many bytes of interleaved calls are held back at most.
const HELD_LIMIT: usize = 16 * 1024 * 1024;

/// The writer's state.
pub(in super::super) struct Encoder {
    context: AnswerContext,
    started: bool,
    over: bool,
    usage: Option<Usage>,
    /// Index of the next block.
    next: u64,
    open: Open,
    /// Calls that have begun while another was still incomplete, in order.
    held: Vec<HeldCall>,
    held_bytes: usize,
    any_call: bool,
    finish: Option<Finish>,
}

/// The block that is open.
enum Open {
    None,
    Text,
    Thinking,
    /// A call, its number, and whether its arguments are complete so far.
    Call(u32, Balance),
}

struct HeldCall {
    call: u32,
    id: String,
    name: String,
    arguments: String,
}

impl Encoder {
    pub(in super::super) fn new(context: AnswerContext) -> Self {
        Self {
            context,
            started: false,
            over: false,
            usage: None,
            next: 0,
            open: Open::None,
            held: Vec::new(),
            held_bytes: 0,
            any_call: false,
            finish: None,
        }
    }

    fn start(&mut self, start: &Start, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        event(out, "message_start", |object| {
            object.object("message", |message| {
                message.text("id", &message_id(start.id.as_deref(), &self.context));
                message.text("type", "message");
                message.text("role", "assistant");
                message.text("model", start.model.as_deref().unwrap_or(&self.context.model));
                message.list("content", |_| {});
                message.null("stop_reason");
                message.null("stop_sequence");
                write_stream_usage(self.usage, message);
            });
        });
    }

    fn open_block(&mut self, open: Open, out: &mut Vec<u8>, fill: impl FnOnce(&mut write::Object<'_>)) {
        self.close_block(out);
        self.open = open;
        event(out, "content_block_start", |object| {
            object.number("index", self.next);
            object.object("content_block", fill);
        });
    }

    fn close_block(&mut self, out: &mut Vec<u8>) {
        if !matches!(std::mem::replace(&mut self.open, Open::None), Open::None) {
            event(out, "content_block_stop", |object| object.number("index", self.next));
            self.next += 1;
        }
    }

    fn delta(&self, kind: &str, field: &str, value: &str, out: &mut Vec<u8>) {
        event(out, "content_block_delta", |object| {
            object.number("index", self.next);
            object.object("delta", |delta| {
                delta.text("type", kind);
                delta.text(field, value);
            });
        });
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.release(true, out);
        if !matches!(self.open, Open::Text) {
            self.open_block(Open::Text, out, |block| {
                block.text("type", "text");
                block.text("text", "");
            });
        }
        self.delta("text_delta", "text", text, out);
    }

    /// A source of the text that is open; one that has ended can have no more.
    fn cite(&mut self, citation: &Citation, out: &mut Vec<u8>) {
        if !matches!(self.open, Open::Text) {
            return;
        }
        event(out, "content_block_delta", |object| {
            object.number("index", self.next);
            object.object("delta", |delta| {
                delta.text("type", "citations_delta");
                delta.object("citation", |out| write_anthropic(citation, FORMAT, out));
            });
        });
    }

    fn think(&mut self, out: &mut Vec<u8>) {
        self.release(true, out);
        if !matches!(self.open, Open::Thinking) {
            self.open_block(Open::Thinking, out, |block| {
                block.text("type", "thinking");
                block.text("thinking", "");
                block.text("signature", "");
            });
        }
    }

    fn start_call(&mut self, call: u32, id: &str, name: &str, out: &mut Vec<u8>) {
        self.any_call = true;
        // Blocks cannot be interleaved: the next call waits while this one's arguments are incomplete.
        if let Open::Call(_, balance) = &self.open
            && !balance.is_complete()
        {
            self.held.push(HeldCall {
                call,
                id: id.to_owned(),
                name: name.to_owned(),
                arguments: String::new(),
            });
            return;
        }
        self.open_call(call, id, name, out);
    }

    fn open_call(&mut self, call: u32, id: &str, name: &str, out: &mut Vec<u8>) {
        self.open_block(Open::Call(call, Balance::default()), out, |block| {
            block.text("type", "tool_use");
            block.text("id", &clean_id(id));
            block.text("name", name);
            block.object("input", |_| {});
        });
    }

    fn arguments(&mut self, call: u32, arguments: &str, out: &mut Vec<u8>) {
        match &mut self.open {
            Open::Call(open, balance) if *open == call => {
                balance.feed(arguments);
                let complete = balance.is_complete();
                self.delta("input_json_delta", "partial_json", arguments, out);
                if complete {
                    self.release(false, out);
                }
            }
            _ => {
                let Some(held) = self.held.iter_mut().find(|held| held.call == call) else { return };
                held.arguments.push_str(arguments);
                self.held_bytes += arguments.len();
                if self.held_bytes > HELD_LIMIT {
                    self.fail(out);
                }
            }
        }
    }

    /// Writes the calls that were held back, one after the other; stops at one that is still growing unless all
    /// must go because something else follows.
    fn release(&mut self, all: bool, out: &mut Vec<u8>) {
        while !self.held.is_empty() {
            let held = self.held.remove(0);
            self.open_call(held.call, &held.id, &held.name, out);
            self.held_bytes = self.held_bytes.saturating_sub(held.arguments.len());
            if !held.arguments.is_empty() {
                self.delta("input_json_delta", "partial_json", &held.arguments, out);
            }
            let Open::Call(_, balance) = &mut self.open else { return };
            balance.feed(&held.arguments);
            if !all && !balance.is_complete() {
                return;
            }
        }
    }

    fn fail(&mut self, out: &mut Vec<u8>) {
        self.over = true;
        out.extend_from_slice(&encode_event(&fault::plain(
            502,
            "The provider interleaves tool calls that are too large to be put in order.",
        )));
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        self.start(&Start::default(), out);
        self.release(true, out);
        self.close_block(out);
        let finish = self.finish.take().unwrap_or_default();
        event(out, "message_delta", |object| {
            object.object("delta", |delta| {
                delta.text("stop_reason", finish_word(finish.reason, self.any_call));
                delta.text_or_null("stop_sequence", finish.stop_sequence.as_deref());
            });
            write_stream_usage(self.usage, object);
        });
        event(out, "message_stop", |_| {});
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
        if !matches!(
            step,
            StreamEvent::Start(_) | StreamEvent::Usage(_) | StreamEvent::Error(_) | StreamEvent::End
        ) {
            self.start(&Start::default(), out);
        }
        match step {
            StreamEvent::Start(start) => self.start(start, out),
            StreamEvent::Text { text, .. } | StreamEvent::Refusal { text, .. } => self.text(text, out),
            StreamEvent::Thinking { text, .. } => {
                self.think(out);
                self.delta("thinking_delta", "thinking", text, out);
            }
            StreamEvent::Signature { signature, format, .. } => {
                self.think(out);
                self.delta("signature_delta", "signature", &proof(format.as_deref(), signature), out);
            }
            StreamEvent::RedactedThinking { data, format, .. } => {
                self.release(true, out);
                self.open_block(Open::Thinking, out, |block| {
                    block.text("type", "redacted_thinking");
                    block.text("data", &proof(format.as_deref(), data));
                });
                self.close_block(out);
            }
            StreamEvent::ToolCallStart { call, id, name, .. } => self.start_call(*call, id, name, out),
            StreamEvent::ToolCallArguments { call, arguments, .. } => self.arguments(*call, arguments, out),
            StreamEvent::PartEnd { .. } => {
                // A call that others wait for stays open until it is complete.
                if self.held.is_empty() {
                    self.close_block(out);
                }
            }
            StreamEvent::Usage(usage) => self.usage = Some(*usage),
            StreamEvent::Finish { finish, .. } => {
                self.release(true, out);
                self.close_block(out);
                self.finish = Some(finish.clone());
            }
            StreamEvent::Citation { citation, .. } => self.cite(citation, out),
            // Claude draws nothing.
            StreamEvent::Image { .. } => {}
            StreamEvent::Ping => {
                if self.finish.is_none() {
                    event(out, "ping", |_| {});
                }
            }
            StreamEvent::Error(error) => {
                self.over = true;
                out.extend_from_slice(&encode_event(error));
            }
            StreamEvent::End => self.close(out),
        }
    }

    fn goes_on(&mut self) {
        self.usage = None;
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.close(out);
    }
}

/// Writes one named event, whose payload repeats the name as its type.
fn event(out: &mut Vec<u8>, name: &str, fill: impl FnOnce(&mut write::Object<'_>)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    write::object(out, |object| {
        object.text("type", name);
        fill(object);
    });
    out.extend_from_slice(b"\n\n");
}
