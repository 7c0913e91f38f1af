//! Ties results to calls where neither has an id.
//!
//! In: the calls and results of a conversation, in order. Out: an id for each. Those that come with one keep it; the
//! others are counted, so that the same conversation has the same ids when it comes again with one more turn.

use std::collections::{HashMap, HashSet, VecDeque};

/// What is known of the conversation so far.
#[derive(Default)]
pub(super) struct Calls {
    next: u64,
    known: HashSet<String>,
    answered: HashSet<String>,
    /// Calls that wait for a result, by name, in order.
    open: HashMap<String, VecDeque<String>>,
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
        }
        let id = id.unwrap_or_else(|| self.make());
        self.known.insert(id.clone());
        self.open.entry(name.to_owned()).or_default().push_back(id.clone());
        id
    }

    /// The id of the call that a result answers: the one it names, else the first of that name without a result.
    pub(super) fn result(&mut self, id: Option<String>, name: &str) -> String {
        let id = match id {
            Some(id) if self.known.contains(&id) => id,
            id => self.first_open(name).or(id).unwrap_or_else(|| self.make()),
        };
        self.answered.insert(id.clone());
        id
    }

    fn first_open(&mut self, name: &str) -> Option<String> {
        let open = self.open.get_mut(name)?;
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

#[cfg(test)]
mod tests {
    use super::*;

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
