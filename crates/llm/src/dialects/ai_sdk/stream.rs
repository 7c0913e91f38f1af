//! Writes a client's stream: the SDK's stream parts, one server-sent event each.
//!
//! Texts and reasoning are begun, filled and ended one after the other; calls may overlap. A call is told twice: in pieces
//! while it comes, and whole when it is complete. The last part waits for the end of the upstream's stream, because other
//! dialects tell the usage after the reason.

use super::answer::{proof, write_call, write_end, write_file, write_response, write_source, write_warnings};
use super::error::encode_event;
use super::metadata::Proof;
use crate::dialects::{AnswerContext, StreamEncoder, fault, write};
use crate::ir::{Finish, Start, StreamEvent};
use crate::usage::Usage;

/// How many bytes of calls' arguments are kept at most until they are told whole.
const HELD_LIMIT: usize = 16 * 1024 * 1024;
/// What a call takes beside its texts, about.
const CALL_BYTES: usize = 128;

/// The writer's state.
pub(super) struct Encoder {
    context: AnswerContext,
    start: Option<Start>,
    over: bool,
    usage: Option<Usage>,
    /// Number of the next text or reasoning.
    next: u64,
    open: Option<Open>,
    /// Number of the next source.
    sources: u64,
    calls: Vec<Call>,
    held_bytes: usize,
    any_call: bool,
    finish: Option<Finish>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Text,
    Reasoning,
}

impl Open {
    fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Reasoning => "reasoning",
        }
    }
}

/// A call that is coming.
struct Call {
    number: u32,
    id: String,
    name: String,
    arguments: String,
}

impl Encoder {
    pub(super) fn new(context: AnswerContext) -> Self {
        Self {
            context,
            start: None,
            over: false,
            usage: None,
            next: 0,
            open: None,
            sources: 0,
            calls: Vec::new(),
            held_bytes: 0,
            any_call: false,
            finish: None,
        }
    }

    fn begin(&mut self, start: Start, out: &mut Vec<u8>) {
        if self.start.is_some() {
            return;
        }
        part(out, "stream-start", |object| write_warnings(&self.context, object));
        part(out, "response-metadata", |object| write_response(&start, &self.context, object));
        self.start = Some(start);
    }

    fn open(&mut self, kind: Open, out: &mut Vec<u8>) {
        if self.open == Some(kind) {
            return;
        }
        self.close_open(None, out);
        self.open = Some(kind);
        part(out, &format!("{}-start", kind.word()), |object| object.text("id", &self.next.to_string()));
    }

    fn close_open(&mut self, proof: Option<&Proof>, out: &mut Vec<u8>) {
        let Some(open) = self.open.take() else { return };
        part(out, &format!("{}-end", open.word()), |object| {
            object.text("id", &self.next.to_string());
            if let Some(proof) = proof {
                proof.write(object);
            }
        });
        self.next += 1;
    }

    fn piece(&mut self, kind: Open, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.open(kind, out);
        part(out, &format!("{}-delta", kind.word()), |object| {
            object.text("id", &self.next.to_string());
            object.text("delta", text);
        });
    }

    /// What proves reasoning is said where that ends; sealed reasoning has nothing but that.
    fn prove(&mut self, proof: &Proof, out: &mut Vec<u8>) {
        if proof.sealed {
            self.close_open(None, out);
        }
        self.open(Open::Reasoning, out);
        self.close_open(Some(proof), out);
    }

    fn begin_call(&mut self, number: u32, id: &str, name: &str, out: &mut Vec<u8>) {
        self.any_call = true;
        self.close_open(None, out);
        if !self.hold(id.len() + name.len() + CALL_BYTES, out) {
            return;
        }
        part(out, "tool-input-start", |object| {
            object.text("id", id);
            object.text("toolName", name);
        });
        let (id, name) = (id.to_owned(), name.to_owned());
        self.calls.push(Call { number, id, name, arguments: String::new() });
    }

    /// Counts what is held of calls; when it is too much the stream is over.
    fn hold(&mut self, bytes: usize, out: &mut Vec<u8>) -> bool {
        self.held_bytes = self.held_bytes.saturating_add(bytes);
        if self.held_bytes > HELD_LIMIT {
            self.over = true;
            let message = "The provider's tool calls are too large to be told whole.";
            out.extend_from_slice(&encode_event(&fault::plain(502, message)));
        }
        !self.over
    }

    fn arguments(&mut self, number: u32, piece: &str, out: &mut Vec<u8>) {
        if !self.hold(piece.len(), out) {
            return;
        }
        let Some(call) = self.calls.iter_mut().rfind(|call| call.number == number) else { return };
        call.arguments.push_str(piece);
        part(out, "tool-input-delta", |object| {
            object.text("id", &call.id);
            object.text("delta", piece);
        });
    }

    fn close_calls(&mut self, out: &mut Vec<u8>) {
        for Call { id, name, arguments, .. } in self.calls.drain(..) {
            part(out, "tool-input-end", |object| object.text("id", &id));
            event(out, |object| write_call(&id, &name, &arguments, object));
        }
        self.held_bytes = 0;
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        self.begin(Start::default(), out);
        self.close_open(None, out);
        self.close_calls(out);
        let finish = self.finish.take().unwrap_or_default();
        let start = self.start.take().unwrap_or_default();
        part(out, "finish", |object| {
            write_end(&finish, self.any_call, self.usage.as_ref(), &start, &self.context, object);
        });
    }
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, step: &StreamEvent, out: &mut Vec<u8>) {
        // The protocol knows one choice, and nothing of it follows its end.
        if self.over || step.choice().is_some_and(|choice| choice != 0 || self.finish.is_some()) {
            return;
        }
        if !matches!(
            step,
            StreamEvent::Start(_) | StreamEvent::Usage(_) | StreamEvent::Error(_) | StreamEvent::End
        ) {
            self.begin(Start::default(), out);
        }
        match step {
            StreamEvent::Start(start) => self.begin((**start).clone(), out),
            StreamEvent::Text { text, .. } | StreamEvent::Refusal { text, .. } => {
                self.piece(Open::Text, text, out);
            }
            StreamEvent::Thinking { text, .. } => self.piece(Open::Reasoning, text, out),
            StreamEvent::Signature { signature, format, .. } => {
                self.prove(&proof(format.as_ref(), false, signature), out);
            }
            StreamEvent::RedactedThinking { data, format, .. } => {
                self.prove(&proof(format.as_ref(), true, data), out);
            }
            StreamEvent::ToolCallStart { call, id, name, .. } => self.begin_call(*call, id, name, out),
            StreamEvent::ToolCallArguments { call, arguments, .. } => self.arguments(*call, arguments, out),
            StreamEvent::Citation { citation, .. } => {
                event(out, |object| write_source(citation, &mut self.sources, object));
            }
            StreamEvent::Image { source, .. } => {
                self.close_open(None, out);
                part(out, "file", |object| write_file(source, &self.context, object));
            }
            StreamEvent::PartEnd { .. } => {
                self.close_open(None, out);
                // Which of several calls is complete is not said.
                if self.calls.len() == 1 {
                    self.close_calls(out);
                }
            }
            StreamEvent::Usage(usage) => self.usage = Some(*usage),
            StreamEvent::Finish { finish, .. } => {
                self.close_open(None, out);
                self.close_calls(out);
                self.finish = Some(finish.clone());
            }
            // Older versions of the SDK know no part for it.
            StreamEvent::Ping => out.extend_from_slice(b": ping\n\n"),
            StreamEvent::Error(error) => {
                self.over = true;
                out.extend_from_slice(&encode_event(error));
            }
            StreamEvent::End => self.close(out),
        }
    }

    fn goes_on(&mut self) {
        self.usage = None;
        // Of what the parts cost together the stream knows nothing.
        self.context.price = None;
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.close(out);
    }
}

/// Writes one part.
fn part(out: &mut Vec<u8>, kind: &str, fill: impl FnOnce(&mut write::Object<'_>)) {
    event(out, |object| {
        object.text("type", kind);
        fill(object);
    });
}

fn event(out: &mut Vec<u8>, fill: impl FnOnce(&mut write::Object<'_>)) {
    out.extend_from_slice(b"data: ");
    write::object(out, fill);
    out.extend_from_slice(b"\n\n");
}
