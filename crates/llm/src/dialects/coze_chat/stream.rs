//! Streams.

use super::event::{Event, error};
use crate::dialects::{DecodeError, StreamDecoder, Tap, fault, raise_tap_usage};
use crate::ir::{Finish, FinishReason, Start, StreamEvent};

/// Why an answer has ended, as the records say it.
const COMPLETED: &str = "completed";

/// The reader's state.
#[derive(Default)]
pub(super) struct Decoder {
    started: bool,
    over: bool,
    /// Whether pieces of the message have come whose whole text comes next.
    in_pieces: bool,
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, event: &[u8], data: &[u8], out: &mut Vec<StreamEvent>) -> Result<(), DecodeError> {
        let data = data.trim_ascii();
        if self.over || data.is_empty() || event == b"done" {
            return Ok(());
        }
        if let Some(error) = error(event, data) {
            self.over = true;
            out.push(StreamEvent::Error(Box::new(error)));
            return Ok(());
        }
        let said = Event::read(data).ok_or_else(|| DecodeError {
            message: "an event of the stream is none of Coze's".to_owned(),
            param: None,
        })?;
        if !std::mem::replace(&mut self.started, true) {
            let id = said.chat(event).map(str::to_owned);
            out.push(StreamEvent::Start(Box::new(Start { id, ..Start::default() })));
        }
        match event {
            b"conversation.message.delta" => {
                self.in_pieces |= said.text().is_some();
                Self::say(&said, out);
            }
            b"conversation.message.completed" if said.text().is_some() => {
                let has_been_said = std::mem::take(&mut self.in_pieces);
                if !has_been_said {
                    Self::say(&said, out);
                }
            }
            b"conversation.chat.completed" => {
                self.over = true;
                out.extend(said.usage().map(StreamEvent::Usage));
                let native = Some(COMPLETED.to_owned());
                let finish = Finish { reason: FinishReason::Stop, native, stop_sequence: None };
                out.push(StreamEvent::Finish { choice: 0, finish });
                out.push(StreamEvent::End);
            }
            // Its beginning, what it has looked up and called, and what the user could ask next.
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<StreamEvent>) {
        if !std::mem::replace(&mut self.over, true) {
            out.push(StreamEvent::Error(Box::new(fault::truncated())));
        }
    }
}

impl Decoder {
    fn say(said: &Event<'_>, out: &mut Vec<StreamEvent>) {
        let thoughts = said.thoughts().map(str::to_owned);
        out.extend(thoughts.map(|text| StreamEvent::Thinking { choice: 0, text }));
        let text = said.text().map(str::to_owned);
        out.extend(text.map(|text| StreamEvent::Text { choice: 0, text, logprobs: None }));
    }
}

/// The side reader of events.
pub(super) fn tap(event: &[u8], data: &[u8], tap: &mut Tap) {
    if let Some(error) = error(event, data) {
        tap.error = Some(Box::new(error));
        return;
    }
    let Some(said) = Event::read(data) else { return };
    tap.id = tap.id.take().or_else(|| said.chat(event).map(str::to_owned));
    let size = said.text().map_or(0, str::len) + said.thoughts().map_or(0, str::len);
    match event {
        b"conversation.message.delta" => tap.output_bytes += size as u64,
        // It repeats its pieces.
        b"conversation.message.completed" => tap.output_bytes = tap.output_bytes.max(size as u64),
        b"conversation.chat.completed" => {
            raise_tap_usage(tap, said.usage());
            tap.finish_reason = Some(COMPLETED.to_owned());
            tap.finished = true;
        }
        _ => {}
    }
    tap.content_seen |= tap.output_bytes > 0;
}
