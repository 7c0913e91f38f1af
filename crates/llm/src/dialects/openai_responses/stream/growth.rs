//! The items of a response while it is streamed: they are added, filled and done, calls beside each other when the
//! upstream interleaves them. Each step is told as events.

use super::super::output::{ItemKind, ItemStatus, Logprobs, NO_ARGUMENTS, OutputItem, Said, call};
use super::super::reasoning::write_summary;
use super::event::{Events, Spot};
use crate::dialects::AnswerContext;
use crate::dialects::citations::{length, write_responses};
use crate::dialects::openai::custom_input;
use crate::ir::{Citation, Json};

/// The items, and which of them are open.
#[derive(Default)]
pub(super) struct Growth {
    events: Events,
    items: Vec<OutputItem>,
    /// The message or the reasoning that is open, by its place.
    running: Option<usize>,
    /// Whether the last part of the running message is open.
    in_part: bool,
    calls: Vec<OpenCall>,
    /// The call that was added to last.
    last_call: Option<u32>,
    held: usize,
}

/// A call that is open.
struct OpenCall {
    number: u32,
    place: usize,
    /// Whether the upstream says that it is complete. It is closed when it is known whether the answer was cut off.
    ended: bool,
}

impl Growth {
    /// What tells events, and the items so far.
    pub(super) fn parts(&mut self) -> (&mut Events, &[OutputItem]) {
        (&mut self.events, &self.items)
    }

    /// Bytes held for the last event.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    fn add(&mut self, kind: ItemKind, context: &AnswerContext, out: &mut Vec<u8>) -> usize {
        let place = self.items.len();
        let item = OutputItem::new(kind, place, context);
        self.events.write("response.output_item.added", out, |object| {
            object.number("output_index", place);
            object.object("item", |out| item.write(out));
        });
        self.items.push(item);
        place
    }

    /// Adds a piece to a message's last part, which is opened where it is not of this kind.
    fn say(
        &mut self,
        refusal: bool,
        text: &str,
        logprobs: &Logprobs,
        context: &AnswerContext,
        out: &mut Vec<u8>,
    ) {
        self.held += text.len() + logprobs.len();
        let is_message = |item: Option<&OutputItem>| matches!(item?.kind, ItemKind::Message(_)).then_some(());
        if self.running.and_then(|place| is_message(self.items.get(place))).is_none() {
            self.settle(out);
            self.running = Some(self.add(ItemKind::Message(Vec::new()), context, out));
        }
        let fits = self.in_part && self.last_part().is_some_and(|part| part.refusal == refusal);
        if !fits {
            self.close_part(out);
        }
        let Self { events, items, running, in_part, .. } = self;
        let Some((place, item)) = running.and_then(|place| Some((place, items.get_mut(place)?))) else {
            return;
        };
        let ItemKind::Message(parts) = &mut item.kind else { return };
        if !fits {
            *in_part = true;
            let part = Said::new(refusal);
            let spot = Spot::content(place, &item.id, parts.len());
            events.at("response.content_part.added", spot, out, |object| {
                object.object("part", |out| part.write(out));
            });
            parts.push(part);
        }
        let spot = Spot::content(place, &item.id, parts.len().saturating_sub(1));
        let name = if refusal { "response.refusal.delta" } else { "response.output_text.delta" };
        events.at(name, spot, out, |object| {
            object.text("delta", text);
            if !refusal {
                logprobs.write(object);
            }
        });
        if let Some(part) = parts.last_mut() {
            part.text.push_str(text);
            part.logprobs.extend(logprobs);
        }
    }

    fn last_part(&self) -> Option<&Said> {
        match &self.items.get(self.running?)?.kind {
            ItemKind::Message(parts) => parts.last(),
            _ => None,
        }
    }

    pub(super) fn text(
        &mut self,
        text: &str,
        logprobs: Option<&Json>,
        context: &AnswerContext,
        out: &mut Vec<u8>,
    ) {
        if !text.is_empty() || logprobs.is_some() {
            self.say(false, text, &Logprobs::of(logprobs), context, out);
        }
    }

    pub(super) fn refusal(&mut self, text: &str, context: &AnswerContext, out: &mut Vec<u8>) {
        self.say(true, text, &Logprobs::default(), context, out);
    }

    /// Tells a source of the running text; one that is complete has no more.
    pub(super) fn cite(&mut self, citation: &Citation, out: &mut Vec<u8>) {
        let Self { events, items, running, in_part: true, held, .. } = self else { return };
        let Some((place, item)) = running.and_then(|place| Some((place, items.get_mut(place)?))) else {
            return;
        };
        let ItemKind::Message(parts) = &mut item.kind else { return };
        let number = parts.len().saturating_sub(1);
        let Some(part) = parts.last_mut().filter(|part| !part.refusal) else { return };
        let (spot, length) = (Spot::content(place, &item.id, number), length(&part.text));
        events.at("response.output_text.annotation.added", spot, out, |object| {
            object.number("annotation_index", part.citations.len());
            object.object("annotation", |out| write_responses(citation, length, out));
        });
        // What it says there has no place in this API.
        let kept = Citation { quote: None, ..citation.clone() };
        *held += size_of::<Citation>() + kept.url.len() + kept.title.as_ref().map_or(0, String::len);
        part.citations.push(kept);
    }

    /// Whether the open item is reasoning.
    fn in_reasoning(&self) -> bool {
        let item = self.running.and_then(|place| self.items.get(place));
        item.is_some_and(|item| matches!(item.kind, ItemKind::Reasoning { .. }))
    }

    /// The open reasoning, opened where it is not.
    fn reasoning(
        &mut self,
        context: &AnswerContext,
        out: &mut Vec<u8>,
    ) -> Option<(&mut Events, usize, &mut OutputItem)> {
        if !self.in_reasoning() {
            self.settle(out);
            let nothing = ItemKind::Reasoning { text: String::new(), sealed: None };
            self.running = Some(self.add(nothing, context, out));
        }
        let place = self.running?;
        Some((&mut self.events, place, self.items.get_mut(place)?))
    }

    pub(super) fn think(&mut self, more: &str, context: &AnswerContext, out: &mut Vec<u8>) {
        if more.is_empty() {
            return;
        }
        self.held += more.len();
        let Some((events, place, item)) = self.reasoning(context, out) else { return };
        let ItemKind::Reasoning { text, .. } = &mut item.kind else { return };
        let spot = Spot::summary(place, &item.id);
        if text.is_empty() {
            events.at("response.reasoning_summary_part.added", spot, out, |object| {
                object.object("part", |part| write_summary("", part));
            });
        }
        events.at("response.reasoning_summary_text.delta", spot, out, |object| object.text("delta", more));
        text.push_str(more);
    }

    /// Seals the open reasoning, or one of its own that shows nothing, and closes it: what follows is another.
    pub(super) fn seal(&mut self, proof: String, context: &AnswerContext, out: &mut Vec<u8>) {
        self.held += proof.len();
        let Some((_, _, item)) = self.reasoning(context, out) else { return };
        if let ItemKind::Reasoning { sealed, .. } = &mut item.kind {
            *sealed = Some(proof);
        }
        self.settle(out);
    }

    pub(super) fn start_call(
        &mut self,
        number: u32,
        id: &str,
        name: &str,
        context: &AnswerContext,
        out: &mut Vec<u8>,
    ) {
        self.settle(out);
        self.held += id.len() + name.len();
        let place = self.add(call(id, name, "", context), context, out);
        self.calls.push(OpenCall { number, place, ended: false });
        self.last_call = Some(number);
    }

    pub(super) fn arguments(&mut self, number: u32, more: &str, out: &mut Vec<u8>) {
        let Self { events, items, calls, .. } = self;
        let Some(open) = calls.iter().find(|open| open.number == number && !open.ended) else { return };
        let Some(item) = items.get_mut(open.place) else { return };
        let ItemKind::Call { arguments, custom, .. } = &mut item.kind else { return };
        arguments.push_str(more);
        // Free text is told when it is whole: until then it is a piece of JSON.
        if !*custom {
            let spot = Spot::item(open.place, &item.id);
            events
                .at("response.function_call_arguments.delta", spot, out, |object| object.text("delta", more));
        }
        self.held += more.len();
        self.last_call = Some(number);
    }

    /// What was added to last is complete.
    pub(super) fn end_part(&mut self, out: &mut Vec<u8>) {
        if self.in_reasoning() {
            self.settle(out);
        } else if self.running.is_some() {
            self.close_part(out);
        } else if let Some(open) = self.calls.iter_mut().find(|open| Some(open.number) == self.last_call) {
            open.ended = true;
        }
    }

    /// Closes what is complete, because something else follows it.
    pub(super) fn settle(&mut self, out: &mut Vec<u8>) {
        self.close_part(out);
        if let Some(place) = self.running.take() {
            self.close(place, ItemStatus::Complete, out);
        }
        let (ended, open) = std::mem::take(&mut self.calls).into_iter().partition(|call| call.ended);
        self.calls = open;
        let ended: Vec<OpenCall> = ended;
        ended.iter().for_each(|call| self.close(call.place, ItemStatus::Complete, out));
    }

    /// Closes everything. The last item of an answer that was `cut` off is incomplete, if it was still open.
    pub(super) fn close_all(&mut self, cut: bool, out: &mut Vec<u8>) {
        self.close_part(out);
        let mut open: Vec<usize> = self.calls.drain(..).map(|call| call.place).collect();
        open.extend(self.running.take());
        open.sort_unstable();
        let last = self.items.len().saturating_sub(1);
        for place in open {
            let status = if cut && place == last { ItemStatus::Cut } else { ItemStatus::Complete };
            self.close(place, status, out);
        }
    }

    /// The upstream has failed: what is open stays as it is.
    pub(super) fn cut(&mut self) {
        let open = self.calls.drain(..).map(|call| call.place).chain(self.running.take());
        for place in open {
            if let Some(item) = self.items.get_mut(place) {
                item.status = ItemStatus::Cut;
            }
        }
    }

    fn close_part(&mut self, out: &mut Vec<u8>) {
        if !std::mem::take(&mut self.in_part) {
            return;
        }
        let Self { events, items, running, .. } = self;
        let Some((place, item)) = running.and_then(|place| Some((place, items.get(place)?))) else { return };
        let ItemKind::Message(parts) = &item.kind else { return };
        let Some(part) = parts.last() else { return };
        let spot = Spot::content(place, &item.id, parts.len().saturating_sub(1));
        let name = if part.refusal { "response.refusal.done" } else { "response.output_text.done" };
        events.at(name, spot, out, |object| {
            object.text(if part.refusal { "refusal" } else { "text" }, &part.text);
            if !part.refusal {
                part.logprobs.write(object);
            }
        });
        events.at("response.content_part.done", spot, out, |object| {
            object.object("part", |out| part.write(out));
        });
    }

    fn close(&mut self, place: usize, status: ItemStatus, out: &mut Vec<u8>) {
        let Self { events, items, .. } = self;
        let Some(item) = items.get_mut(place) else { return };
        item.status = status;
        if let ItemKind::Reasoning { text, .. } = &item.kind
            && !text.is_empty()
        {
            let spot = Spot::summary(place, &item.id);
            events.at("response.reasoning_summary_text.done", spot, out, |object| object.text("text", text));
            events.at("response.reasoning_summary_part.done", spot, out, |object| {
                object.object("part", |part| write_summary(text, part));
            });
        }
        if let ItemKind::Call { arguments, custom, .. } = &mut item.kind {
            close_call(events, Spot::item(place, &item.id), arguments, *custom, out);
        }
        events.write("response.output_item.done", out, |object| {
            object.number("output_index", place);
            object.object("item", |out| item.write(out));
        });
    }
}

/// Tells the whole arguments. What was not told in pieces is told in one before: free text, and no arguments.
fn close_call(events: &mut Events, spot: Spot<'_>, arguments: &mut String, custom: bool, out: &mut Vec<u8>) {
    if custom {
        let input = custom_input(arguments);
        if !input.is_empty() {
            events.at("response.custom_tool_call_input.delta", spot, out, |object| {
                object.text("delta", &input)
            });
        }
        events.at("response.custom_tool_call_input.done", spot, out, |object| object.text("input", &input));
        return;
    }
    if arguments.is_empty() {
        NO_ARGUMENTS.clone_into(arguments);
        events.at("response.function_call_arguments.delta", spot, out, |object| {
            object.text("delta", arguments)
        });
    }
    events.at("response.function_call_arguments.done", spot, out, |object| {
        object.text("arguments", arguments);
    });
}
