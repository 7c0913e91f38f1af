//! One text of a stream: pieces that come, and what of each may go on.
//!
//! In: pieces, each with the place in the stream where it stands. Out: a decision for each: it goes on as it is, or says
//! this instead. A piece waits only while what it ends with is not certain; once something was changed nothing waits, and
//! what is not certain goes with the piece after it.

use std::collections::VecDeque;

use yumen_llm::heal::{Healer, Purpose, Report};

/// A longer text is not kept.
const KEPT_MOST: usize = 16 << 20;

/// A place in the stream: the number of its event, and of its text in it.
pub(super) type Place = (u64, usize);

/// What becomes of a piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    Same,
    Says(String),
}

/// One text that is being repaired.
#[derive(Debug)]
pub(super) struct Piecewise {
    healer: Healer,
    waiting: VecDeque<(Place, String)>,
    /// What may go on and has not been given to a piece.
    certain: String,
    /// All that has gone on, where it will be said once more.
    pub(super) all: Option<String>,
    /// How many edits there were when nothing was waiting.
    edits: usize,
    /// Whether something was held back past the piece it came with.
    is_behind: bool,
    pub(super) is_over: bool,
}

impl Piecewise {
    pub(super) fn new(purpose: Purpose, max_depth: usize, keeps: bool) -> Self {
        Self {
            healer: Healer::new(purpose, max_depth),
            waiting: VecDeque::new(),
            certain: String::new(),
            all: keeps.then(String::new),
            edits: 0,
            is_behind: false,
            is_over: false,
        }
    }

    /// Takes the piece at `place`.
    pub(super) fn push(&mut self, place: Place, piece: String, decided: &mut impl FnMut(Place, Decision)) {
        let before = self.certain.len();
        if self.is_over {
            self.certain.push_str(&piece);
        } else {
            self.healer.push(&piece, &mut self.certain);
        }
        self.keep(before);
        self.waiting.push_back((place, piece));
        if self.healer.holds() && !self.is_over && !self.is_behind && self.healer.edits() == self.edits {
            self.let_go_unchanged(decided);
        } else {
            self.decide_all(decided);
        }
    }

    /// Ends the text; gives what was done, and what no piece is left to say. One that was cut off at a limit is not closed
    /// where half a value must not be used.
    pub(super) fn end(
        &mut self,
        is_left: bool,
        decided: &mut impl FnMut(Place, Decision),
    ) -> (Option<Report>, String) {
        let before = self.certain.len();
        let report = (!self.is_over).then(|| match is_left {
            true => self.healer.give_up(&mut self.certain),
            false => self.healer.finish(&mut self.certain),
        });
        self.is_over = true;
        self.keep(before);
        self.decide_all(decided);
        (report, std::mem::take(&mut self.certain))
    }

    fn keep(&mut self, before: usize) {
        if let (Some(all), Some(fresh)) = (&mut self.all, self.certain.get(before..)) {
            all.push_str(fresh);
        }
        // What says it once more could not be longer than an event either.
        self.all.take_if(|all| all.len() > KEPT_MOST);
    }

    /// Nothing has changed: pieces of which all is certain go on.
    fn let_go_unchanged(&mut self, decided: &mut impl FnMut(Place, Decision)) {
        while let Some((place, piece)) = self.waiting.front() {
            if !self.certain.starts_with(piece.as_str()) {
                break;
            }
            decided(*place, Decision::Same);
            self.certain.drain(..piece.len());
            self.waiting.pop_front();
        }
    }

    /// Shares what is certain among all that wait: each keeps as much of itself as it can, the last says the rest.
    fn decide_all(&mut self, decided: &mut impl FnMut(Place, Decision)) {
        while let Some((place, piece)) = self.waiting.pop_front() {
            let is_last = self.waiting.is_empty();
            let length = if is_last { self.certain.len() } else { common(&self.certain, &piece) };
            let says: String = self.certain.drain(..length).collect();
            decided(place, if says == piece { Decision::Same } else { Decision::Says(says) });
        }
        self.is_behind = self.healer.holds();
        self.edits = self.healer.edits();
    }
}

/// How much two texts have in common at their beginning.
fn common(one: &str, other: &str) -> usize {
    let pairs = one.chars().zip(other.chars());
    pairs.take_while(|(one, other)| one == other).map(|(c, _)| c.len_utf8()).sum()
}
