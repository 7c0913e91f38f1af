//! Repair in a stream that is said anew, between the reading of one dialect and the writing of the other.

use yumen_llm::heal::{Healer, Purpose};
use yumen_llm::ir::{FinishReason, StreamEvent};
use yumen_telemetry::{HealRecord, HealStatus};

use super::tally::{Tally, chunks_with_status, gather};
use super::wish::Healing;

/// A text that is open: its choice, the call of which it is the arguments, and all that was said where a schema has to be
/// followed.
type Open = (u32, Option<u32>, Healer, Option<String>);

/// Repairs the texts of a stream.
pub struct EventHealer {
    healing: Healing,
    open: Vec<Open>,
    tally: Tally,
    /// Whether the client reads OpenAI's chunks, which tell the status.
    tells: bool,
}

impl EventHealer {
    /// For a stream of which this is to be repaired.
    pub fn new(healing: Healing, tells: bool) -> Self {
        Self { healing, open: Vec::new(), tally: Tally::default(), tells }
    }

    /// What was done so far.
    pub fn record(&self) -> &HealRecord {
        self.tally.record()
    }

    /// Repairs what the events say.
    pub fn run(&mut self, events: &mut Vec<StreamEvent>) {
        for event in std::mem::take(events) {
            match event {
                StreamEvent::Text { choice, text, logprobs } if self.healing.text => {
                    let text = self.push(choice, None, &text);
                    if !text.is_empty() {
                        events.push(StreamEvent::Text { choice, text, logprobs });
                    }
                }
                StreamEvent::ToolCallArguments { choice, call, arguments } if self.healing.arguments => {
                    let arguments = self.push(choice, Some(call), &arguments);
                    if !arguments.is_empty() {
                        events.push(StreamEvent::ToolCallArguments { choice, call, arguments });
                    }
                }
                event => {
                    self.end(&event, events);
                    events.push(event);
                }
            }
        }
    }

    fn push(&mut self, choice: u32, call: Option<u32>, piece: &str) -> String {
        let at = match self.open.iter().position(|(of, number, ..)| (*of, *number) == (choice, call)) {
            Some(at) => at,
            None => {
                let purpose = if call.is_some() { Purpose::Arguments } else { Purpose::Answer };
                let all = (self.healing.schema.is_some() && call.is_none()).then(String::new);
                self.open.push((choice, call, Healer::new(purpose, self.healing.max_depth), all));
                self.open.len() - 1
            }
        };
        let mut said = String::new();
        if let Some((_, _, healer, all)) = self.open.get_mut(at) {
            healer.push(piece, &mut said);
            gather(all, &said);
        }
        said
    }

    /// Ends the texts that end before an event.
    fn end(&mut self, event: &StreamEvent, out: &mut Vec<StreamEvent>) {
        let (ends_all, cut, fails) = match event {
            StreamEvent::ToolCallStart { .. } | StreamEvent::PartEnd { .. } => (false, false, false),
            StreamEvent::Finish { finish, .. } => {
                (false, matches!(finish.reason, FinishReason::Length | FinishReason::ContextWindow), false)
            }
            StreamEvent::End => (true, false, false),
            StreamEvent::Error(_) => (true, false, true),
            _ => return,
        };
        let is_meant = |choice: u32| ends_all || event.choice() == Some(choice);
        let (ending, open): (Vec<Open>, _) =
            std::mem::take(&mut self.open).into_iter().partition(|(choice, ..)| is_meant(*choice));
        self.open = open;
        for open in ending {
            let is_left = fails || cut && open.1.is_some();
            self.close(open, is_left, out);
        }
    }

    fn close(
        &mut self,
        (choice, call, mut healer, mut all): Open,
        is_left: bool,
        out: &mut Vec<StreamEvent>,
    ) {
        let mut text = String::new();
        let report = if is_left { healer.give_up(&mut text) } else { healer.finish(&mut text) };
        self.tally.add(&report);
        gather(&mut all, &text);
        if let Some(all) = &all {
            self.tally.judge(all, &self.healing);
        }
        if text.is_empty() {
            return;
        }
        out.push(match call {
            Some(call) => StreamEvent::ToolCallArguments { choice, call, arguments: text },
            None => StreamEvent::Text { choice, text, logprobs: None },
        });
    }

    /// What was written, with the status where the answer ends in it.
    pub fn told(&self, said: &mut Vec<u8>) {
        let status = self.tally.record().status;
        if !self.tells || !self.healing.is_explicit && status == HealStatus::Skipped {
            return;
        }
        if let Some(told) = chunks_with_status(said, status) {
            *said = told;
        }
    }
}
