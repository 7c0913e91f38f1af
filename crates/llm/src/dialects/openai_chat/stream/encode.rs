//! Writes a client's stream: one chunk per event, nothing held back.

use super::super::assistant::{Detail, Place, write_detail, write_image};
use crate::dialects::citations::{length, write_chat};
use crate::dialects::openai::{encode_error_event, finish_word, write_usage};
use crate::dialects::{AnswerContext, StreamEncoder, write};
use crate::ir::{Content, Finish, Json, Start, StreamEvent};
use crate::usage::Usage;

/// The writer's state.
pub(in super::super) struct Encoder {
    context: AnswerContext,
    /// What every chunk begins with, up to its choices.
    head: Vec<u8>,
    choices: Vec<ChoiceState>,
    usage: Option<Usage>,
    over: bool,
}

#[derive(Default)]
struct ChoiceState {
    index: u32,
    /// Whether the role was said: it stands in the first delta only.
    begun: bool,
    /// Whether the finish word was said: nothing may follow it.
    ended: bool,
    refused: bool,
    place: Place,
    kind: Kind,
    current: u64,
    /// Characters of all texts, how many of them stand before the text that came last, and whether that one is complete.
    said: u64,
    before: u64,
    text_ended: bool,
}

/// What the running part is.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[default]
    Nothing,
    Text,
    Thinking,
    Other,
}

impl Encoder {
    pub(in super::super) fn new(context: AnswerContext) -> Self {
        Self { context, head: Vec::new(), choices: Vec::new(), usage: None, over: false }
    }

    fn begin(&mut self, start: &Start) {
        let mut head = b"data: {\"id\":".to_vec();
        write::text(&mut head, start.id.as_deref().unwrap_or(&self.context.id));
        head.extend_from_slice(b",\"object\":\"chat.completion.chunk\",\"created\":");
        head.extend_from_slice(start.created.unwrap_or(self.context.created).to_string().as_bytes());
        head.extend_from_slice(b",\"model\":");
        write::text(&mut head, start.model.as_deref().unwrap_or(&self.context.model));
        // Clients take a string or nothing here, never null.
        for (name, value) in [
            (",\"service_tier\":", &start.service_tier),
            (",\"system_fingerprint\":", &start.system_fingerprint),
        ] {
            if let Some(value) = value {
                head.extend_from_slice(name.as_bytes());
                write::text(&mut head, value);
            }
        }
        head.extend_from_slice(b",\"choices\":[");
        self.head = head;
    }

    fn chunk(
        &mut self,
        choice: u32,
        logprobs: Option<&Json>,
        finish: Option<&str>,
        out: &mut Vec<u8>,
        fill: impl FnOnce(&mut ChoiceState, &mut write::Object<'_>),
    ) {
        if self.head.is_empty() {
            self.begin(&Start::default());
        }
        let known = self.choices.iter().position(|state| state.index == choice);
        let place = known.unwrap_or_else(|| {
            self.choices.push(ChoiceState { index: choice, ..ChoiceState::default() });
            self.choices.len() - 1
        });
        let Some(state) = self.choices.get_mut(place).filter(|state| !state.ended) else { return };
        state.ended = finish.is_some();
        out.extend_from_slice(&self.head);
        write::object(out, |object| {
            object.number("index", choice);
            object.object("delta", |delta| {
                let first = !std::mem::replace(&mut state.begun, true);
                if first {
                    delta.text("role", "assistant");
                }
                fill(state, delta);
            });
            match logprobs {
                Some(logprobs) => object.json("logprobs", logprobs),
                None => object.null("logprobs"),
            }
            object.text_or_null("finish_reason", finish);
        });
        // With usage asked for, OpenAI says it in the last chunk and null in all others.
        out.extend_from_slice(if self.context.include_usage { b"],\"usage\":null}\n\n" } else { b"]}\n\n" });
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        if let (true, Some(usage)) = (self.context.include_usage, self.usage) {
            if self.head.is_empty() {
                self.begin(&Start::default());
            }
            out.extend_from_slice(&self.head);
            out.extend_from_slice(b"],\"usage\":");
            write::object(out, |object| write_usage(&usage, object));
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn finish_choice(&mut self, choice: u32, finish: &Finish, out: &mut Vec<u8>) {
        let refused = self.choices.iter().any(|state| state.index == choice && state.refused);
        self.chunk(choice, None, Some(finish_word(finish.reason, refused)), out, |state, delta| {
            if state.kind == Kind::Nothing {
                delta.text("content", "");
            }
        });
    }
}

impl ChoiceState {
    /// A text goes on, or another begins.
    fn enter_text(&mut self, text: &str) {
        if self.kind != Kind::Text || std::mem::take(&mut self.text_ended) {
            self.before = self.said;
        }
        self.enter(Kind::Text);
        self.said = self.said.saturating_add(length(text));
    }

    /// The place of the part that this delta belongs to.
    fn enter(&mut self, kind: Kind) -> u64 {
        if self.kind != kind || kind == Kind::Other {
            self.kind = kind;
            let sample = if kind == Kind::Text {
                Content::Text(String::new())
            } else {
                Content::Refusal(String::new())
            };
            self.current = self.place.of(&sample);
        }
        self.current
    }
}

impl Encoder {
    /// Adds entries of reasoning that carry more than text.
    fn detail(
        &mut self,
        choice: u32,
        kind: Kind,
        detail: Detail<'_>,
        format: Option<&str>,
        out: &mut Vec<u8>,
    ) {
        self.chunk(choice, None, None, out, |state, delta| {
            let place = state.enter(kind);
            if let Detail::Text(Some(text), _) = detail {
                delta.text("reasoning_content", text);
            }
            delta.list("reasoning_details", |list| {
                list.object(|entry| write_detail(entry, detail, format, place))
            });
        });
    }

    fn start_call(&mut self, choice: u32, call: u32, id: &str, name: &str, out: &mut Vec<u8>) {
        self.chunk(choice, None, None, out, |state, delta| {
            state.enter(Kind::Other);
            delta.list("tool_calls", |list| {
                list.object(|object| {
                    object.number("index", call);
                    object.text("id", id);
                    object.text("type", "function");
                    object.object("function", |function| {
                        function.text("name", name);
                        function.text("arguments", "");
                    });
                });
            });
        });
    }

    fn arguments(&mut self, choice: u32, call: u32, arguments: &str, out: &mut Vec<u8>) {
        self.chunk(choice, None, None, out, |_, delta| {
            delta.list("tool_calls", |list| {
                list.object(|object| {
                    object.number("index", call);
                    object.object("function", |function| function.text("arguments", arguments));
                });
            });
        });
    }

    /// An empty delta. A comment would do for the standard, but some clients fail on comments.
    fn ping(&mut self, out: &mut Vec<u8>) {
        self.chunk(0, None, None, out, |state, delta| {
            if state.kind == Kind::Nothing {
                delta.text("content", "");
            }
        });
    }
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: &StreamEvent, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            StreamEvent::Start(start) => self.begin(start),
            StreamEvent::Text { choice, text, logprobs } => {
                self.chunk(*choice, logprobs.as_ref(), None, out, |state, delta| {
                    state.enter_text(text);
                    delta.text("content", text);
                });
            }
            StreamEvent::Thinking { choice, text } => {
                self.detail(*choice, Kind::Thinking, Detail::Text(Some(text), None), None, out);
            }
            StreamEvent::Signature { choice, signature, format } => {
                self.detail(
                    *choice,
                    Kind::Thinking,
                    Detail::Text(None, Some(signature)),
                    format.as_deref(),
                    out,
                );
            }
            StreamEvent::RedactedThinking { choice, data, format } => {
                self.detail(*choice, Kind::Other, Detail::Sealed(data), format.as_deref(), out);
            }
            StreamEvent::ToolCallStart { choice, call, id, name } => {
                self.start_call(*choice, *call, id, name, out)
            }
            StreamEvent::ToolCallArguments { choice, call, arguments } => {
                self.arguments(*choice, *call, arguments, out)
            }
            StreamEvent::Refusal { choice, text } => self.chunk(*choice, None, None, out, |state, delta| {
                state.enter(Kind::Other);
                state.refused = true;
                delta.text("refusal", text);
            }),
            StreamEvent::Citation { choice, citation } => {
                self.chunk(*choice, None, None, out, |state, delta| {
                    let (before, length) = (state.before, state.said.saturating_sub(state.before));
                    delta.list("annotations", |list| write_chat(citation, before, length, list));
                });
            }
            StreamEvent::Image { choice, source } => self.chunk(*choice, None, None, out, |state, delta| {
                state.enter(Kind::Other);
                delta.list("images", |list| write_image(source, list));
            }),
            StreamEvent::PartEnd { choice } => {
                let state = self.choices.iter_mut().find(|state| state.index == *choice);
                match state.as_ref().map(|state| state.kind) {
                    Some(Kind::Thinking) => state.into_iter().for_each(|state| state.kind = Kind::Other),
                    Some(Kind::Text) => state.into_iter().for_each(|state| state.text_ended = true),
                    _ => {}
                }
            }
            StreamEvent::Usage(usage) => self.usage = Some(*usage),
            StreamEvent::Finish { choice, finish } => self.finish_choice(*choice, finish, out),
            StreamEvent::Ping => self.ping(out),
            StreamEvent::Error(error) => {
                self.over = true;
                out.extend_from_slice(&encode_error_event(error));
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
