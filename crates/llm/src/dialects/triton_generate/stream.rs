//! Streams.

use super::response::{Said, count};
use crate::dialects::{DecodeError, StreamDecoder, fault};
use crate::ir::{Finish, Start, StreamEvent};
use crate::usage::Usage;

/// The reader's state.
#[derive(Default)]
pub(super) struct Decoder {
    started: bool,
    over: bool,
    finish: Option<Finish>,
    usage: Option<Usage>,
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, _: &[u8], data: &[u8], out: &mut Vec<StreamEvent>) -> Result<(), DecodeError> {
        let data = data.trim_ascii();
        if self.over || data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        let said = Said::read(data).ok_or_else(|| DecodeError {
            message: "an event of the stream is none of Triton's".to_owned(),
            param: None,
        })?;
        if said.error.text().is_some() {
            self.over = true;
            out.push(StreamEvent::Error(Box::new(fault::read(0, data))));
            return Ok(());
        }
        if !std::mem::replace(&mut self.started, true) {
            let model = said.model_name.text().map(str::to_owned);
            out.push(StreamEvent::Start(Box::new(Start { model, ..Start::default() })));
        }
        let text = said.text().filter(|text| !text.is_empty());
        out.extend(text.map(|text| StreamEvent::Text { choice: 0, text, logprobs: None }));
        if count(&mut self.usage, &said) {
            out.extend(self.usage.map(StreamEvent::Usage));
        }
        self.finish = said.finish().or(self.finish.take());
        Ok(())
    }

    /// The stream's end is the answer's; one in which nothing was said has broken off.
    fn finish(&mut self, out: &mut Vec<StreamEvent>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        if !self.started {
            out.push(StreamEvent::Error(Box::new(fault::truncated())));
            return;
        }
        let finish = self.finish.take().unwrap_or_default();
        out.extend([StreamEvent::Finish { choice: 0, finish }, StreamEvent::End]);
    }
}
