//! Smooth weighted rotation, computed once.
//!
//! In: things with weights. Out: which one is first for the next exchange, and the others after it. Taking a
//! turn is one atomic addition; it never locks and never allocates.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Longest turn: weights are scaled down to fit, so memory and set-up time are bounded.
const LONGEST_TURN: u64 = 1024;

/// Things in smooth weighted rotation: `order` is one whole turn as indexes, interleaved by weight.
#[derive(Debug)]
pub struct Rotation<T> {
    items: Vec<T>,
    order: Vec<u16>,
    cursor: AtomicUsize,
}

impl<T> Rotation<T> {
    /// Things with their weights; a weight of 0 counts as 1. Only the first 1024 can be first in a turn.
    pub fn new(weighted: impl IntoIterator<Item = (T, u32)>) -> Self {
        let (items, weights): (Vec<T>, Vec<u32>) = weighted.into_iter().unzip();
        let order = interleave(&reduce(&weights));
        Self { items, order, cursor: AtomicUsize::new(0) }
    }

    /// Things that share equally.
    pub fn even(items: impl IntoIterator<Item = T>) -> Self {
        Self::new(items.into_iter().map(|item| (item, 1)))
    }

    /// The same rotation over other items, each made from one of these, with the turn where it was.
    pub fn map<U>(&self, make: impl FnMut(&T) -> U) -> Rotation<U> {
        let items = self.items.iter().map(make).collect();
        let cursor = AtomicUsize::new(self.cursor.load(Ordering::Relaxed));
        Rotation { items, order: self.order.clone(), cursor }
    }

    /// The items in the order in which they were declared.
    pub fn items(&self) -> &[T] {
        &self.items
    }

    /// Takes a turn: the index of the item that is first this time (0 when there is none).
    pub fn next(&self) -> usize {
        match self.order.len() {
            0 | 1 => 0,
            length => {
                let turn = self.cursor.fetch_add(1, Ordering::Relaxed) % length;
                self.order.get(turn).copied().map_or(0, usize::from)
            }
        }
    }

    /// All items, each once, beginning with the one at `start`: for "try the next".
    pub fn starting_at(&self, start: usize) -> impl Iterator<Item = &T> {
        let (before, after) = self.items.split_at(start.min(self.items.len()));
        after.iter().chain(before)
    }

    /// Takes a turn and gives all items, each once, beginning with the one whose turn it is.
    pub fn turn(&self) -> impl Iterator<Item = &T> {
        self.starting_at(self.next())
    }
}

/// The smallest weights in (nearly) the same proportion whose sum is at most [`LONGEST_TURN`].
fn reduce(weights: &[u32]) -> Vec<u64> {
    let kept = weights.iter().take(LONGEST_TURN as usize);
    let weights: Vec<u64> = kept.map(|weight| u64::from(*weight).max(1)).collect();
    let divisor = weights.iter().copied().fold(0, greatest_common_divisor).max(1);
    let mut weights: Vec<u64> = weights.iter().map(|weight| weight / divisor).collect();
    // Scaling down keeps at least 1 each, which may push the sum over again: the largest give way.
    let sum: u64 = weights.iter().sum();
    if sum > LONGEST_TURN {
        weights.iter_mut().for_each(|weight| *weight = (*weight * LONGEST_TURN / sum).max(1));
    }
    let mut excess = weights.iter().sum::<u64>().saturating_sub(LONGEST_TURN);
    while excess > 0 {
        let Some(largest) = weights.iter_mut().max() else { break };
        *largest -= 1;
        excess -= 1;
    }
    weights
}

fn greatest_common_divisor(left: u64, right: u64) -> u64 {
    if right == 0 { left } else { greatest_common_divisor(right, left % right) }
}

/// One turn in which each index appears `weight` times, spread as evenly as whole steps allow.
fn interleave(weights: &[u64]) -> Vec<u16> {
    let total: i64 = weights.iter().map(|weight| *weight as i64).sum();
    let mut credit = vec![0_i64; weights.len()];
    let mut order = Vec::with_capacity(total.unsigned_abs() as usize);
    for _ in 0..total {
        let mut best: Option<(usize, i64)> = None;
        for (index, (held, weight)) in credit.iter_mut().zip(weights).enumerate() {
            *held += *weight as i64;
            if best.is_none_or(|(_, most)| *held > most) {
                best = Some((index, *held));
            }
        }
        let Some((index, _)) = best else { break };
        if let Some(held) = credit.get_mut(index) {
            *held -= total;
        }
        order.push(index as u16);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn firsts(rotation: &Rotation<char>, turns: usize) -> String {
        (0..turns).filter_map(|_| rotation.turn().next()).collect()
    }

    #[test]
    fn weights_are_interleaved_not_clumped() {
        let rotation = Rotation::new([('a', 50), ('b', 10), ('c', 10)]);
        assert_eq!(firsts(&rotation, 14), "aabacaaaabacaa");
    }

    #[test]
    fn others_follow_each_once() {
        let rotation = Rotation::even(['a', 'b', 'c']);
        let all: Vec<String> = (0..4).map(|_| rotation.turn().collect()).collect();
        assert_eq!(all, ["abc", "bca", "cab", "abc"]);
    }

    #[test]
    fn nothing_to_rotate() {
        let rotation = Rotation::<char>::even([]);
        assert_eq!((rotation.next(), rotation.turn().count()), (0, 0));
    }

    proptest! {
        #[test]
        fn turns_are_bounded_and_everyone_is_served(weights in prop::collection::vec(any::<u32>(), 1..200)) {
            let rotation = Rotation::new(weights.iter().copied().enumerate());
            prop_assert!(rotation.order.len() <= LONGEST_TURN as usize);
            for index in 0..weights.len() {
                prop_assert!(rotation.order.contains(&(index as u16)));
            }
        }
    }
}
