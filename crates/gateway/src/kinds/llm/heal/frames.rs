//! Repair in a stream that passes through in its provider's own bytes.
//!
//! In: its events, one by one. Out: the same events; one whose text has to differ has that one string spliced, and what
//! closes a text comes as a copy of its latest event with that string. An event waits while its text is not certain, and
//! those behind it wait with it, so that none overtakes another.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::LazyLock;

use bytes::Bytes;
use memchr::memmem::Finder;
use smallvec::SmallVec;
use yumen_llm::dialects::{Dialect, End, TextId, Texts, codec, texts};
use yumen_llm::heal::Purpose;
use yumen_llm::json::decode_text;
use yumen_llm::sse::Frame;
use yumen_telemetry::{HealRecord, HealStatus};

use super::piece::{Decision, Piecewise};
use super::tally::{Tally, payload_with_status};
use super::wish::Healing;

/// So many events wait at most; then the text is given up.
const WAITING_MOST: usize = 4096;

/// What an event with a piece of arguments, or with their end, has in it.
static ARGUMENTS: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| [Finder::new(b"arguments"), Finder::new(b"\"partial_json\"")]);

/// Events in and out.
pub type Frames = SmallVec<[Frame; 2]>;

/// An event that may have to wait.
struct Waiting {
    /// Its number; what is put in has none.
    number: Option<u64>,
    frame: Frame,
    /// Its texts, and what each says in place of its own.
    spans: SmallVec<[(Range<usize>, Option<String>); 1]>,
    /// Texts that are not decided.
    open: usize,
    /// Whether it ends an answer of OpenAI's chat, and tells the status.
    tells: bool,
}

/// The latest event of a text.
struct Latest {
    place: (u64, usize),
    frame: Frame,
    span: Range<usize>,
}

/// Repairs the texts of a stream.
pub struct FrameHealer {
    dialect: Dialect,
    healing: Healing,
    texts: Vec<(TextId, Piecewise, Option<Latest>)>,
    waiting: VecDeque<Waiting>,
    /// How many events have come.
    count: u64,
    tally: Tally,
}

impl FrameHealer {
    /// For a stream in this dialect.
    pub fn new(dialect: Dialect, healing: Healing) -> Self {
        let (texts, waiting) = (Vec::new(), VecDeque::new());
        Self { dialect, healing, texts, waiting, count: 0, tally: Tally::default() }
    }

    /// What was done so far.
    pub fn record(&self) -> &HealRecord {
        self.tally.record()
    }

    /// Takes an event; gives those that may go on. With the last one all texts end.
    pub fn push(&mut self, frame: Frame, is_last: bool, out: &mut Frames) {
        let Some(data) = frame.data.clone() else {
            // Signs of life wait for nothing.
            out.push(frame);
            return;
        };
        let is_quiet = !self.healing.text && self.texts.is_empty() && self.waiting.is_empty();
        if is_quiet && ARGUMENTS.iter().all(|finder| finder.find(&data).is_none()) {
            out.push(frame);
            return;
        }
        let mut found = texts(self.dialect, &data);
        let Healing { text, arguments, .. } = self.healing;
        found.spans.retain(|span| if span.text.is_arguments { arguments } else { text });
        if is_last {
            found.ends.push(End::All);
        }
        self.take(frame, &data, found);
        if self.waiting.len() > WAITING_MOST {
            self.give_up();
        }
        self.let_go(out);
    }

    /// Ends all texts, and lets all go that waits.
    pub fn finish(&mut self, out: &mut Frames) {
        self.end(&[End::All], self.waiting.len());
        self.let_go(out);
    }

    /// The stream has failed: what waits goes as it is, and nothing is put in.
    pub fn abandon(&mut self, out: &mut Frames) {
        self.give_up();
        self.let_go(out);
    }

    fn take(&mut self, frame: Frame, data: &Bytes, found: Texts) {
        let number = self.count;
        self.count += 1;
        let ends_choice = found.ends.iter().any(|end| matches!(end, End::Choice(..)));
        let spans = found.spans.iter().map(|span| (span.at.clone(), None)).collect();
        let open = found.spans.len();
        let tells = self.dialect == Dialect::OpenAiChat && ends_choice;
        self.waiting.push_back(Waiting { number: Some(number), frame: frame.clone(), spans, open, tells });
        for (index, span) in found.spans.iter().enumerate() {
            let Some(string) = data.get(span.at.clone()) else { continue };
            let said = decode_text(string).into_owned();
            if span.is_all {
                self.end(&[End::Text(span.text)], self.waiting.len() - 1);
                let known = self.texts.iter().find(|(id, ..)| *id == span.text);
                let all = known.and_then(|(_, text, _)| text.all.clone()).filter(|all| *all != said);
                let decision = all.map_or(Decision::Same, Decision::Says);
                decide(&mut self.waiting, (number, index), decision);
                continue;
            }
            let at = self.text(span.text);
            let waiting = &mut self.waiting;
            if let Some((_, text, latest)) = self.texts.get_mut(at) {
                text.push((number, index), said, &mut |place, decision| decide(waiting, place, decision));
                *latest =
                    Some(Latest { place: (number, index), frame: frame.clone(), span: span.at.clone() });
            }
        }
        self.end(&found.ends, self.waiting.len() - 1);
    }

    /// The place of a text among those known.
    fn text(&mut self, id: TextId) -> usize {
        if let Some(at) = self.texts.iter().position(|(known, ..)| *known == id) {
            return at;
        }
        let purpose = if id.is_arguments { Purpose::Arguments } else { Purpose::Answer };
        let is_judged = self.healing.schema.is_some() && !id.is_arguments;
        let keeps = self.dialect == Dialect::OpenAiResponses || is_judged;
        self.texts.push((id, Piecewise::new(purpose, self.healing.max_depth, keeps), None));
        self.texts.len() - 1
    }

    /// Ends texts; what closes them is put in before the event at `before`.
    fn end(&mut self, ends: &[End], mut before: usize) {
        for end in ends {
            for at in 0..self.texts.len() {
                let Some((id, text, latest)) = self.texts.get_mut(at) else { continue };
                let (is_meant, is_cut) = match *end {
                    End::Text(meant) => (meant == *id, false),
                    End::Choice(choice, is_cut) => (choice == id.choice, is_cut),
                    End::All => (true, false),
                };
                if !is_meant || text.is_over {
                    continue;
                }
                let waiting = &mut self.waiting;
                let is_left = is_cut && id.is_arguments;
                let (report, rest) =
                    text.end(is_left, &mut |place, decision| decide(waiting, place, decision));
                if let Some(report) = report {
                    self.tally.add(&report);
                    if let Some(all) = text.all.as_deref().filter(|_| !id.is_arguments) {
                        self.tally.judge(all, &self.healing);
                    }
                }
                let Some(latest) = latest.take().filter(|_| !rest.is_empty()) else { continue };
                if !add(waiting, &latest, &rest) {
                    let Latest { frame, span, .. } = latest;
                    let spans = SmallVec::from_iter([(span, Some(rest))]);
                    self.waiting
                        .insert(before, Waiting { number: None, frame, spans, open: 0, tells: false });
                    before += 1;
                }
            }
        }
    }

    fn give_up(&mut self) {
        for (_, text, _) in &mut self.texts {
            let waiting = &mut self.waiting;
            let (report, _) = text.end(true, &mut |place, decision| decide(waiting, place, decision));
            if let Some(report) = report {
                self.tally.add(&report);
            }
        }
    }

    fn let_go(&mut self, out: &mut Frames) {
        while self.waiting.front().is_some_and(|waiting| waiting.open == 0) {
            let Some(waiting) = self.waiting.pop_front() else { break };
            out.push(self.written(waiting));
        }
    }

    /// The event with what it says now; its own bytes where that is the same.
    fn written(&self, waiting: Waiting) -> Frame {
        let Waiting { frame, spans, tells, .. } = waiting;
        let status = self.tally.record().status;
        let tells = tells && (self.healing.is_explicit || status != HealStatus::Skipped);
        let Some(data) = frame.data.clone().filter(|_| tells || spans.iter().any(|(_, says)| says.is_some()))
        else {
            return frame;
        };
        let mut payload = Vec::with_capacity(data.len() + 32);
        let mut copied = 0;
        for (span, says) in spans {
            let Some(says) = says else { continue };
            payload.extend_from_slice(data.get(copied..span.start).unwrap_or_default());
            payload.extend_from_slice(serde_json::Value::from(says).to_string().as_bytes());
            copied = span.end;
        }
        payload.extend_from_slice(data.get(copied..).unwrap_or_default());
        if let Some(told) = tells.then(|| payload_with_status(&payload, status)).flatten() {
            payload = told;
        }
        let raw = respelt(&frame, &data, &payload).unwrap_or_else(|| {
            let mut raw = Vec::with_capacity(payload.len() + 24);
            codec(self.dialect).outline().framing.write(&frame.event, &payload, &mut raw);
            raw
        });
        Frame { raw: raw.into(), event: frame.event, data: Some(payload.into()) }
    }
}

/// The event's own bytes around another payload, where the payload stands in one piece in them.
fn respelt(frame: &Frame, data: &Bytes, payload: &[u8]) -> Option<Vec<u8>> {
    let start = data.as_ptr().addr().checked_sub(frame.raw.as_ptr().addr())?;
    let (before, rest) = frame.raw.split_at_checked(start)?;
    let after = rest.strip_prefix(&**data)?;
    Some([before, payload, after].concat())
}

fn decide(waiting: &mut VecDeque<Waiting>, (number, index): (u64, usize), decision: Decision) {
    // Decisions come in the order of the events: nearly always it is the first.
    let Some(waiting) = waiting.iter_mut().find(|waiting| waiting.number == Some(number)) else { return };
    waiting.open = waiting.open.saturating_sub(1);
    if let (Some((_, says)), Decision::Says(text)) = (waiting.spans.get_mut(index), decision) {
        *says = Some(text);
    }
}

/// Adds to what the latest event of a text says, while that is still here.
fn add(waiting: &mut VecDeque<Waiting>, latest: &Latest, rest: &str) -> bool {
    let (number, index) = latest.place;
    let here = waiting.iter_mut().rev().find(|waiting| waiting.number == Some(number));
    let Some((span, says)) = here.and_then(|waiting| waiting.spans.get_mut(index)) else { return false };
    let own = || Some(decode_text(latest.frame.data.as_ref()?.get(span.clone())?).into_owned());
    let says: &mut String = match says {
        Some(says) => says,
        None => says.insert(own().unwrap_or_default()),
    };
    says.push_str(rest);
    true
}
