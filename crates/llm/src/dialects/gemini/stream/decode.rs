//! Reads an upstream's stream.
//!
//! Each event holds whole parts: a piece of text, or a whole call. A finish reason may stand in an event of its own,
//! in that of the last part, or (with older models) in every one; so the last that came is said at the end.

use super::super::answer::read_part;
use super::super::chunk::{Candidate, Chunk};
use super::super::finish::{blocked, read_finish};
use super::super::logprobs::read_logprobs;
use super::super::usage::read_usage;
use crate::dialects::citations::grounding::Remembered;
use crate::dialects::{CallIds, DecodeError, StreamDecoder, fault, raise};
use crate::ir::{Citation, Content, Json, Start, StreamEvent};
use crate::usage::Usage;

/// More candidates or calls than any request can ask for: beyond it the upstream is broken.
const LIMIT: usize = 1024;

/// The reader's state.
#[derive(Default)]
pub(in super::super) struct Decoder {
    started: bool,
    over: bool,
    ids: CallIds,
    candidates: Vec<State>,
    /// Why there is no answer.
    blocked: Option<String>,
    usage: Option<Usage>,
}

#[derive(Default)]
struct State {
    index: u32,
    /// Number of its next call.
    calls: u32,
    finish_word: Option<String>,
    /// The text so far, in which the places of sources are told by bytes.
    text: Remembered,
    /// The sources that were told last, and how often was searched for them.
    citations: Vec<Citation>,
    searches: u64,
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, _: &[u8], data: &[u8], out: &mut Vec<StreamEvent>) -> Result<(), DecodeError> {
        let data = data.trim_ascii();
        // Some proxies end every stream as OpenAI does.
        if self.over || data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        let chunk = Chunk::read(data)
            .ok_or_else(|| unreadable("an event of the stream is not a GenerateContentResponse"))?;
        if chunk.error.is_some() {
            self.over = true;
            out.push(StreamEvent::Error(Box::new(fault::read(0, data))));
            return Ok(());
        }
        // Usage first: it tells the prompt's tokens to dialects that say them at the beginning. Each event repeats
        // the figures; only what is new is said.
        if let Some(seen) = chunk.usage_metadata.and_then(|raw| read_usage(raw.get())) {
            let before = self.usage;
            raise(self.usage.get_or_insert_default(), seen);
            out.extend(self.usage.filter(|_| self.usage != before).map(StreamEvent::Usage));
        }
        self.start(&chunk, out);
        for (place, candidate) in chunk.candidates.iter().flatten().enumerate() {
            self.read_candidate(candidate, place, data, out)?;
        }
        self.count_searches(out);
        self.blocked = chunk.block_reason().or(self.blocked.take());
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<StreamEvent>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        let ended = self.candidates.iter().all(|candidate| candidate.finish_word.is_some());
        match self.blocked.take() {
            Some(reason) if self.candidates.is_empty() => {
                out.push(StreamEvent::Finish { choice: 0, finish: blocked(reason) });
            }
            _ if ended && !self.candidates.is_empty() => {
                self.candidates.iter_mut().for_each(|candidate| candidate.finish(out));
            }
            _ => {
                out.push(StreamEvent::Error(Box::new(fault::truncated())));
                return;
            }
        }
        out.push(StreamEvent::End);
    }
}

fn unreadable(message: &str) -> DecodeError {
    DecodeError { message: message.to_owned(), param: None }
}

impl Decoder {
    fn start(&mut self, chunk: &Chunk<'_>, out: &mut Vec<StreamEvent>) {
        let id = chunk.response_id.text();
        self.ids.answer(id);
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        out.push(StreamEvent::Start(Box::new(Start {
            id: id.map(str::to_owned),
            model: chunk.model_version.text().map(str::to_owned),
            ..Start::default()
        })));
    }

    fn read_candidate(
        &mut self,
        candidate: &Candidate<'_>,
        place: usize,
        data: &[u8],
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), DecodeError> {
        let index = candidate.index(place);
        let state = match self.candidates.iter().position(|state| state.index == index) {
            Some(place) => self.candidates.get_mut(place),
            None if self.candidates.len() < LIMIT => {
                self.candidates.push(State { index, ..State::default() });
                self.candidates.last_mut()
            }
            None => None,
        };
        let Some(state) = state else { return Err(unreadable("the stream has too many candidates")) };
        let mut logprobs = candidate.logprobs_result.and_then(read_logprobs);
        for raw in candidate.parts() {
            for content in read_part(raw, &mut self.ids, data) {
                state.say(content, &mut logprobs, out)?;
            }
        }
        if let Some(grounding) = candidate.grounding() {
            state.searches = state.searches.max(grounding.searches());
            let citations = grounding.citations(state.text.text(), &[]);
            if !citations.is_empty() {
                state.citations = citations;
            }
        }
        if logprobs.is_some() {
            out.push(StreamEvent::Text { choice: index, text: String::new(), logprobs });
        }
        if let Some(word) = candidate.finish_word() {
            state.finish_word = Some(word.to_owned());
        }
        Ok(())
    }
}

impl Decoder {
    /// What was searched is told beside the usage.
    fn count_searches(&mut self, out: &mut Vec<StreamEvent>) {
        let searches = self.candidates.iter().map(|state| state.searches).fold(0, u64::saturating_add);
        if let Some(usage) = self.usage.as_mut().filter(|usage| usage.web_searches < searches) {
            usage.web_searches = searches;
            out.push(StreamEvent::Usage(*usage));
        }
    }
}

impl State {
    fn say(
        &mut self,
        content: Content,
        logprobs: &mut Option<Json>,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), DecodeError> {
        let choice = self.index;
        match content {
            Content::Text(text) => {
                self.text.add(&text);
                out.push(StreamEvent::Text { choice, text, logprobs: logprobs.take() });
            }
            Content::Thinking { text, signature, format } => {
                out.extend((!text.is_empty()).then_some(StreamEvent::Thinking { choice, text }));
                if let Some(signature) = signature {
                    out.push(StreamEvent::Signature { choice, signature, format });
                    out.push(StreamEvent::PartEnd { choice });
                }
            }
            Content::RedactedThinking { data, format } => {
                out.push(StreamEvent::RedactedThinking { choice, data, format });
            }
            Content::ToolCall { id, name, arguments } => {
                let call = self.calls;
                if usize::try_from(call).is_ok_and(|call| call >= LIMIT) {
                    return Err(unreadable("the stream has too many calls"));
                }
                self.calls += 1;
                out.push(StreamEvent::ToolCallStart { choice, call, id, name });
                out.push(StreamEvent::ToolCallArguments { choice, call, arguments });
                out.push(StreamEvent::PartEnd { choice });
            }
            Content::Image { source, .. } => {
                out.push(StreamEvent::Image { choice, source });
                out.push(StreamEvent::PartEnd { choice });
            }
            // Code that the provider runs, and sound, have no place in streams.
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<StreamEvent>) {
        let choice = self.index;
        let citations = self.citations.drain(..).map(Box::new);
        out.extend(citations.map(|citation| StreamEvent::Citation { choice, citation }));
        let finish = self.finish_word.as_deref().map(|word| read_finish(word, self.calls > 0));
        out.push(StreamEvent::Finish { choice, finish: finish.unwrap_or_default() });
    }
}
