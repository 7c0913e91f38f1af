//! Streams: events like whole answers, with pieces in place of messages.

use super::error;
use super::message::{Call, Said, read_finish};
use crate::dialects::openai::read_usage;
use crate::dialects::{CallIds, DecodeError, StreamDecoder, Tap, fault, raise, raise_tap_usage};
use crate::ir::{Finish, FinishReason, Start, StreamEvent};
use crate::usage::Usage;

/// More calls than any answer can hold: beyond it the upstream is broken.
const LIMIT: usize = 1024;

/// The reader's state.
#[derive(Default)]
pub(super) struct Decoder {
    started: bool,
    over: bool,
    ids: CallIds,
    /// The upstream's numbers of the calls, each in the place that is its own here.
    calls: Vec<Option<u64>>,
    usage: Usage,
}

fn unreadable(message: &str) -> DecodeError {
    DecodeError { message: message.to_owned(), param: None }
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, event: &[u8], data: &[u8], out: &mut Vec<StreamEvent>) -> Result<(), DecodeError> {
        let data = data.trim_ascii();
        if self.over || data.is_empty() {
            return Ok(());
        }
        let said =
            Said::read(data).ok_or_else(|| unreadable("an event of the stream is none of DashScope's"))?;
        if event == b"error" || said.is_error() {
            self.over = true;
            out.push(StreamEvent::Error(Box::new(error::read(0, data))));
            return Ok(());
        }
        let id = said.request_id.into_text();
        self.ids.answer(id.as_deref());
        if !std::mem::replace(&mut self.started, true) {
            out.push(StreamEvent::Start(Box::new(Start { id, ..Start::default() })));
        }
        if let Some(seen) = said.usage.and_then(|raw| read_usage(raw.get())) {
            raise(&mut self.usage, seen);
            out.push(StreamEvent::Usage(self.usage));
        }
        let Some(choice) = said.output.map(super::message::Output::into_choice) else { return Ok(()) };
        let thoughts = choice.message.thoughts();
        if !thoughts.is_empty() {
            out.push(StreamEvent::Thinking { choice: 0, text: thoughts.to_owned() });
        }
        let text = choice.message.text();
        if !text.is_empty() {
            let logprobs = choice.logprobs.and_then(|raw| crate::ir::Json::object(raw.get()));
            out.push(StreamEvent::Text { choice: 0, text, logprobs });
        }
        for call in choice.message.tool_calls.into_iter().flatten() {
            self.read_call(call, data, out)?;
        }
        if let Some(finish) = read_finish(&choice.finish_reason) {
            self.end(finish, out);
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
    fn read_call(
        &mut self,
        call: Call<'_>,
        data: &[u8],
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), DecodeError> {
        let index = call.index.number();
        let name = call.function.name.into_text();
        let known = self.calls.iter().rposition(|known| *known == index);
        let place = match known {
            Some(place) => place,
            None if self.calls.len() < LIMIT => {
                self.calls.push(index);
                self.calls.len() - 1
            }
            None => return Err(unreadable("the stream has too many calls")),
        };
        let number = u32::try_from(place).unwrap_or(u32::MAX);
        if known.is_none() {
            let id = call.id.into_text().unwrap_or_else(|| self.ids.make(data));
            let name = name.unwrap_or_default();
            out.push(StreamEvent::ToolCallStart { choice: 0, call: number, id, name });
        }
        out.extend(call.function.arguments.into_text().map(|arguments| StreamEvent::ToolCallArguments {
            choice: 0,
            call: number,
            arguments,
        }));
        Ok(())
    }

    fn end(&mut self, finish: Finish, out: &mut Vec<StreamEvent>) {
        self.over = true;
        let reason = match finish.reason {
            FinishReason::Stop if !self.calls.is_empty() => FinishReason::ToolCalls,
            reason => reason,
        };
        out.push(StreamEvent::Finish { choice: 0, finish: Finish { reason, ..finish } });
        out.push(StreamEvent::End);
    }
}

/// The side reader of events.
pub(super) fn tap(event: &[u8], data: &[u8], tap: &mut Tap) {
    let Some(said) = Said::read(data) else { return };
    if event == b"error" || said.is_error() {
        tap.error = Some(Box::new(error::read(0, data)));
        return;
    }
    raise_tap_usage(tap, said.usage.and_then(|raw| read_usage(raw.get())));
    if tap.id.is_none() {
        tap.id = said.request_id.into_text();
    }
    let Some(choice) = said.output.map(super::message::Output::into_choice) else { return };
    let message = &choice.message;
    let calls = message.tool_calls.iter().flatten().map(|call| {
        let size = |text: &crate::dialects::read::Loose<'_>| text.text().map_or(0, str::len);
        size(&call.function.name) + size(&call.function.arguments)
    });
    let size = message.text().len() + message.thoughts().len() + calls.sum::<usize>();
    tap.output_bytes += size as u64;
    tap.content_seen |= size > 0;
    if let Some(finish) = read_finish(&choice.finish_reason) {
        tap.finish_reason = finish.native;
        tap.finished = true;
    }
}
