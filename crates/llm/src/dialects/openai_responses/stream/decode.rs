//! Reads an upstream's stream.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::response::{finish_reason, read_failure, read_logprobs, read_output, searches};
use super::incoming::{Incoming, Kind, Piece, ReadItem, Said};
use crate::dialects::citations::read_annotation;
use crate::dialects::openai::read_usage;
use crate::dialects::read::{At, Loose};
use crate::dialects::{DecodeError, StreamDecoder, fault, raise};
use crate::ir::{Answer, Choice, ErrorFacts, Finish, Start, StreamEvent};
use crate::usage::Usage;

/// More items than any answer has: beyond it the upstream is broken.
const LIMIT: usize = 1024;

/// The reader's state.
#[derive(Default)]
pub(in super::super) struct Decoder {
    started: bool,
    over: bool,
    items: Vec<Incoming>,
    /// Number of the next tool call.
    calls: u32,
    /// The item that was added to last, by its place among the items.
    last: Option<usize>,
    refused: bool,
    usage: Usage,
    /// How often the provider's own tool has searched the web.
    searches: u64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Loose<'a>,
    output_index: Loose<'a>,
    item_id: Loose<'a>,
    content_index: Loose<'a>,
    summary_index: Loose<'a>,
    delta: Loose<'a>,
    text: Loose<'a>,
    refusal: Loose<'a>,
    arguments: Loose<'a>,
    input: Loose<'a>,
    logprobs: Option<&'a RawValue>,
    annotation: Option<&'a RawValue>,
    item: Option<&'a RawValue>,
    response: Option<&'a RawValue>,
}

/// The outline of a response object.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Response<'a> {
    #[serde(borrow)]
    id: Loose<'a>,
    model: Loose<'a>,
    created_at: Loose<'a>,
    service_tier: Loose<'a>,
    incomplete_details: Option<Details<'a>>,
    output: Option<&'a RawValue>,
    usage: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Details<'a> {
    #[serde(borrow)]
    reason: Loose<'a>,
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, event: &[u8], data: &[u8], out: &mut Vec<StreamEvent>) -> Result<(), DecodeError> {
        let data = data.trim_ascii();
        // Some servers end with the mark of the older API, which says nothing here.
        if self.over || data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        let read: Event<'_> = serde_json::from_slice(data)
            .map_err(|_| unreadable("an event of the stream is not a Responses event"))?;
        // The payload says its type; the event's name is only its copy and some servers leave it, or the type, out.
        let name =
            read.kind.text().map_or_else(|| String::from_utf8_lossy(event).into_owned(), str::to_owned);
        match name.as_str() {
            "response.completed" => self.end("completed", &read, out),
            "response.incomplete" => self.end("incomplete", &read, out),
            "response.failed" => self.fail_response(&response(&read), out),
            "error" => self.fail(fault::read(0, data), out),
            "keepalive" => out.push(StreamEvent::Ping),
            // Said again in the middle, it only tells that the upstream is still there.
            "response.in_progress" if !self.items.is_empty() => out.push(StreamEvent::Ping),
            "response.created" | "response.queued" | "response.in_progress" => {
                self.start(&response(&read), out);
            }
            name => return self.grow(name, &read, out),
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<StreamEvent>) {
        // The event that ends a stream holds what makes the answer complete: nothing stands in for it.
        if !std::mem::replace(&mut self.over, true) {
            out.push(StreamEvent::Error(Box::new(fault::truncated())));
        }
    }
}

fn unreadable(message: &str) -> DecodeError {
    DecodeError { message: message.to_owned(), param: None }
}

fn response<'a>(event: &Event<'a>) -> Response<'a> {
    event.response.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

impl Decoder {
    fn start(&mut self, response: &Response<'_>, out: &mut Vec<StreamEvent>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let owned = |value: &Loose<'_>| value.text().map(str::to_owned);
        out.push(StreamEvent::Start(Box::new(Start {
            id: owned(&response.id),
            model: owned(&response.model),
            created: response.created_at.number().and_then(|created| i64::try_from(created).ok()),
            system_fingerprint: None,
            service_tier: owned(&response.service_tier),
        })));
    }

    fn fail(&mut self, facts: ErrorFacts, out: &mut Vec<StreamEvent>) {
        self.over = true;
        out.push(StreamEvent::Error(Box::new(facts)));
    }

    fn fail_response(&mut self, response: &Response<'_>, out: &mut Vec<StreamEvent>) {
        self.start(response, out);
        self.count(response, out);
        self.fail(read_failure(response.error), out);
    }

    fn count(&mut self, response: &Response<'_>, out: &mut Vec<StreamEvent>) {
        if let Some(usage) = response.usage.and_then(|usage| read_usage(usage.get())) {
            raise(&mut self.usage, Usage { web_searches: usage.web_searches.max(self.searches), ..usage });
            out.push(StreamEvent::Usage(self.usage));
        }
    }

    /// The event that ends the answer. What it repeats has been told, unless its server has told nothing before.
    fn end(&mut self, status: &str, event: &Event<'_>, out: &mut Vec<StreamEvent>) {
        self.over = true;
        let response = response(event);
        self.start(&response, out);
        if self.items.is_empty() {
            self.tell_output(response.output, out);
        }
        self.items.iter_mut().for_each(|item| item.cut(out));
        self.count(&response, out);
        let word = response.incomplete_details.and_then(|details| details.reason.into_text());
        let reason = finish_reason(Some(status), word.as_deref(), self.refused, self.calls > 0);
        let native = Some(word.unwrap_or_else(|| status.to_owned()));
        out.push(StreamEvent::Finish { choice: 0, finish: Finish { reason, native, stop_sequence: None } });
        out.push(StreamEvent::End);
    }

    fn tell_output(&mut self, output: Option<&RawValue>, out: &mut Vec<StreamEvent>) {
        let read = output.and_then(|raw| read_output(raw, &At::BODY.key("output")).ok());
        let Some((parts, logprobs)) = read else { return };
        self.searches = searches(&parts);
        let choice = Choice { index: 0, parts, finish: None, logprobs };
        for step in (Answer { choices: vec![choice], ..Answer::default() }).into_events() {
            match &step {
                StreamEvent::Start(_) | StreamEvent::Finish { .. } | StreamEvent::End => continue,
                StreamEvent::Refusal { .. } => self.refused = true,
                StreamEvent::ToolCallStart { .. } => self.calls = self.calls.saturating_add(1),
                _ => {}
            }
            out.push(step);
        }
    }

    /// An event that adds to the answer; kinds that are not known add nothing.
    fn grow(&mut self, name: &str, event: &Event<'_>, out: &mut Vec<StreamEvent>) -> Result<(), DecodeError> {
        match name {
            "response.output_item.added" | "response.output_item.done" => {
                let Some(item) = event.item.and_then(ReadItem::read) else { return Ok(()) };
                let place = self.place(&event.output_index, item.id.text(), Kind::of(&item))?;
                let is_done = name.ends_with(".done");
                self.searches += u64::from(is_done && item.is_search());
                self.add(place, out, |incoming, calls, out| {
                    incoming.begin(&item, calls, out);
                    if is_done {
                        incoming.end(item, out);
                    }
                });
                if is_done {
                    self.end_part(place, out);
                }
            }
            "response.output_text.annotation.added" => {
                let place = self.find(&event.output_index, event.item_id.text());
                let item = place.and_then(|place| self.items.get_mut(place));
                if let Some((item, citation)) = item.zip(event.annotation.and_then(read_annotation)) {
                    item.hold(citation);
                }
            }
            "response.content_part.done" => {
                if let Some(place) = self.find(&event.output_index, event.item_id.text()) {
                    self.add(place, out, |incoming, _, out| incoming.cite(out));
                    self.end_part(place, out);
                }
            }
            _ => {
                let Some((said, is_whole, text)) = piece(name, event) else { return Ok(()) };
                let place = self.place(&event.output_index, event.item_id.text(), said.kind())?;
                let piece = Piece {
                    said,
                    text: text.text().unwrap_or_default(),
                    is_whole,
                    part: event.content_index.number().or(event.summary_index.number()).unwrap_or(0),
                    logprobs: event.logprobs.and_then(read_logprobs),
                };
                self.add(place, out, |incoming, _, out| incoming.add(piece, out));
            }
        }
        Ok(())
    }

    /// The item that an event is about, by its number, its id, or as the newest.
    fn find(&self, index: &Loose<'_>, id: Option<&str>) -> Option<usize> {
        match (index.number(), id) {
            (Some(index), _) => self.items.iter().rposition(|item| item.index == Some(index)),
            (None, Some(id)) => self.items.iter().rposition(|item| item.id.as_deref() == Some(id)),
            (None, None) => self.items.len().checked_sub(1),
        }
    }

    /// As [`Self::find`]; an item that was not added before is added now.
    fn place(&mut self, index: &Loose<'_>, id: Option<&str>, kind: Kind) -> Result<usize, DecodeError> {
        if let Some(place) = self.find(index, id) {
            return Ok(place);
        }
        if self.items.len() >= LIMIT {
            return Err(unreadable("the stream has too many items"));
        }
        self.items.push(Incoming::new(index.number(), id, kind));
        Ok(self.items.len() - 1)
    }

    fn add(
        &mut self,
        place: usize,
        out: &mut Vec<StreamEvent>,
        act: impl FnOnce(&mut Incoming, &mut u32, &mut Vec<StreamEvent>),
    ) {
        // Some servers leave out how a response begins.
        self.start(&Response::default(), out);
        let before = out.len();
        if let Some(item) = self.items.get_mut(place) {
            act(item, &mut self.calls, out);
        }
        let new = out.get(before..).unwrap_or_default();
        if !new.is_empty() {
            self.last = Some(place);
        }
        self.refused |= new.iter().any(|step| matches!(step, StreamEvent::Refusal { .. }));
    }

    /// Says that a part is complete, where it can be no other that is meant.
    fn end_part(&mut self, place: usize, out: &mut Vec<StreamEvent>) {
        if self.last == Some(place) && !self.items.iter().any(Incoming::is_open_call) {
            out.push(StreamEvent::PartEnd { choice: 0 });
            self.last = None;
        }
    }
}

/// What an event adds, whether that is the whole of a part that may have come in pieces before, and its text.
fn piece<'e, 'a>(name: &str, event: &'e Event<'a>) -> Option<(Said, bool, &'e Loose<'a>)> {
    let (what, stage) = name.strip_prefix("response.")?.rsplit_once('.')?;
    let (said, whole) = match what {
        "output_text" => (Said::Text, &event.text),
        "refusal" => (Said::Refusal, &event.refusal),
        "reasoning_summary_text" => (Said::Summary, &event.text),
        "reasoning_text" => (Said::Thoughts, &event.text),
        "function_call_arguments" => (Said::Arguments, &event.arguments),
        "custom_tool_call_input" => (Said::Input, &event.input),
        _ => return None,
    };
    match stage {
        "delta" => Some((said, false, &event.delta)),
        "done" => Some((said, true, whole)),
        _ => None,
    }
}
