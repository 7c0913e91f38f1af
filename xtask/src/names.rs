//! Near names: what somebody may have meant.
//!
//! In: a word and the words that exist. Out: the nearest, if one is near enough. It never guesses wildly.

/// The candidate that is at most two edits (or a third of the word) away.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).clamp(1, 2);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(edits, _)| *edits <= limit)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Edit distance in which swapping two neighbours counts once (optimal string alignment).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    let mut last = None;
    for (line, here) in left.chars().enumerate() {
        let mut next = vec![line + 1];
        for (column, there) in right.iter().enumerate() {
            let at = |cells: &[usize], index: usize| cells.get(index).copied().unwrap_or(usize::MAX - 1);
            let changed = at(&row, column) + usize::from(here != *there);
            let mut best = changed.min(at(&row, column + 1) + 1).min(at(&next, column) + 1);
            let swapped = column > 0 && last == Some(*there) && right.get(column - 1) == Some(&here);
            if swapped {
                best = best.min(at(&before, column - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
        last = Some(here);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits_and_swaps() {
        assert_eq!(distance("test", "test"), 0);
        assert_eq!(distance("tets", "test"), 1);
        assert_eq!(distance("chek", "check"), 1);
        assert_eq!(distance("", "gen"), 3);
    }

    #[test]
    fn is_silent_when_nothing_is_near() {
        assert_eq!(nearest("deploy", ["run", "test"]), None);
        assert_eq!(nearest("fuz", ["run", "fuzz"]), Some("fuzz"));
    }
}
