//! Reads an upstream's stream.
//!
//! Blocks are told apart by their index. Only calls begin with a word; a text or a thought is there when its first piece
//! comes. The reason comes before the usage, and the stream is over with the latter.

use serde_json::value::RawValue;

use super::super::block::{SEALED, SIGNATURE};
use super::super::response::{read_finish, stop_sequence};
use super::super::usage::read_usage;
use super::event::{Call, Delta, Event};
use crate::dialects::{DecodeError, StreamDecoder, fault};
use crate::ir::StreamEvent;

/// More calls, or blocks open at once, than any answer holds: beyond it the upstream is broken.
const LIMIT: usize = 1024;

/// The reader's state.
#[derive(Default)]
pub(in super::super) struct Decoder {
    started: bool,
    finished: bool,
    over: bool,
    open: Vec<Block>,
    /// Number of the next call.
    calls: u32,
}

/// A block that has begun.
struct Block {
    index: u64,
    /// Its number, and whether any of its input has come, when it is a call.
    call: Option<(u32, bool)>,
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, event: &[u8], data: &[u8], out: &mut Vec<StreamEvent>) -> Result<(), DecodeError> {
        if self.over {
            return Ok(());
        }
        match event {
            b"error" => {
                self.over = true;
                out.push(StreamEvent::Error(Box::new(fault::read(0, data))));
                return Ok(());
            }
            b"messageStart" => {
                self.start(out);
                return Ok(());
            }
            b"contentBlockStart" | b"contentBlockDelta" | b"contentBlockStop" | b"messageStop"
            | b"metadata" => {}
            // New kinds of events may be added at any time.
            _ => return Ok(()),
        }
        let read =
            Event::read(data).ok_or_else(|| unreadable("an event of the stream is not one of Converse"))?;
        self.start(out);
        match event {
            b"metadata" => self.end(read.usage, out),
            _ if self.finished => {}
            b"contentBlockStart" => {
                let call = read.start.and_then(|start| start.tool_use);
                let index = read.content_block_index.number().unwrap_or_default();
                if let Some(call) = call {
                    self.start_call(index, call, out)?;
                }
            }
            b"contentBlockDelta" => {
                let index = read.content_block_index.number().unwrap_or_default();
                self.read_delta(index, read.delta.unwrap_or_default(), out)?;
            }
            b"contentBlockStop" => self.stop(read.content_block_index.number().unwrap_or_default(), out),
            _ => {
                let word = read.stop_reason.into_text().unwrap_or_default();
                let met = read.additional_model_response_fields.and_then(stop_sequence);
                self.finished = true;
                let finish = read_finish(word, self.calls > 0, met);
                out.push(StreamEvent::Finish { choice: 0, finish });
            }
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<StreamEvent>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        out.push(if self.finished {
            StreamEvent::End
        } else {
            StreamEvent::Error(Box::new(fault::truncated()))
        });
    }
}

fn unreadable(message: &str) -> DecodeError {
    DecodeError { message: message.to_owned(), param: None }
}

impl Decoder {
    fn start(&mut self, out: &mut Vec<StreamEvent>) {
        if !std::mem::replace(&mut self.started, true) {
            out.push(StreamEvent::Start(Box::default()));
        }
    }

    /// The usage has come. Without a reason before it the answer is not complete, which its end will tell.
    fn end(&mut self, usage: Option<&RawValue>, out: &mut Vec<StreamEvent>) {
        out.extend(usage.and_then(|raw| read_usage(raw.get())).map(StreamEvent::Usage));
        if self.finished {
            self.over = true;
            out.push(StreamEvent::End);
        }
    }

    /// The block of this index, which begins here when it is new.
    fn block(&mut self, index: u64) -> Result<&mut Block, DecodeError> {
        let place = self.open.iter().position(|block| block.index == index);
        if place.is_none() {
            if self.open.len() >= LIMIT {
                return Err(unreadable("the stream has too many blocks"));
            }
            self.open.push(Block { index, call: None });
        }
        let place = place.unwrap_or(self.open.len().saturating_sub(1));
        self.open.get_mut(place).ok_or_else(|| unreadable("the stream has too many blocks"))
    }

    fn start_call(
        &mut self,
        index: u64,
        call: Call<'_>,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), DecodeError> {
        let number = self.calls;
        if usize::try_from(number).is_ok_and(|number| number >= LIMIT) {
            return Err(unreadable("the stream has too many calls"));
        }
        let block = self.block(index)?;
        if block.call.is_some() {
            return Ok(());
        }
        block.call = Some((number, false));
        self.calls += 1;
        out.push(StreamEvent::ToolCallStart {
            choice: 0,
            call: number,
            id: call.tool_use_id.into_text().unwrap_or_else(|| format!("tooluse_{number}")),
            name: call.name.into_text().unwrap_or_default(),
        });
        Ok(())
    }

    fn read_delta(
        &mut self,
        index: u64,
        delta: Delta<'_>,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), DecodeError> {
        let choice = 0;
        let block = self.block(index)?;
        if let Some(text) = delta.text.into_text() {
            out.push(StreamEvent::Text { choice, text, logprobs: None });
        }
        if let Some(reasoning) = delta.reasoning_content {
            out.extend(reasoning.text.into_text().map(|text| StreamEvent::Thinking { choice, text }));
            out.extend(reasoning.signature.into_text().map(|signature| StreamEvent::Signature {
                choice,
                signature,
                format: Some(SIGNATURE.to_owned()),
            }));
            out.extend(reasoning.redacted_content.into_text().map(|data| StreamEvent::RedactedThinking {
                choice,
                data,
                format: Some(SEALED.to_owned()),
            }));
        }
        let input = delta.tool_use.and_then(|call| call.input.into_text());
        if let (Some((call, begun)), Some(arguments)) = (&mut block.call, input) {
            *begun = true;
            out.push(StreamEvent::ToolCallArguments { choice, call: *call, arguments });
        }
        Ok(())
    }

    fn stop(&mut self, index: u64, out: &mut Vec<StreamEvent>) {
        let Some(place) = self.open.iter().position(|block| block.index == index) else { return };
        let block = self.open.remove(place);
        if let Some((call, false)) = block.call {
            // A call without input has no pieces; elsewhere its arguments are an empty object.
            out.push(StreamEvent::ToolCallArguments { choice: 0, call, arguments: "{}".to_owned() });
        }
        out.push(StreamEvent::PartEnd { choice: 0 });
    }
}
