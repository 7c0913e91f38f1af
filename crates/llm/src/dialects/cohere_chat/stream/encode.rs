//! Writes a client's stream. Nobody knows yet whether thoughts lead to calls, so they are parts of the content.

use super::super::error::encode_event;
use super::super::finish::finish_word;
use super::super::usage::write_usage;
use crate::dialects::{AnswerContext, StreamEncoder, write};
use crate::ir::{FinishReason, Start, StreamEvent};
use crate::usage::Usage;

/// The writer's state. Of several choices the first is told: there is no place for others.
pub(in super::super) struct Encoder {
    context: AnswerContext,
    begun: bool,
    open: Option<Open>,
    /// Number of the next part of the content.
    next: u32,
    usage: Option<Usage>,
    reason: Option<FinishReason>,
    over: bool,
}

/// What is open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Text,
    Thinking,
    Call(u32),
}

impl Encoder {
    pub(in super::super) fn new(context: AnswerContext) -> Self {
        Self { context, begun: false, open: None, next: 0, usage: None, reason: None, over: false }
    }

    fn begin(&mut self, start: &Start, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let id = start.id.as_deref().unwrap_or(&self.context.id);
        out.extend_from_slice(b"event: message-start\ndata: ");
        write::object(out, |event| {
            event.text("id", id);
            event.text("type", "message-start");
            event.object("delta", |delta| {
                delta.object("message", |message| {
                    message.text("role", "assistant");
                    message.list("content", |_| {});
                    message.text("tool_plan", "");
                    message.list("tool_calls", |_| {});
                    message.list("citations", |_| {});
                });
            });
        });
        out.extend_from_slice(b"\n\n");
    }

    /// Writes an event about the part of this number; `fill` writes what it adds to the message.
    fn event(kind: &str, index: u32, out: &mut Vec<u8>, fill: Option<&dyn Fn(&mut write::Object<'_>)>) {
        out.extend_from_slice(format!("event: {kind}\ndata: ").as_bytes());
        write::object(out, |event| {
            event.text("type", kind);
            event.number("index", index);
            if let Some(fill) = fill {
                event.object("delta", |delta| delta.object("message", |message| fill(message)));
            }
        });
        out.extend_from_slice(b"\n\n");
    }

    fn close_part(&mut self, out: &mut Vec<u8>) {
        match self.open.take() {
            Some(Open::Text | Open::Thinking) => {
                Self::event("content-end", self.next, out, None);
                self.next += 1;
            }
            Some(Open::Call(call)) => Self::event("tool-call-end", call, out, None),
            None => {}
        }
    }

    /// Adds to the content, in a part of this kind.
    fn say(&mut self, kind: Open, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.begin(&Start::default(), out);
        let name = if kind == Open::Thinking { "thinking" } else { "text" };
        if self.open != Some(kind) {
            self.close_part(out);
            self.open = Some(kind);
            Self::event(
                "content-start",
                self.next,
                out,
                Some(&|message| {
                    message.object("content", |content| {
                        content.text("type", name);
                        content.text(name, "");
                    });
                }),
            );
        }
        Self::event(
            "content-delta",
            self.next,
            out,
            Some(&|message| {
                message.object("content", |content| content.text(name, text));
            }),
        );
    }

    fn start_call(&mut self, call: u32, id: &str, name: &str, out: &mut Vec<u8>) {
        self.begin(&Start::default(), out);
        self.close_part(out);
        self.open = Some(Open::Call(call));
        Self::event(
            "tool-call-start",
            call,
            out,
            Some(&|message| {
                message.object("tool_calls", |object| {
                    object.text("id", id);
                    object.text("type", "function");
                    object.object("function", |function| {
                        function.text("name", name);
                        function.text("arguments", "");
                    });
                });
            }),
        );
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        self.begin(&Start::default(), out);
        self.close_part(out);
        out.extend_from_slice(b"event: message-end\ndata: ");
        write::object(out, |event| {
            event.text("type", "message-end");
            event.object("delta", |delta| {
                delta.text("finish_reason", finish_word(self.reason.unwrap_or_default()));
                if let Some(usage) = &self.usage {
                    delta.object("usage", |object| write_usage(usage, object));
                }
            });
        });
        out.extend_from_slice(b"\n\n");
    }
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: &StreamEvent, out: &mut Vec<u8>) {
        if self.over || event.choice().is_some_and(|choice| choice != 0 || self.reason.is_some()) {
            return;
        }
        match event {
            StreamEvent::Start(start) => self.begin(start, out),
            StreamEvent::Text { text, .. } | StreamEvent::Refusal { text, .. } => {
                self.say(Open::Text, text, out)
            }
            StreamEvent::Thinking { text, .. } => self.say(Open::Thinking, text, out),
            StreamEvent::ToolCallStart { call, id, name, .. } => self.start_call(*call, id, name, out),
            StreamEvent::ToolCallArguments { call, arguments, .. } => {
                Self::event(
                    "tool-call-delta",
                    *call,
                    out,
                    Some(&|message| {
                        message.object("tool_calls", |object| {
                            object.object("function", |function| function.text("arguments", arguments));
                        });
                    }),
                );
            }
            StreamEvent::PartEnd { .. } => self.close_part(out),
            StreamEvent::Usage(usage) => self.usage = Some(*usage),
            StreamEvent::Finish { finish, .. } => self.reason = Some(finish.reason),
            StreamEvent::Ping => out.extend_from_slice(b": still here\n\n"),
            StreamEvent::Error(error) => {
                self.over = true;
                out.append(&mut encode_event(error));
            }
            StreamEvent::End => self.close(out),
            // Nothing proves thoughts here, and nothing is drawn.
            StreamEvent::Signature { .. }
            | StreamEvent::RedactedThinking { .. }
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
