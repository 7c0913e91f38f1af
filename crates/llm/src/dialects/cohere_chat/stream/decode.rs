//! Reads an upstream's stream.

use super::super::finish::read_finish;
use super::Event;
use crate::dialects::{CallIds, DecodeError, StreamDecoder, fault};
use crate::ir::{Finish, FinishReason, Start, StreamEvent};

/// More calls than any answer can hold: beyond it the upstream is broken.
const LIMIT: usize = 1024;

/// The reader's state.
#[derive(Default)]
pub(in super::super) struct Decoder {
    started: bool,
    over: bool,
    ids: CallIds,
    /// The upstream's numbers of the calls, each in the place that is its own here.
    calls: Vec<Option<u64>>,
    /// Whether a plan is being told: nothing closes it but what comes next.
    plans: bool,
}

fn unreadable(message: &str) -> DecodeError {
    DecodeError { message: message.to_owned(), param: None }
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, _: &[u8], data: &[u8], out: &mut Vec<StreamEvent>) -> Result<(), DecodeError> {
        let data = data.trim_ascii();
        if self.over || data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        let event =
            Event::read(data).ok_or_else(|| unreadable("an event of the stream is none of Cohere's"))?;
        if let Some(error) = event.error() {
            self.over = true;
            out.push(StreamEvent::Error(Box::new(error)));
            return Ok(());
        }
        self.ids.answer(event.id.text());
        if !std::mem::replace(&mut self.started, true) {
            let id = event.id.text().map(str::to_owned);
            out.push(StreamEvent::Start(Box::new(Start { id, ..Start::default() })));
        }
        match event.kind.text().unwrap_or_default() {
            "tool-plan-delta" => {
                let plan = event.plan().map(str::to_owned);
                self.plans |= plan.is_some();
                out.extend(plan.map(|text| StreamEvent::Thinking { choice: 0, text }));
            }
            "content-start" | "content-delta" => {
                self.close_plan(out);
                let piece = event.piece();
                let thinking = piece.thinking.into_text();
                out.extend(thinking.map(|text| StreamEvent::Thinking { choice: 0, text }));
                let text = piece.text.into_text();
                out.extend(text.map(|text| StreamEvent::Text { choice: 0, text, logprobs: None }));
            }
            "tool-call-start" => self.start_call(&event, data, out)?,
            "tool-call-delta" => self.add_arguments(&event, out),
            "content-end" | "tool-call-end" => out.push(StreamEvent::PartEnd { choice: 0 }),
            "message-end" => self.end(&event, out),
            // The beginning, what is cited, and what may come to be.
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
    fn close_plan(&mut self, out: &mut Vec<StreamEvent>) {
        if std::mem::take(&mut self.plans) {
            out.push(StreamEvent::PartEnd { choice: 0 });
        }
    }

    fn start_call(
        &mut self,
        event: &Event<'_>,
        data: &[u8],
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), DecodeError> {
        self.close_plan(out);
        let call = event.call();
        let place = u32::try_from(self.calls.len()).ok().filter(|_| self.calls.len() < LIMIT);
        let Some(place) = place else { return Err(unreadable("the stream has too many calls")) };
        self.calls.push(event.index.number());
        let id = call.id.into_text().unwrap_or_else(|| self.ids.make(data));
        let name = call.function.name.into_text().unwrap_or_default();
        out.push(StreamEvent::ToolCallStart { choice: 0, call: place, id, name });
        let arguments = call.function.arguments.into_text();
        out.extend(arguments.map(|arguments| StreamEvent::ToolCallArguments {
            choice: 0,
            call: place,
            arguments,
        }));
        Ok(())
    }

    fn add_arguments(&self, event: &Event<'_>, out: &mut Vec<StreamEvent>) {
        let place = self.calls.iter().rposition(|index| *index == event.index.number());
        let place = place.and_then(|place| u32::try_from(place).ok());
        let arguments = event.call().function.arguments.into_text();
        out.extend(place.zip(arguments).map(|(call, arguments)| StreamEvent::ToolCallArguments {
            choice: 0,
            call,
            arguments,
        }));
    }

    fn end(&mut self, event: &Event<'_>, out: &mut Vec<StreamEvent>) {
        self.over = true;
        out.extend(event.usage().map(StreamEvent::Usage));
        let finish = event.finish_word().map_or_else(Finish::default, read_finish);
        let reason = match finish.reason {
            FinishReason::Stop if !self.calls.is_empty() => FinishReason::ToolCalls,
            reason => reason,
        };
        out.push(StreamEvent::Finish { choice: 0, finish: Finish { reason, ..finish } });
        out.push(StreamEvent::End);
    }
}
