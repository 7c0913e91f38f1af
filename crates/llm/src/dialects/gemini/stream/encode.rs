//! Writes a client's stream: one object per piece of text or thought, and one per call.
//!
//! There are no partial arguments here, so a call waits until its own are complete. The last object tells why each
//! answer ended and the whole usage; it waits for the end of the upstream's stream, because other dialects tell the
//! usage after the reason.

use super::super::error;
use super::super::finish::finish_word;
use super::super::logprobs::write_logprobs;
use super::super::media::write_source;
use super::super::part::write_call;
use super::super::proof::signature;
use super::super::usage::write_usage;
use super::array::JsonArray;
use crate::dialects::citations::MOST;
use crate::dialects::citations::grounding::{Remembered, write_grounding};
use crate::dialects::held_calls::{HELD_LIMIT, HeldCalls};
use crate::dialects::{AnswerContext, Losses, StreamEncoder, fault, write};
use crate::ir::{Citation, ErrorFacts, Finish, Json, Source, Start, StreamEvent};
use crate::usage::Usage;

/// The writer's state.
pub(in super::super) struct Encoder {
    context: AnswerContext,
    /// The array that the stream is, where it is none of events.
    array: Option<JsonArray>,
    /// Model and id, with which every object ends.
    tail: Vec<u8>,
    choices: Vec<Choice>,
    held_bytes: usize,
    usage: Option<Usage>,
    over: bool,
}

#[derive(Default)]
struct Choice {
    index: u32,
    held: HeldCalls,
    /// A signature that stands on the part that comes next.
    signature: Option<String>,
    /// The text so far, where the one begins that came last, and whether that is complete.
    text: Remembered,
    before: usize,
    text_ended: bool,
    /// The sources, each with the bytes of the text that it belongs to.
    citations: Vec<(Citation, usize, usize)>,
    finish: Option<Finish>,
}

impl Encoder {
    pub(in super::super) fn new(context: AnswerContext) -> Self {
        Self {
            array: context.json_array.then(JsonArray::default),
            context,
            tail: Vec::new(),
            choices: Vec::new(),
            held_bytes: 0,
            usage: None,
            over: false,
        }
    }

    fn begin(&mut self, start: &Start) {
        if !self.tail.is_empty() {
            return;
        }
        self.tail.extend_from_slice(b"\"modelVersion\":");
        write::text(&mut self.tail, start.model.as_deref().unwrap_or(&self.context.model));
        self.tail.extend_from_slice(b",\"responseId\":");
        write::text(&mut self.tail, start.id.as_deref().unwrap_or(&self.context.id));
        self.tail.push(b'}');
    }

    /// Frames one object, of which `fill` writes all but the tail.
    fn frame(&mut self, out: &mut Vec<u8>, fill: impl FnOnce(&mut write::Object<'_>)) {
        self.begin(&Start::default());
        let tail = &self.tail;
        let body = |out: &mut Vec<u8>| {
            write::object(out, fill);
            // The members of the tail take the place of the closing bracket.
            out.pop();
            out.push(b',');
            out.extend_from_slice(tail);
        };
        match &mut self.array {
            Some(array) => array.element(out, body),
            None => {
                out.extend_from_slice(b"data: ");
                let start = out.len();
                body(out);
                one_line(out.get_mut(start..).unwrap_or_default());
                out.extend_from_slice(b"\n\n");
            }
        }
    }

    /// Writes one part of one choice.
    fn part(
        &mut self,
        index: u32,
        logprobs: Option<&Json>,
        out: &mut Vec<u8>,
        fill: impl FnOnce(&mut write::Object<'_>),
    ) {
        self.frame(out, |object| {
            object.list("candidates", |list| {
                list.object(|candidate| {
                    candidate.object("content", |content| {
                        content.list("parts", |list| list.object(fill));
                        content.text("role", "model");
                    });
                    candidate.number("index", index);
                    if let Some(logprobs) = logprobs {
                        write_logprobs(logprobs, candidate);
                    }
                });
            });
        });
    }

    /// The choice of this number, unless it has ended.
    fn choice(&mut self, index: u32) -> Option<&mut Choice> {
        let known = self.choices.iter().position(|choice| choice.index == index);
        let place = known.unwrap_or_else(|| {
            self.choices.push(Choice { index, ..Choice::default() });
            self.choices.len() - 1
        });
        self.choices.get_mut(place).filter(|choice| choice.finish.is_none())
    }

    fn text(&mut self, index: u32, text: &str, logprobs: Option<&Json>, out: &mut Vec<u8>) {
        let Some(choice) = self.choice(index).filter(|_| !text.is_empty() || logprobs.is_some()) else {
            return;
        };
        if std::mem::take(&mut choice.text_ended) {
            choice.before = choice.text.text().len();
        }
        choice.text.add(text);
        let signature = choice.signature.take();
        self.part(index, logprobs, out, |part| {
            part.text("text", text);
            part.maybe_text("thoughtSignature", signature.as_deref());
        });
    }

    fn image(&mut self, index: u32, source: &Source, out: &mut Vec<u8>) {
        let Some(choice) = self.choice(index) else { return };
        let signature = choice.signature.take();
        self.part(index, None, out, |part| {
            write_source(source, part);
            part.maybe_text("thoughtSignature", signature.as_deref());
        });
    }

    fn think(&mut self, index: u32, text: &str, signature: Option<&str>, out: &mut Vec<u8>) {
        let Some(choice) = self.choice(index) else { return };
        // Thoughts have a signature of their own: one that waits stands on nothing.
        let waiting = choice.signature.take();
        self.lone_signature(index, waiting.as_deref(), out);
        self.part(index, None, out, |part| {
            part.text("text", text);
            part.boolean("thought", true);
            part.maybe_text("thoughtSignature", signature);
        });
    }

    /// Keeps a signature for the part that comes next; one that waits already stands on nothing.
    fn seal(&mut self, index: u32, data: &str, out: &mut Vec<u8>) {
        let Some(choice) = self.choice(index) else { return };
        let earlier = choice.signature.replace(data.to_owned());
        self.lone_signature(index, earlier.as_deref(), out);
    }

    fn lone_signature(&mut self, index: u32, signature: Option<&str>, out: &mut Vec<u8>) {
        if let Some(signature) = signature {
            self.part(index, None, out, |part| {
                part.text("text", "");
                part.text("thoughtSignature", signature);
            });
        }
    }

    fn start_call(&mut self, index: u32, call: u32, id: &str, name: &str) {
        let Some(choice) = self.choice(index) else { return };
        let signature = choice.signature.take();
        choice.held.start(call, id, name, signature);
    }

    fn arguments(&mut self, index: u32, call: u32, arguments: &str, out: &mut Vec<u8>) {
        let Some(choice) = self.choice(index) else { return };
        if !choice.held.add(call, arguments) {
            return;
        }
        self.held_bytes += arguments.len();
        if self.held_bytes > HELD_LIMIT {
            self.fail(&fault::plain(502, "The provider's tool calls are too large to be held."), out);
            return;
        }
        self.release(index, false, out);
    }

    /// Writes the calls that are complete, in their order; `all` of them when nothing follows.
    fn release(&mut self, index: u32, all: bool, out: &mut Vec<u8>) {
        let Some(choice) = self.choice(index) else { return };
        for call in choice.held.release(all) {
            self.held_bytes = self.held_bytes.saturating_sub(call.arguments.len());
            self.part(index, None, out, |part| {
                write_call(&call.id, &call.name, &call.arguments, part, &mut Losses::default());
                part.maybe_text("thoughtSignature", call.signature.as_deref());
            });
        }
    }

    fn finish_choice(&mut self, index: u32, finish: &Finish, out: &mut Vec<u8>) {
        self.release(index, true, out);
        if let Some(choice) = self.choice(index) {
            choice.finish = Some(finish.clone());
        }
    }

    fn fail(&mut self, error: &ErrorFacts, out: &mut Vec<u8>) {
        self.over = true;
        match &mut self.array {
            Some(array) => {
                array.element(out, |out| out.append(&mut error::encode(error)));
                array.finish(out);
            }
            None => out.append(&mut error::encode_event(error)),
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        // An answer without a word has simply ended, and there is always one.
        let open: Vec<u32> =
            self.choices.iter().filter(|choice| choice.finish.is_none()).map(|choice| choice.index).collect();
        let open = if self.choices.is_empty() { vec![0] } else { open };
        for index in open {
            self.finish_choice(index, &Finish::default(), out);
        }
        let (choices, usage) = (std::mem::take(&mut self.choices), self.usage);
        self.frame(out, |object| {
            object.list("candidates", |list| {
                choices.iter().for_each(|choice| list.object(|candidate| choice.write_end(candidate)));
            });
            if let Some(usage) = usage {
                object.object("usageMetadata", |object| write_usage(&usage, object));
            }
        });
        if let Some(array) = &mut self.array {
            array.finish(out);
        }
    }
}

/// Arguments are written as the model spelt them; between their tokens a line's end is as good as a space, and within
/// their texts there is none.
fn one_line(json: &mut [u8]) {
    json.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
}

impl Choice {
    fn write_end(&self, out: &mut write::Object<'_>) {
        out.object("content", |content| {
            content.list("parts", |list| {
                list.object(|part| {
                    part.text("text", "");
                    part.maybe_text("thoughtSignature", self.signature.as_deref());
                });
            });
            content.text("role", "model");
        });
        out.text("finishReason", finish_word(self.finish.as_ref().unwrap_or(&Finish::default())));
        out.number("index", self.index);
        let cited = self.citations.iter().map(|(citation, from, until)| {
            (citation, self.text.text().get(*from..*until).unwrap_or_default(), *from)
        });
        let cited: Vec<_> = cited.collect();
        if !cited.is_empty() {
            write_grounding(&cited, out);
        }
    }
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: &StreamEvent, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            StreamEvent::Start(start) => self.begin(start),
            StreamEvent::Text { choice, text, logprobs } => self.text(*choice, text, logprobs.as_ref(), out),
            StreamEvent::Refusal { choice, text } => self.text(*choice, text, None, out),
            StreamEvent::Image { choice, source } => self.image(*choice, source, out),
            StreamEvent::Thinking { choice, text } => self.think(*choice, text, None, out),
            StreamEvent::Signature { choice, signature: proof, format } => {
                self.think(*choice, "", Some(&signature(format.as_deref(), proof)), out);
            }
            StreamEvent::RedactedThinking { choice, data, format } => {
                self.seal(*choice, &signature(format.as_deref(), data), out);
            }
            StreamEvent::ToolCallStart { choice, call, id, name } => {
                self.start_call(*choice, *call, id, name)
            }
            StreamEvent::ToolCallArguments { choice, call, arguments } => {
                self.arguments(*choice, *call, arguments, out)
            }
            StreamEvent::Citation { choice, citation } => {
                if let Some(choice) = self.choice(*choice).filter(|choice| choice.citations.len() < MOST) {
                    let until = choice.text.text().len();
                    choice.citations.push(((**citation).clone(), choice.before, until));
                }
            }
            // Calls are complete when their arguments are.
            StreamEvent::PartEnd { choice } => {
                if let Some(choice) = self.choices.iter_mut().find(|known| known.index == *choice) {
                    choice.text_ended = true;
                }
            }
            StreamEvent::Usage(usage) => self.usage = Some(*usage),
            StreamEvent::Finish { choice, finish } => self.finish_choice(*choice, finish, out),
            // An empty text is what Google says when it has nothing to say; comments make its clients fail.
            StreamEvent::Ping => {
                let index = self.choices.first().map_or(0, |choice| choice.index);
                if self.choice(index).is_some() {
                    self.part(index, None, out, |part| part.text("text", ""));
                }
            }
            StreamEvent::Error(error) => self.fail(error, out),
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
