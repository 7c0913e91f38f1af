//! Streams. Workflows tell of their nodes and agents of their thoughts about tools, which are no part of the answer.

use super::event::Event;
use crate::dialects::{DecodeError, StreamDecoder, fault};
use crate::ir::{Finish, FinishReason, Start, StreamEvent};

/// The reader's state.
#[derive(Default)]
pub(super) struct Decoder {
    started: bool,
    over: bool,
    /// Whether the app has taken back what it had said.
    replaced: bool,
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, event: &[u8], data: &[u8], out: &mut Vec<StreamEvent>) -> Result<(), DecodeError> {
        let data = data.trim_ascii();
        if self.over || data.is_empty() || event == b"ping" {
            return Ok(());
        }
        let event = Event::read(data).ok_or_else(|| DecodeError {
            message: "an event of the stream is none of Dify's".to_owned(),
            param: None,
        })?;
        if let Some(error) = event.error(data) {
            self.over = true;
            out.push(StreamEvent::Error(Box::new(error)));
            return Ok(());
        }
        if event.name() == "ping" {
            return Ok(());
        }
        if !std::mem::replace(&mut self.started, true) {
            let (id, created) = (event.id(), event.created());
            out.push(StreamEvent::Start(Box::new(Start { id, created, ..Start::default() })));
        }
        self.replaced |= event.name() == "message_replace";
        out.extend(event.text().map(|text| StreamEvent::Text {
            choice: 0,
            text: text.to_owned(),
            logprobs: None,
        }));
        if let Some(finish) = event.finish() {
            self.over = true;
            out.extend(event.usage().map(StreamEvent::Usage));
            // Moderation is what replaces answers.
            let reason = if self.replaced { FinishReason::ContentFilter } else { finish.reason };
            out.push(StreamEvent::Finish { choice: 0, finish: Finish { reason, ..finish } });
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
