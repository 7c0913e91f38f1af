//! The machine: what has been read, what is open, what is held back.
//!
//! In: pieces of a text. Out: what of it is certain. Held back are a comma until something follows it, a key until its
//! value begins, a word until it ends, and a quote until it is known whether it ends its text.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Purpose;
use super::edit::{EditKind, Report, Status};
use super::look::Look;
use super::sign::{Container, Delimiter};

/// What is held back is never more than this: white space behind a comma, digits of one number, text before a document.
pub(super) const HELD_MOST: usize = 64 * 1024;

/// Where the machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Before the document.
    Before,
    /// Where a key must come, or the end of an object.
    Key,
    /// Behind a key.
    Colon,
    /// Where a value must come.
    Value,
    /// Behind a value.
    After,
    /// Inside a text.
    Text,
    /// Behind the document.
    Behind,
    /// What still comes is left out.
    Dropped,
    /// Given up: everything passes as it is.
    Raw,
}

/// What is left out until its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comment {
    Line,
    Block,
}

/// A text that is being read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text {
    pub(super) delimiter: Delimiter,
    /// Whether it is a key, too long to be read at once.
    pub(super) is_key: bool,
    pub(super) is_empty: bool,
    /// Quotes inside it that were escaped.
    pub(super) inner_quotes: usize,
}

/// One open bracket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    pub(super) container: Container,
    /// Where it was written.
    pub(super) written_at: usize,
}

/// Whether a step went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Moved,
    /// What has come is not enough to go on.
    Waits,
}

/// Repairs a text piece by piece. What has flowed out is never taken back.
#[derive(Debug)]
pub struct Healer {
    pub(super) purpose: Purpose,
    max_depth: usize,
    /// Whether all of the text is known from the beginning.
    pub(super) whole: bool,
    pub(super) last: bool,
    input: String,
    at: usize,
    base: usize,
    pub(super) out: String,
    /// A comma and a key, held back until the value behind them begins.
    pub(super) head: String,
    pub(super) stack: Vec<Level>,
    pub(super) objects: usize,
    pub(super) place: Place,
    pub(super) text: Text,
    pub(super) comment: Option<Comment>,
    /// How much of what waits has been looked at already.
    pub(super) looked: usize,
    /// Of a whole text: opening brackets less closing ones.
    pub(super) balance: isize,
    /// Where the latest element of an array was written, the comma before it included, when it is a text.
    pub(super) element: Option<(usize, usize)>,
    /// Whether the key before the value that must come has flowed out.
    pub(super) key_is_out: bool,
    pub(super) report: Report,
    stray_until: Option<usize>,
    steps: AtomicU64,
}

impl Healer {
    /// For a text that comes in pieces.
    pub fn new(purpose: Purpose, max_depth: usize) -> Self {
        let text = Text { delimiter: Delimiter::Double, is_key: false, is_empty: true, inner_quotes: 0 };
        Self {
            purpose,
            max_depth,
            whole: false,
            last: false,
            input: String::new(),
            at: 0,
            base: 0,
            out: String::new(),
            head: String::new(),
            stack: Vec::new(),
            objects: 0,
            place: Place::Before,
            text,
            comment: None,
            looked: 0,
            balance: 0,
            element: None,
            key_is_out: false,
            report: Report::default(),
            stray_until: None,
            steps: AtomicU64::new(0),
        }
    }

    /// For a text that comes as one piece.
    pub(super) fn whole(purpose: Purpose, max_depth: usize) -> Self {
        Self { whole: true, last: true, ..Self::new(purpose, max_depth) }
    }

    /// Takes a piece and appends to `out` what is certain.
    pub fn push(&mut self, piece: &str, out: &mut String) {
        self.input.push_str(piece);
        self.run();
        let rest = self.input.len() - self.at;
        self.input.drain(..self.at);
        debug_assert_eq!(self.input.len(), rest);
        self.base += self.at;
        self.at = 0;
        if self.whole {
            return;
        }
        out.push_str(&self.out);
        self.out.clear();
    }

    /// Appends what closes the text, and says what was done.
    pub fn finish(&mut self, out: &mut String) -> Report {
        self.last = true;
        self.run();
        match self.place {
            Place::Before => self.lone_value(),
            Place::Raw => {}
            _ => self.close_all(),
        }
        out.push_str(&self.out);
        self.out.clear();
        let mut report = std::mem::take(&mut self.report);
        if report.status != Status::Failed && report.count > 0 {
            report.status = Status::Healed;
        }
        report
    }

    /// Ends the text as it is: nothing is closed or put in any more.
    pub fn give_up(&mut self, out: &mut String) -> Report {
        self.fail();
        self.run();
        out.push_str(&self.out);
        self.out.clear();
        std::mem::take(&mut self.report)
    }

    /// How many edits there have been.
    pub fn edits(&self) -> usize {
        self.report.count
    }

    /// Whether something has come that has not flowed out yet.
    pub fn holds(&self) -> bool {
        self.at < self.input.len() || !self.head.is_empty()
    }

    /// Whether the text turned out not to be repairable: everything passes as it is.
    pub fn has_failed(&self) -> bool {
        self.place == Place::Raw
    }

    /// How much was read and looked at, in steps: linear in the text's length.
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    fn run(&mut self) {
        while self.at < self.input.len() {
            if self.step() == Step::Waits {
                // At the end there is nothing to wait for.
                if self.last {
                    self.fail();
                    continue;
                }
                if self.input.len() - self.at > HELD_MOST || self.head.len() > HELD_MOST {
                    self.fail();
                    continue;
                }
                return;
            }
        }
    }

    fn step(&mut self) -> Step {
        self.has_looked(1);
        match self.place {
            Place::Before => self.before(),
            Place::Text => self.in_text(),
            Place::Behind => self.behind(),
            Place::Dropped => self.drop_rest(),
            Place::Raw => self.pass_rest(),
            Place::Key | Place::Colon | Place::Value | Place::After => self.structure(),
        }
    }

    fn drop_rest(&mut self) -> Step {
        self.consume(self.rest().len());
        Step::Moved
    }

    fn pass_rest(&mut self) -> Step {
        let rest = self.input.get(self.at..).unwrap_or_default();
        self.out.push_str(rest);
        self.at = self.input.len();
        Step::Moved
    }

    /// Gives up: what was held back and what still comes passes as it is.
    pub(super) fn fail(&mut self) -> Step {
        self.flush();
        self.place = Place::Raw;
        self.comment = None;
        self.report.status = Status::Failed;
        Step::Moved
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &str {
        self.input.get(self.at..).unwrap_or_default()
    }

    pub(super) fn next_char(&self) -> char {
        self.rest().chars().next().unwrap_or_default()
    }

    /// A look at what begins `offset` bytes ahead.
    pub(super) fn look(&self, offset: usize) -> Look<'_> {
        Look { bytes: self.rest().as_bytes(), at: offset, last: self.last, steps: &self.steps }
    }

    /// Notes how far a look went, for the count of steps.
    pub(super) fn has_looked(&mut self, bytes: usize) {
        *self.steps.get_mut() += bytes as u64;
    }

    pub(super) fn consume(&mut self, bytes: usize) {
        self.at += bytes;
        self.looked = 0;
    }

    /// Writes behind what is held back, or out when nothing is.
    pub(super) fn emit(&mut self, text: &str) {
        if self.head.is_empty() { self.out.push_str(text) } else { self.head.push_str(text) }
    }

    /// Writes the next bytes as they stand.
    pub(super) fn copy(&mut self, bytes: usize) {
        let end = self.at + bytes;
        let piece = self.input.get(self.at..end).unwrap_or_default();
        if self.head.is_empty() {
            self.out.push_str(piece)
        } else {
            self.head.push_str(piece)
        }
        self.has_looked(bytes / 16);
        self.consume(bytes);
    }

    /// Lets go what is held back.
    pub(super) fn flush(&mut self) {
        self.out.push_str(&self.head);
        self.head.clear();
    }

    pub(super) fn note(&mut self, kind: EditKind) {
        self.report.note(self.base + self.at, kind);
    }

    /// Leaves out what belongs nowhere; what follows directly belongs to the same edit.
    pub(super) fn stray(&mut self, bytes: usize) -> Step {
        if self.stray_until != Some(self.base + self.at) {
            self.note(EditKind::StrayText);
        }
        self.consume(bytes);
        self.stray_until = Some(self.base + self.at);
        Step::Moved
    }

    /// Opens a bracket, unless too many are open.
    pub(super) fn open(&mut self, container: Container) -> bool {
        if self.stack.len() >= self.max_depth {
            return false;
        }
        self.flush();
        self.stack.push(Level { container, written_at: self.out.len() });
        self.out.push(container.opener());
        self.objects += usize::from(container == Container::Object);
        self.place = if container == Container::Object { Place::Key } else { Place::Value };
        self.element = None;
        true
    }

    /// Closes the innermost bracket.
    pub(super) fn pop(&mut self) {
        let Some(level) = self.stack.pop() else { return };
        self.objects -= usize::from(level.container == Container::Object);
        self.out.push(level.container.closer());
        self.place = if self.stack.is_empty() { Place::Behind } else { Place::After };
        self.element = None;
    }

    pub(super) fn top(&self) -> Option<Container> {
        self.stack.last().map(|level| level.container)
    }

    /// Whether an object, or an array, is open.
    pub(super) fn has_open(&self, container: Container) -> bool {
        match container {
            Container::Object => self.objects > 0,
            Container::Array => self.stack.len() > self.objects,
        }
    }

    /// Ends a document whose end is missing.
    pub(super) fn close_all(&mut self) {
        if self.stack.is_empty() {
            if self.place == Place::Text {
                self.report.cut_off = true;
                self.note(EditKind::MissingQuote);
                self.end_text();
            }
            return;
        }
        let is_complete = self.place == Place::After || self.place != Place::Text && self.head.is_empty();
        if self.purpose == Purpose::Arguments && self.last && !is_complete {
            self.fail();
            return;
        }
        self.report.cut_off = true;
        if self.place == Place::Text {
            self.note(EditKind::MissingQuote);
            self.end_text();
        }
        if self.key_is_out {
            self.emit(if self.place == Place::Colon { ":null" } else { "null" });
            self.flush();
        }
        // A key whose value did not come, or a comma behind which nothing came.
        self.head.clear();
        while !self.stack.is_empty() {
            self.note(EditKind::MissingCloser);
            self.pop();
        }
    }
}
