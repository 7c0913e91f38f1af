//! Reads an upstream's stream.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::block::FORMAT;
use super::super::response::{read_finish, service_tier};
use super::super::usage::NetUsage;
use crate::dialects::citations::{MOST, read_anthropic};
use crate::dialects::read::Loose;
use crate::dialects::{DecodeError, StreamDecoder, fault};
use crate::ir::{Citation, Start, StreamEvent};

/// The reader's state.
#[derive(Default)]
pub(in super::super) struct Decoder {
    over: bool,
    finished: bool,
    usage: NetUsage,
    block: Block,
    /// Number of the next tool call.
    calls: u32,
    /// The sources of the block's text, which are told once it has ended.
    citations: Vec<Citation>,
}

/// The block that is being streamed.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Block {
    #[default]
    None,
    Plain,
    /// A tool call, and whether any of its arguments has come.
    Call {
        call: u32,
        begun: bool,
    },
    /// A block without a place in the IR; its deltas are dropped.
    Foreign,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Loose<'a>,
    message: Option<Message<'a>>,
    content_block: Option<ContentBlock<'a>>,
    delta: Option<Delta<'a>>,
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    id: Loose<'a>,
    model: Loose<'a>,
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ContentBlock<'a> {
    #[serde(borrow, rename = "type")]
    kind: Loose<'a>,
    text: Loose<'a>,
    thinking: Loose<'a>,
    signature: Loose<'a>,
    data: Loose<'a>,
    id: Loose<'a>,
    name: Loose<'a>,
    input: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Delta<'a> {
    #[serde(borrow)]
    text: Loose<'a>,
    thinking: Loose<'a>,
    signature: Loose<'a>,
    partial_json: Loose<'a>,
    citation: Option<&'a RawValue>,
    stop_reason: Loose<'a>,
    stop_sequence: Loose<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Tier<'a> {
    #[serde(borrow)]
    service_tier: Loose<'a>,
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, event: &[u8], data: &[u8], out: &mut Vec<StreamEvent>) -> Result<(), DecodeError> {
        let data = data.trim_ascii();
        if self.over || data.is_empty() {
            return Ok(());
        }
        if event == b"ping" {
            out.extend((!self.finished).then_some(StreamEvent::Ping));
            return Ok(());
        }
        let read: Event<'_> = serde_json::from_slice(data).map_err(|_| DecodeError {
            message: "an event of the stream is not a Messages event".to_owned(),
            param: None,
        })?;
        // The payload says its type; the event's name is only its copy and some servers leave it out.
        match read.kind.text().unwrap_or_default() {
            "message_start" => self.start(read.message.unwrap_or_default(), out),
            "content_block_start" => self.start_block(read.content_block.unwrap_or_default(), out),
            "content_block_delta" => self.read_delta(read.delta.unwrap_or_default(), out),
            "content_block_stop" => self.stop_block(out),
            "message_delta" => self.read_end(read.delta.unwrap_or_default(), read.usage, out),
            "message_stop" => {
                self.over = true;
                out.push(StreamEvent::End);
            }
            "ping" => out.extend((!self.finished).then_some(StreamEvent::Ping)),
            "error" => self.fail(data, out),
            _ if event == b"error" => self.fail(data, out),
            // New kinds of events may be added at any time; clients are told to ignore them.
            _ => {}
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

impl Decoder {
    fn fail(&mut self, data: &[u8], out: &mut Vec<StreamEvent>) {
        self.over = true;
        out.push(StreamEvent::Error(Box::new(fault::read(0, data))));
    }

    fn start(&mut self, message: Message<'_>, out: &mut Vec<StreamEvent>) {
        let tier: Tier<'_> =
            message.usage.and_then(|usage| serde_json::from_str(usage.get()).ok()).unwrap_or_default();
        out.push(StreamEvent::Start(Box::new(Start {
            id: message.id.into_text(),
            model: message.model.into_text(),
            service_tier: tier.service_tier.into_text().map(service_tier),
            ..Start::default()
        })));
        self.raise(message.usage, out);
    }

    fn raise(&mut self, usage: Option<&RawValue>, out: &mut Vec<StreamEvent>) {
        if let Some(usage) = usage {
            self.usage.raise(usage.get());
            out.push(StreamEvent::Usage(self.usage.gross()));
        }
    }

    fn start_block(&mut self, block: ContentBlock<'_>, out: &mut Vec<StreamEvent>) {
        if self.finished {
            return;
        }
        let choice = 0;
        self.block = Block::Plain;
        match block.kind.text().unwrap_or_default() {
            "text" => out.extend(block.text.into_text().map(|text| StreamEvent::Text {
                choice,
                text,
                logprobs: None,
            })),
            "thinking" => {
                out.extend(block.thinking.into_text().map(|text| StreamEvent::Thinking { choice, text }));
                out.extend(block.signature.into_text().map(sign));
            }
            "redacted_thinking" => {
                out.extend(block.data.into_text().map(|data| StreamEvent::RedactedThinking {
                    choice,
                    data,
                    format: Some(FORMAT.to_owned()),
                }))
            }
            "tool_use" => {
                let call = self.calls;
                self.calls = self.calls.saturating_add(1);
                let id = block.id.into_text().unwrap_or_else(|| format!("toolu_{call}"));
                out.push(StreamEvent::ToolCallStart {
                    choice,
                    call,
                    id,
                    name: block.name.into_text().unwrap_or_default(),
                });
                // The input here is an empty object that the deltas replace; only some servers send all of it at once.
                let input = block
                    .input
                    .map(RawValue::get)
                    .filter(|input| input.starts_with('{') && !is_empty_object(input));
                self.block = Block::Call { call, begun: input.is_some() };
                out.extend(input.map(|input| StreamEvent::ToolCallArguments {
                    choice,
                    call,
                    arguments: input.to_owned(),
                }));
            }
            _ => self.block = Block::Foreign,
        }
    }

    fn read_delta(&mut self, delta: Delta<'_>, out: &mut Vec<StreamEvent>) {
        if self.finished || self.block == Block::Foreign {
            return;
        }
        let choice = 0;
        if let Some(text) = delta.text.into_text() {
            out.push(StreamEvent::Text { choice, text, logprobs: None });
        }
        if self.citations.len() < MOST {
            self.citations.extend(delta.citation.and_then(read_anthropic));
        }
        if let Some(text) = delta.thinking.into_text() {
            out.push(StreamEvent::Thinking { choice, text });
        }
        out.extend(delta.signature.into_text().map(sign));
        if let (Block::Call { call, begun }, Some(arguments)) =
            (&mut self.block, delta.partial_json.into_text())
        {
            *begun = true;
            out.push(StreamEvent::ToolCallArguments { choice, call: *call, arguments });
        }
    }

    fn stop_block(&mut self, out: &mut Vec<StreamEvent>) {
        if self.finished {
            return;
        }
        let choice = 0;
        if let Block::Call { call, begun: false } = self.block {
            // A call without arguments has no deltas, or an empty one; elsewhere its arguments are an empty object.
            out.push(StreamEvent::ToolCallArguments { choice, call, arguments: "{}".to_owned() });
        }
        let citations = self.citations.drain(..).map(Box::new);
        if !matches!(self.block, Block::None | Block::Foreign) {
            out.extend(citations.map(|citation| StreamEvent::Citation { choice, citation }));
            out.push(StreamEvent::PartEnd { choice });
        }
        self.block = Block::None;
    }

    fn read_end(&mut self, delta: Delta<'_>, usage: Option<&RawValue>, out: &mut Vec<StreamEvent>) {
        self.raise(usage, out);
        if let Some(word) = delta.stop_reason.into_text().filter(|_| !self.finished) {
            self.finished = true;
            out.push(StreamEvent::Finish {
                choice: 0,
                finish: read_finish(word, delta.stop_sequence.into_text()),
            });
        }
    }
}

fn sign(signature: String) -> StreamEvent {
    StreamEvent::Signature { choice: 0, signature, format: Some(FORMAT.to_owned()) }
}

fn is_empty_object(json: &str) -> bool {
    json.bytes().filter(|byte| !byte.is_ascii_whitespace()).eq(*b"{}")
}
