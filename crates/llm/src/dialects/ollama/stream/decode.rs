//! Reads an upstream's stream. A call comes whole, in a line of its own or in the last one.

use super::super::chunk::Chunk;
use super::super::read_finish;
use crate::dialects::{CallIds, DecodeError, StreamDecoder, fault};
use crate::ir::{Content, Start, StreamEvent};

/// More calls than any answer can hold: beyond it the upstream is broken.
const LIMIT: u32 = 1024;

/// The reader's state.
#[derive(Default)]
pub(in crate::dialects) struct Decoder {
    started: bool,
    over: bool,
    ids: CallIds,
    calls: u32,
}

fn unreadable(message: &str) -> DecodeError {
    DecodeError { message: message.to_owned(), param: None }
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, _: &[u8], data: &[u8], out: &mut Vec<StreamEvent>) -> Result<(), DecodeError> {
        let data = data.trim_ascii();
        if self.over || data.is_empty() {
            return Ok(());
        }
        let chunk =
            Chunk::read(data).ok_or_else(|| unreadable("a line of the stream is no answer of Ollama's"))?;
        if chunk.error.is_some() {
            self.over = true;
            out.push(StreamEvent::Error(Box::new(fault::read(0, data))));
            return Ok(());
        }
        if !std::mem::replace(&mut self.started, true) {
            let model = chunk.model.text().map(str::to_owned);
            out.push(StreamEvent::Start(Box::new(Start { model, ..Start::default() })));
        }
        if let Some(text) = chunk.thinking() {
            out.push(StreamEvent::Thinking { choice: 0, text: text.to_owned() });
        }
        let (text, logprobs) = (chunk.text().unwrap_or_default(), chunk.logprobs());
        if !text.is_empty() || logprobs.is_some() {
            out.push(StreamEvent::Text { choice: 0, text: text.to_owned(), logprobs });
        }
        for call in chunk.calls() {
            let Content::ToolCall { id, name, arguments } = call.content(&mut self.ids, data) else {
                continue;
            };
            if self.calls >= LIMIT {
                return Err(unreadable("the stream has too many calls"));
            }
            let (choice, call) = (0, self.calls);
            self.calls += 1;
            out.push(StreamEvent::ToolCallStart { choice, call, id, name });
            if !arguments.is_empty() {
                out.push(StreamEvent::ToolCallArguments { choice, call, arguments });
            }
            out.push(StreamEvent::PartEnd { choice });
        }
        let is_silent = text.is_empty() && chunk.thinking().is_none() && chunk.calls().next().is_none();
        // A line that says nothing says that the upstream is still there.
        out.extend((is_silent && !chunk.done).then_some(StreamEvent::Ping));
        out.extend(chunk.usage().map(StreamEvent::Usage));
        if chunk.done {
            self.over = true;
            let finish = read_finish(chunk.done_reason.text(), self.calls > 0);
            out.push(StreamEvent::Finish { choice: 0, finish });
            out.push(StreamEvent::End);
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<StreamEvent>) {
        if !std::mem::replace(&mut self.over, true) {
            out.push(StreamEvent::Error(Box::new(fault::truncated())));
        }
    }
}
