//! Exchanges that are open in simulated time: what deployments are learnt to do becomes known when each ends.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::health::Opened;

/// Exchanges that may be open at the same time; of more the first ends early.
const OPEN_MOST: usize = 65_536;

/// How an exchange ends at a deployment.
#[derive(Debug, Clone, Copy)]
pub enum How {
    /// It is answered.
    Answered {
        /// To the first token, of a stream.
        first_us: Option<u64>,
        /// To the end.
        total_us: u64,
        /// Tokens, as far as they were counted.
        output: u64,
    },
    /// It fails in a way that tells of the deployment.
    Failed,
    /// It ends, which tells nothing but that the deployment has answered.
    Left,
    /// It ends before an answer, and tells nothing.
    Untold,
}

#[derive(Debug)]
struct Ending {
    at_ms: u64,
    number: u64,
    opened: Opened,
    how: How,
}

/// Those that are open, the one that ends first before the others.
#[derive(Debug, Default)]
pub struct Endings {
    open: BinaryHeap<Reverse<Ending>>,
    number: u64,
}

impl Endings {
    /// An exchange will end so.
    pub fn add(&mut self, at_ms: u64, opened: Opened, how: How) {
        if self.open.len() >= OPEN_MOST
            && let Some(Reverse(first)) = self.open.pop()
        {
            first.end();
        }
        self.number += 1;
        self.open.push(Reverse(Ending { at_ms, number: self.number, opened, how }));
    }

    /// Lets everything end that has ended by now.
    pub fn pass(&mut self, now_ms: u64) {
        while self.open.peek().is_some_and(|Reverse(first)| first.at_ms <= now_ms) {
            let Some(Reverse(first)) = self.open.pop() else { return };
            first.end();
        }
    }
}

impl Ending {
    fn end(mut self) {
        let at_ms = self.at_ms;
        match self.how {
            How::Answered { first_us, total_us, output } => {
                self.opened.answered(at_ms);
                if let Some(first_us) = first_us {
                    self.opened.first_token(at_ms, first_us);
                }
                let spent_us = total_us.saturating_sub(first_us.unwrap_or(0));
                self.opened.completed(at_ms, total_us, output, spent_us);
            }
            How::Failed => self.opened.failed(at_ms, None),
            How::Left => {
                self.opened.answered(at_ms);
                self.opened.left(at_ms);
            }
            How::Untold => {}
        }
    }
}

impl PartialEq for Ending {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ending {}

impl PartialOrd for Ending {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ending {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at_ms, self.number).cmp(&(other.at_ms, other.number))
    }
}
