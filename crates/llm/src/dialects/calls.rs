//! Ids of calls in dialects that can do without: of a conversation's calls and results, and of an answer's calls.
//!
//! In: calls and results, in order. Out: an id for each. Those that come with one keep it. The others of a conversation
//! are counted, so that it has the same ids when it comes again with one more turn; those of an answer are told apart
//! from the calls of all other answers.

use std::collections::{HashMap, HashSet, VecDeque};

/// What is known of the conversation so far.
#[derive(Default)]
pub(super) struct Calls {
    next: u64,
    known: HashSet<String>,
    answered: HashSet<String>,
    /// Calls that wait for a result, by name, in order.
    open: HashMap<String, VecDeque<String>>,
    /// The same of any name, for results that do not say whose they are.
    row: VecDeque<String>,
    /// Whether someone else has spoken since the model called: what it calls now has nothing to do with what it
    /// called before.
    stale: bool,
}

impl Calls {
    /// Another than the model speaks.
    pub(super) fn interrupt(&mut self) {
        self.stale = true;
    }

    /// The id of a call.
    pub(super) fn call(&mut self, id: Option<String>, name: &str) -> String {
        if std::mem::take(&mut self.stale) {
            self.open.clear();
            self.row.clear();
        }
        let id = id.unwrap_or_else(|| self.make());
        self.known.insert(id.clone());
        self.open.entry(name.to_owned()).or_default().push_back(id.clone());
        self.row.push_back(id.clone());
        id
    }

    /// The id of the call that a result answers: the one it names, else the first of that name without a result; where
    /// it names neither, the first of all.
    pub(super) fn result(&mut self, id: Option<String>, name: &str) -> String {
        let id = match id {
            Some(id) if self.known.contains(&id) => id,
            id => self.first_open(name).or(id).unwrap_or_else(|| self.make()),
        };
        self.answered.insert(id.clone());
        id
    }

    fn first_open(&mut self, name: &str) -> Option<String> {
        let open = if name.is_empty() { &mut self.row } else { self.open.get_mut(name)? };
        while let Some(id) = open.pop_front() {
            if !self.answered.contains(&id) {
                return Some(id);
            }
        }
        None
    }

    fn make(&mut self) -> String {
        loop {
            let id = format!("call_{}", self.next);
            self.next += 1;
            if !self.known.contains(&id) {
                return id;
            }
        }
    }
}

/// Ids for calls that come without: unique in the answer, and different from answer to answer, since a conversation
/// holds the calls of many.
#[derive(Default)]
pub(super) struct CallIds {
    answer: Option<String>,
    next: u64,
}

impl CallIds {
    /// Learns the answer's own id; the bytes that a call came in stand in for it.
    pub(super) fn answer(&mut self, id: Option<&str>) {
        if self.answer.is_none() {
            self.answer = id.map(str::to_owned);
        }
    }

    pub(super) fn make(&mut self, seed: &[u8]) -> String {
        let answer = self.answer.get_or_insert_with(|| format!("{:016x}", hash(seed)));
        let id = format!("call_{answer}_{}", self.next);
        self.next += 1;
        id
    }
}

/// FNV-1a: the same bytes always give the same id.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_without_names_go_to_calls_in_order() {
        let mut calls = Calls::default();
        for name in ["f", "g", "f"] {
            calls.call(None, name);
        }
        calls.interrupt();
        assert_eq!(calls.result(None, "g"), "call_1");
        assert_eq!(["", "", ""].map(|name| calls.result(None, name)), ["call_0", "call_2", "call_3"]);
    }

    #[test]
    fn results_without_ids_go_to_calls_of_their_name_in_order() {
        let mut calls = Calls::default();
        let made: Vec<String> = ["f", "g", "f"].map(|name| calls.call(None, name)).into();
        assert_eq!(made, ["call_0", "call_1", "call_2"]);
        calls.interrupt();
        assert_eq!(calls.result(None, "f"), "call_0");
        assert_eq!(calls.result(Some("foreign".to_owned()), "f"), "call_2");
        assert_eq!(calls.result(None, "f"), "call_3", "of a call that no one has seen");
        assert_eq!(calls.call(Some("mine".to_owned()), "g"), "mine");
        calls.interrupt();
        assert_eq!(calls.result(None, "g"), "mine", "not the older call that was never answered");
        assert_eq!(calls.call(Some("call_4".to_owned()), "h"), "call_4");
        assert_eq!(calls.call(None, "h"), "call_5", "an id that is taken is left out");
        assert_eq!(calls.result(Some("call_5".to_owned()), "h"), "call_5");
        assert_eq!(calls.result(None, "h"), "call_4");
    }
}
