//! Reads an upstream's stream.

use serde_json::Value;
use serde_json::value::RawValue;

use super::super::assistant::read_images;
use crate::dialects::citations::{MOST, read_annotations, read_sources};
use crate::dialects::openai::{CallDelta, Chunk, ChunkChoice, Delta, read_finish, read_usage};
use crate::dialects::read::Loose;
use crate::dialects::{DecodeError, StreamDecoder, fault, raise};
use crate::ir::{Citation, Finish, FinishReason, Json, Start, StreamEvent};
use crate::usage::Usage;

/// More choices or calls than any request can ask for: beyond it the upstream is broken.
const LIMIT: usize = 1024;

/// The reader's state.
#[derive(Default)]
pub(in super::super) struct Decoder {
    started: bool,
    over: bool,
    id: Option<String>,
    choices: Vec<ChoiceState>,
    usage: Usage,
    /// Sources that are told beside the answer, until its first choice has ended.
    sources: Vec<Citation>,
}

#[derive(Default)]
struct ChoiceState {
    index: u32,
    calls: Vec<CallState>,
    refused: bool,
    finished: bool,
    /// Place of the reasoning that is being streamed, to tell one part from the next.
    thought: Option<u64>,
    /// Sources that were told so far.
    citations: Vec<Citation>,
}

struct CallState {
    upstream_index: Option<u64>,
    id: String,
    started: bool,
    /// Arguments that came before the name.
    early: String,
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
        let chunk = Chunk::read(data)
            .ok_or_else(|| unreadable("an event of the stream is not a chat completion chunk"))?;
        if chunk.error.is_some() || event == b"error" {
            self.over = true;
            out.push(StreamEvent::Error(Box::new(fault::read(0, data))));
            return Ok(());
        }
        self.start(&chunk, out);
        if let Some(sources) = chunk.search_results.or(chunk.citations).or(chunk.web_search) {
            self.keep_sources(sources, chunk.choices.as_deref().unwrap_or_default());
        }
        for choice in chunk.choices.into_iter().flatten() {
            self.read_choice(choice, out)?;
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
        if !self.choices.is_empty() && self.choices.iter().all(|choice| choice.finished) {
            // Only `[DONE]` is missing: the answer itself is complete.
            self.close(out);
        } else {
            self.over = true;
            out.push(StreamEvent::Error(Box::new(fault::truncated())));
        }
    }
}

fn unreadable(message: &str) -> DecodeError {
    DecodeError { message: message.to_owned(), param: None }
}

impl Decoder {
    fn start(&mut self, chunk: &Chunk<'_>, out: &mut Vec<StreamEvent>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let owned = |value: &Loose<'_>| value.text().map(str::to_owned);
        self.id = owned(&chunk.id);
        out.push(StreamEvent::Start(Box::new(Start {
            id: self.id.clone(),
            model: owned(&chunk.model),
            created: chunk.created.number().and_then(|created| i64::try_from(created).ok()),
            system_fingerprint: owned(&chunk.system_fingerprint),
            service_tier: owned(&chunk.service_tier),
        })));
    }

    /// Keeps the sources that are told beside the answer. Servers tell them with its first piece, its last, or all: read are
    /// the first and the last.
    fn keep_sources(&mut self, sources: &RawValue, choices: &[ChunkChoice<'_>]) {
        let ends = choices.iter().any(|choice| choice.finish_reason.text().is_some());
        if ends || self.sources.is_empty() {
            let sources = read_sources(sources);
            if !sources.is_empty() {
                self.sources = sources;
            }
        }
    }

    /// The upstream says that all is said. Choices without a finish word have simply ended.
    fn close(&mut self, out: &mut Vec<StreamEvent>) {
        self.over = true;
        for choice in self.choices.iter_mut().filter(|choice| !choice.finished) {
            choice.finished = true;
            choice.cite(&mut self.sources, out);
            let reason = if choice.calls.is_empty() { FinishReason::Stop } else { FinishReason::ToolCalls };
            out.push(StreamEvent::Finish {
                choice: choice.index,
                finish: Finish { reason, ..Finish::default() },
            });
        }
        out.push(StreamEvent::End);
    }

    fn read_choice(
        &mut self,
        choice: ChunkChoice<'_>,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), DecodeError> {
        if let Some(usage) = choice.usage.and_then(|usage| read_usage(usage.get())) {
            raise(&mut self.usage, usage);
            out.push(StreamEvent::Usage(self.usage));
        }
        let index = choice.index.number().and_then(|index| u32::try_from(index).ok()).unwrap_or(0);
        let state = match self.choices.iter().position(|state| state.index == index) {
            Some(place) => self.choices.get_mut(place),
            None if self.choices.len() < LIMIT => {
                self.choices.push(ChoiceState { index, ..ChoiceState::default() });
                self.choices.last_mut()
            }
            None => None,
        };
        let Some(state) = state else { return Err(unreadable("the stream has too many choices")) };
        if state.finished {
            // What servers send after the end (heartbeats, empty deltas) must not reach the client.
            return Ok(());
        }
        if let Some(delta) = choice.delta {
            let logprobs = choice.logprobs.and_then(|raw| Json::object(raw.get()));
            state.read_delta(delta, logprobs, self.id.as_deref(), out)?;
        }
        if let Some(word) = choice.finish_reason.text() {
            state.finished = true;
            state.cite(&mut self.sources, out);
            let stop_sequence = choice.stop_reason.text().map(str::to_owned);
            let reason = match read_finish(word) {
                FinishReason::Stop if state.refused => FinishReason::Refusal,
                FinishReason::Stop if !state.calls.is_empty() => FinishReason::ToolCalls,
                FinishReason::Stop if stop_sequence.is_some() => FinishReason::StopSequence,
                reason => reason,
            };
            out.push(StreamEvent::Finish {
                choice: index,
                finish: Finish { reason, native: Some(word.to_owned()), stop_sequence },
            });
        }
        Ok(())
    }
}

impl ChoiceState {
    /// Tells the sources of the text, of whose places nothing is known before all of it has come. Those that are told `beside`
    /// the answer are the first choice's, if it tells none itself: were they everyone's, a few would become very many.
    fn cite(&mut self, beside: &mut Vec<Citation>, out: &mut Vec<StreamEvent>) {
        let mut citations = std::mem::take(&mut self.citations);
        if citations.is_empty() {
            citations = std::mem::take(beside);
        }
        let choice = self.index;
        out.extend(
            citations
                .into_iter()
                .map(|citation| StreamEvent::Citation { choice, citation: Box::new(citation) }),
        );
    }

    fn read_delta(
        &mut self,
        delta: Delta<'_>,
        logprobs: Option<Json>,
        id: Option<&str>,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), DecodeError> {
        let choice = self.index;
        self.read_reasoning(&delta, out);
        match delta.content {
            Loose::Text(text) if !text.is_empty() || logprobs.is_some() => {
                out.push(StreamEvent::Text { choice, text: text.into_owned(), logprobs });
            }
            Loose::Nested(Value::Array(parts)) => read_blocks(choice, &parts, out),
            _ => {}
        }
        if let Some(text) = delta.refusal.into_text() {
            self.refused = true;
            out.push(StreamEvent::Refusal { choice, text });
        }
        if let Some(raw) = delta.annotations {
            self.citations.extend(read_annotations(raw));
            self.citations.truncate(MOST);
        }
        for source in delta.images.map(read_images).unwrap_or_default() {
            out.push(StreamEvent::Image { choice, source });
        }
        for call in delta.tool_calls.into_iter().flatten() {
            self.read_call(call, id, out)?;
        }
        Ok(())
    }

    fn read_reasoning(&mut self, delta: &Delta<'_>, out: &mut Vec<StreamEvent>) {
        let choice = self.index;
        if let Loose::Nested(Value::Array(details)) = &delta.reasoning_details
            && !details.is_empty()
        {
            details.iter().for_each(|detail| self.read_detail(detail, out));
            return;
        }
        for value in [&delta.reasoning_content, &delta.reasoning] {
            match value {
                Loose::Text(text) if !text.is_empty() => {
                    out.push(StreamEvent::Thinking { choice, text: text.to_string() });
                    return;
                }
                Loose::Nested(Value::Array(parts)) if !parts.is_empty() => {
                    let text = joined_text(parts);
                    out.extend((!text.is_empty()).then_some(StreamEvent::Thinking { choice, text }));
                    return;
                }
                _ => {}
            }
        }
    }

    fn read_detail(&mut self, detail: &Value, out: &mut Vec<StreamEvent>) {
        let choice = self.index;
        let text_of = |name: &str| {
            detail.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let format = text_of("format");
        let place = detail.get("index").and_then(Value::as_u64);
        if place.is_some()
            && std::mem::replace(&mut self.thought, place).is_some_and(|last| Some(last) != place)
        {
            out.push(StreamEvent::PartEnd { choice });
        }
        if detail.get("type").and_then(Value::as_str) == Some("reasoning.encrypted") {
            out.extend(text_of("data").map(|data| StreamEvent::RedactedThinking { choice, data, format }));
            return;
        }
        out.extend(text_of("text").or(text_of("summary")).map(|text| StreamEvent::Thinking { choice, text }));
        out.extend(text_of("signature").map(|signature| StreamEvent::Signature {
            choice,
            signature,
            format,
        }));
    }

    /// Adds to a call. Servers number calls from 0, from 1, with gaps, all as 0, or not at all; some repeat the id
    /// in each delta. A new id or a new number is a new call.
    fn read_call(
        &mut self,
        delta: CallDelta<'_>,
        answer_id: Option<&str>,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), DecodeError> {
        let choice = self.index;
        let (upstream_index, id) = (delta.index.number(), delta.id.text());
        let known = self.calls.iter().rposition(|call| match (upstream_index, id) {
            (Some(_), None) => call.upstream_index == upstream_index,
            (_, Some(id)) => {
                call.id == id && (upstream_index.is_none() || call.upstream_index == upstream_index)
            }
            (None, None) => true,
        });
        let place = match known {
            Some(place) => place,
            None if self.calls.len() < LIMIT => {
                let place = self.calls.len();
                let id =
                    id.map_or_else(|| format!("call_{}_{place}", answer_id.unwrap_or("0")), str::to_owned);
                self.calls.push(CallState { upstream_index, id, started: false, early: String::new() });
                place
            }
            None => return Err(unreadable("the stream has too many tool calls")),
        };
        let (Some(state), Ok(call)) = (self.calls.get_mut(place), u32::try_from(place)) else {
            return Ok(());
        };
        let Some(function) = delta.function else { return Ok(()) };
        let arguments = match function.arguments {
            Loose::Text(text) => text.into_owned(),
            Loose::Nested(value) => value.to_string(),
            _ => String::new(),
        };
        if let Some(name) = function.name.into_text().filter(|_| !state.started) {
            state.started = true;
            out.push(StreamEvent::ToolCallStart { choice, call, id: state.id.clone(), name });
            let early = std::mem::take(&mut state.early);
            out.extend((!early.is_empty()).then_some(StreamEvent::ToolCallArguments {
                choice,
                call,
                arguments: early,
            }));
        }
        if !state.started {
            state.early.push_str(&arguments);
        } else if !arguments.is_empty() {
            out.push(StreamEvent::ToolCallArguments { choice, call, arguments });
        }
        Ok(())
    }
}

/// Content as a list of blocks (Mistral): text and thinking.
fn read_blocks(choice: u32, blocks: &[Value], out: &mut Vec<StreamEvent>) {
    for block in blocks {
        match block.get("thinking") {
            Some(Value::String(text)) if !text.is_empty() => {
                out.push(StreamEvent::Thinking { choice, text: text.clone() })
            }
            Some(Value::Array(parts)) => out.push(StreamEvent::Thinking { choice, text: joined_text(parts) }),
            _ => {
                let text = block.get("text").and_then(Value::as_str).unwrap_or_default();
                out.extend((!text.is_empty()).then(|| StreamEvent::Text {
                    choice,
                    text: text.to_owned(),
                    logprobs: None,
                }));
            }
        }
    }
}

fn joined_text(parts: &[Value]) -> String {
    parts.iter().filter_map(|part| part.as_str().or_else(|| part.get("text")?.as_str())).collect()
}
