//! Streams of `text_completion` events.

use super::response::{word, write_logprobs};
use crate::dialects::openai::{Chunk, encode_error_event, read_finish, read_usage, write_usage};
use crate::dialects::{AnswerContext, DecodeError, StreamDecoder, StreamEncoder, fault, raise, write};
use crate::ir::{Finish, Json, Start, StreamEvent};
use crate::usage::Usage;

/// More choices than any request can ask for.
const LIMIT: usize = 1024;

/// Reads an upstream's stream.
#[derive(Default)]
pub(super) struct Decoder {
    started: bool,
    over: bool,
    usage: Usage,
    /// Choices by number, and whether they have ended.
    choices: Vec<(u32, bool)>,
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, event: &[u8], data: &[u8], out: &mut Vec<StreamEvent>) -> Result<(), DecodeError> {
        let data = data.trim_ascii();
        if self.over || data.is_empty() {
            return Ok(());
        }
        if data == b"[DONE]" {
            self.close(out);
            return Ok(());
        }
        let unreadable = |what: &str| DecodeError { message: what.to_owned(), param: None };
        let chunk =
            Chunk::read(data).ok_or_else(|| unreadable("an event of the stream is not a text completion"))?;
        if chunk.error.is_some() || event == b"error" {
            self.over = true;
            out.push(StreamEvent::Error(Box::new(fault::read(0, data))));
            return Ok(());
        }
        if !std::mem::replace(&mut self.started, true) {
            out.push(StreamEvent::Start(Box::new(Start {
                id: chunk.id.into_text(),
                model: chunk.model.into_text(),
                created: chunk.created.number().and_then(|created| i64::try_from(created).ok()),
                system_fingerprint: chunk.system_fingerprint.into_text(),
                service_tier: None,
            })));
        }
        for read in chunk.choices.into_iter().flatten() {
            let choice = read.index.number().and_then(|index| u32::try_from(index).ok()).unwrap_or(0);
            let place = self.choices.iter().position(|(known, _)| *known == choice);
            let place = match place {
                Some(place) => place,
                None if self.choices.len() < LIMIT => {
                    self.choices.push((choice, false));
                    self.choices.len() - 1
                }
                None => return Err(unreadable("the stream has too many choices")),
            };
            let Some((_, ended)) = self.choices.get_mut(place).filter(|(_, ended)| !ended) else { continue };
            let logprobs = read.logprobs.and_then(|raw| Json::object(raw.get()));
            let text = read.text.into_text().unwrap_or_default();
            if !text.is_empty() || logprobs.is_some() {
                out.push(StreamEvent::Text { choice, text, logprobs });
            }
            if let Some(native) = read.finish_reason.into_text() {
                *ended = true;
                let finish = Finish {
                    reason: read_finish(&native),
                    native: Some(native),
                    stop_sequence: read.stop_reason.into_text(),
                };
                out.push(StreamEvent::Finish { choice, finish });
            }
        }
        if let Some(usage) = chunk.usage.and_then(|usage| read_usage(usage.get())) {
            raise(&mut self.usage, usage);
            out.push(StreamEvent::Usage(self.usage));
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<StreamEvent>) {
        if self.over {
            return;
        }
        if !self.choices.is_empty() && self.choices.iter().all(|(_, ended)| *ended) {
            self.close(out);
        } else {
            self.over = true;
            out.push(StreamEvent::Error(Box::new(fault::truncated())));
        }
    }
}

impl Decoder {
    fn close(&mut self, out: &mut Vec<StreamEvent>) {
        self.over = true;
        for (choice, _) in self.choices.iter().filter(|(_, ended)| !ended) {
            out.push(StreamEvent::Finish { choice: *choice, finish: Finish::default() });
        }
        out.push(StreamEvent::End);
    }
}

/// Writes a client's stream.
pub(super) struct Encoder {
    context: AnswerContext,
    start: Start,
    usage: Option<Usage>,
    /// Characters written of each choice, for logprobs.
    offsets: Vec<(u32, usize)>,
    ended: Vec<u32>,
    over: bool,
}

impl Encoder {
    pub(super) fn new(context: AnswerContext) -> Self {
        Self {
            context,
            start: Start::default(),
            usage: None,
            offsets: Vec::new(),
            ended: Vec::new(),
            over: false,
        }
    }

    fn event(&self, out: &mut Vec<u8>, fill: impl FnOnce(&mut write::Object<'_>)) {
        out.extend_from_slice(b"data: ");
        write::object(out, |object| {
            object.text("id", self.start.id.as_deref().unwrap_or(&self.context.id));
            object.text("object", "text_completion");
            object.number("created", self.start.created.unwrap_or(self.context.created));
            object.text("model", self.start.model.as_deref().unwrap_or(&self.context.model));
            object.maybe_text("system_fingerprint", self.start.system_fingerprint.as_deref());
            fill(object);
        });
        out.extend_from_slice(b"\n\n");
    }

    fn text(
        &mut self,
        choice: u32,
        text: &str,
        logprobs: Option<&Json>,
        finish: Option<&str>,
        out: &mut Vec<u8>,
    ) {
        if self.ended.contains(&choice) {
            return;
        }
        let known = self.offsets.iter().find(|(known, _)| *known == choice).map_or(0, |(_, offset)| *offset);
        let mut offset = known;
        self.event(out, |object| {
            object.list("choices", |list| {
                list.object(|object| {
                    object.text("text", text);
                    object.number("index", choice);
                    write_logprobs(logprobs, &mut offset, object);
                    object.text_or_null("finish_reason", finish);
                });
            });
            if self.context.include_usage {
                object.null("usage");
            }
        });
        let offset = known + text.chars().count();
        match self.offsets.iter_mut().find(|(known, _)| *known == choice) {
            Some((_, known)) => *known = offset,
            None => self.offsets.push((choice, offset)),
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        if let (true, Some(usage)) = (self.context.include_usage, self.usage) {
            self.event(out, |object| {
                object.list("choices", |_| {});
                object.object("usage", |object| write_usage(&usage, object));
            });
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: &StreamEvent, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            StreamEvent::Start(start) => self.start = (**start).clone(),
            StreamEvent::Text { choice, text, logprobs } => {
                self.text(*choice, text, logprobs.as_ref(), None, out)
            }
            StreamEvent::Refusal { choice, text } => self.text(*choice, text, None, None, out),
            StreamEvent::Finish { choice, finish } => {
                self.text(*choice, "", None, Some(word(finish.reason)), out);
                self.ended.push(*choice);
            }
            // While a chat model thinks or calls, the connection is kept alive; what it thinks has no place here.
            StreamEvent::Ping | StreamEvent::Thinking { .. } => self.text(0, "", None, None, out),
            StreamEvent::Usage(usage) => self.usage = Some(*usage),
            StreamEvent::Error(error) => {
                self.over = true;
                out.extend_from_slice(&encode_error_event(error));
            }
            StreamEvent::End => self.close(out),
            _ => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.close(out);
    }
}
