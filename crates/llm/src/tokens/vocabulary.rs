//! A vocabulary of byte pairs, and how many of its tokens a piece of text is.
//!
//! In: a packed vocabulary, and pieces as the splitter cuts them. Out: counts that are the same as if the pairs had been
//! merged one after the other, in time that grows with the text and not with its square. It never guesses: a vocabulary
//! that cannot be read is none.
//!
//! Merging pairs in the order of their ranks takes too long for a piece of a million letters. But of all ways to write a
//! text in tokens there is exactly one in which every two neighbours hold: in which merging the bytes of both would give
//! these two again. So tokens are laid from the left, the longest first; where one does not hold beside the one before
//! it a shorter one is tried, and where none is left the one before it is taken back. A place that was given up is
//! never entered again, which is what keeps the number of steps within the text's length times a token's.

mod table;

use table::{Maker, Table};

/// A token's number, which is its rank among all merges.
type Token = u32;

/// Tokens of the vocabularies that are known have at most so many bytes.
pub(super) const LONGEST: usize = 128;
/// Bytes by themselves are the first tokens.
const BYTES: u32 = 256;
/// Stands where there is no token.
const NONE: Token = u32::MAX;

/// A vocabulary that has been unpacked. The lists have an entry for each token.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// How many bytes it is.
    bytes: Vec<u8>,
    /// The two tokens that it was merged from; none of a byte.
    left_halves: Vec<Token>,
    right_halves: Vec<Token>,
    /// The next shorter token that it begins with.
    shorter: Vec<Token>,
    /// Its bytes at both ends, and the merges in which these were taken up first.
    ends: Vec<Ends>,
    /// From a place in the tree of all tokens and a byte to the place below. The places of tokens are their numbers.
    tree: Table,
    /// The place below the root for each two bytes.
    doors: Vec<u32>,
    /// From two tokens to the one that they are merged to.
    merges: Table,
}

/// A token's first and last byte, and the tokens of which these were a half.
#[derive(Debug, Clone, Copy)]
struct Ends {
    bytes: [u8; 2],
    taken: [Token; 2],
}

/// Memory that is used again from piece to piece, and how much may still be done.
#[derive(Debug, Default)]
pub(super) struct Bench {
    laid: Vec<Token>,
    given_up: Vec<u64>,
    /// How often a token was tried: the measure of the work.
    pub(super) steps: u64,
    /// How often one may be.
    pub(super) steps_most: u64,
}

/// What was counted of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Laid {
    /// How many tokens.
    pub(super) tokens: usize,
    /// How many of its bytes they are: all, unless a limit was met.
    pub(super) bytes: usize,
}

impl Bench {
    /// One on which so many steps are allowed.
    pub(super) fn with(steps_most: u64) -> Self {
        Self { steps_most, ..Self::default() }
    }
}

impl Vocabulary {
    /// Reads an unpacked file: how many tokens there are (four bytes, the highest last), for each the number of its bytes
    /// and of those of its left half, then the bytes of all of them.
    pub(super) fn read(file: &[u8]) -> Option<Self> {
        let (count, rest) = file.split_first_chunk::<4>()?;
        let count = u32::from_le_bytes(*count);
        let (sizes, mut bytes) = rest.split_at_checked(usize::try_from(count).ok()?.checked_mul(2)?)?;
        let mut tokens = Vec::with_capacity(sizes.len() / 2);
        for size in sizes.chunks_exact(2) {
            let &[length, left] = size else { return None };
            let (token, after) = bytes.split_at_checked(usize::from(length))?;
            tokens.push((token, usize::from(left)));
            bytes = after;
        }
        let is_whole = bytes.is_empty() && count >= BYTES;
        is_whole.then(|| Self::of(&tokens))?
    }

    fn of(tokens: &[(&[u8], usize)]) -> Option<Self> {
        let count = u32::try_from(tokens.len()).ok()?;
        let none = || vec![NONE; tokens.len()];
        let mut made = Self {
            bytes: vec![0; tokens.len()],
            left_halves: none(),
            right_halves: none(),
            shorter: none(),
            ends: vec![Ends { bytes: [0; 2], taken: [NONE; 2] }; tokens.len()],
            tree: Table::default(),
            doors: Vec::new(),
            merges: Table::default(),
        };
        let (mut tree, mut merges) = (Maker::for_about(tokens.len() * 9 / 4), Maker::for_about(tokens.len()));
        // What a token begins with is shorter than itself, so the shortest are planted first.
        let mut by_length: Vec<u32> = (0..count).collect();
        by_length.sort_by_key(|token| tokens.get(at(*token)).map(|(bytes, _)| bytes.len()));
        let mut places = count;
        for token in by_length {
            let (bytes, left) = *tokens.get(at(token))?;
            let (last, path) = bytes.split_last()?;
            let (mut place, mut shorter, mut halves) = (ROOT, NONE, [NONE; 2]);
            for (index, byte) in path.iter().enumerate() {
                place = tree.entry(step(place, *byte), || {
                    places += 1;
                    places - 1
                });
                if place < count {
                    shorter = place;
                }
                if index + 1 == left {
                    halves = [place, walk(|key| tree.get(key), bytes.get(left..)?)?];
                }
            }
            let is_new = tree.entry(step(place, *last), || token) == token;
            let is_merged = halves.iter().all(|half| *half < count);
            if !is_new || is_merged != (token >= BYTES) || places >= ROOT {
                return None;
            }
            let mut ends = Ends { bytes: [*bytes.first()?, *last], taken: [token; 2] };
            if is_merged {
                merges.entry(pair(halves), || token);
                // The halves are shorter, so theirs are known; a half that is a byte is taken up now.
                let [left, right] = halves.map(|half| made.ends.get(at(half)).map(|ends| ends.taken));
                ends.taken = [left?[0].min(token), right?[1].min(token)];
            } else {
                ends.taken = [NONE; 2];
            }
            *made.ends.get_mut(at(token))? = ends;
            *made.bytes.get_mut(at(token))? = u8::try_from(bytes.len()).ok()?;
            *made.shorter.get_mut(at(token))? = shorter;
            [*made.left_halves.get_mut(at(token))?, *made.right_halves.get_mut(at(token))?] = halves;
        }
        made.tree = tree.finish();
        made.merges = merges.finish();
        let door = |two: u16| walk(|key| made.tree.get(key), &two.to_be_bytes()).unwrap_or(NONE);
        made.doors = (0..=u16::MAX).map(door).collect();
        Some(made)
    }

    /// How many tokens a piece is. With a `limit` it is not read on after so many more than that, that no more text is
    /// going to bring them below it again; nor when no more steps are allowed.
    pub(super) fn count(&self, piece: &[u8], limit: usize, bench: &mut Bench) -> Laid {
        if let [_] | [_, _] = piece {
            bench.steps += 1;
            return Laid { tokens: self.count_short(piece), bytes: piece.len() };
        }
        bench.laid.clear();
        bench.given_up.clear();
        let stop = limit.saturating_add(LONGEST);
        let (mut from, mut token) = (0, self.longest(piece));
        while token != NONE && bench.laid.len() <= stop && bench.steps < bench.steps_most {
            bench.steps += 1;
            let to = from + self.length(token);
            let is_free = bench.given_up.is_empty() || !is_set(&bench.given_up, to);
            if is_free && bench.laid.last().is_none_or(|before| self.holds(*before, token)) {
                bench.laid.push(token);
                from = to;
                token = self.longest(piece.get(from..).unwrap_or_default());
                continue;
            }
            token = half(&self.shorter, token);
            if token == NONE {
                set(&mut bench.given_up, from);
                token = bench.laid.pop().unwrap_or(NONE);
                from -= self.length(token);
            }
        }
        Laid { tokens: bench.laid.len(), bytes: from }
    }

    /// A byte is a token, and of two there is nothing to be merged but both.
    fn count_short(&self, piece: &[u8]) -> usize {
        let &[first, second] = piece else { return piece.len() };
        let door = usize::from(u16::from_be_bytes([first, second]));
        if self.doors.get(door).is_some_and(|place| self.is_token(*place)) { 1 } else { 2 }
    }

    /// The longest token that a text begins with. Every byte is one, so only an empty text begins with none.
    fn longest(&self, text: &[u8]) -> Token {
        let first = || text.first().and_then(|byte| self.tree.get(step(ROOT, *byte))).unwrap_or(NONE);
        let Some((two, rest)) = text.split_first_chunk::<2>() else { return first() };
        let door = usize::from(u16::from_be_bytes(*two));
        let Some(&(mut place)) = self.doors.get(door).filter(|place| **place != NONE) else { return first() };
        let mut found = if self.is_token(place) { place } else { NONE };
        for byte in rest {
            let Some(next) = self.tree.get(step(place, *byte)) else { break };
            place = next;
            if self.is_token(place) {
                found = place;
            }
        }
        if found == NONE { first() } else { found }
    }

    /// Whether two tokens stay as they are. Most that do not are parted where they meet: there the last byte of one and the
    /// first of the other were to be merged before either was taken up. That is seen at one look.
    fn holds(&self, left: Token, right: Token) -> bool {
        let (Some(before), Some(after)) = (self.ends.get(at(left)), self.ends.get(at(right))) else {
            return false;
        };
        let door = usize::from(u16::from_be_bytes([before.bytes[1], after.bytes[0]]));
        let met = self.doors.get(door).copied().unwrap_or(NONE);
        let (left_taken, right_taken) = (before.taken[1], after.taken[0]);
        // Of two merges of the same rank the left one comes first.
        let parted = self.is_token(met) && met < left_taken && met <= right_taken;
        !parted && self.stays(left, right)
    }

    /// Whether two tokens stay as they are when their bytes are merged together: whether at no time a merge across the
    /// border would have come first. The merges are undone, the last first.
    fn stays(&self, mut left: Token, mut right: Token) -> bool {
        // Merges of a lower rank than this would have come before the one that was undone last.
        let mut before = NONE;
        loop {
            if self.merges.get(pair([left, right])).is_some_and(|merged| merged < before) {
                return false;
            }
            if left > right {
                before = left;
                left = half(&self.right_halves, left);
            } else {
                // Of two merges of the same rank the left one comes first.
                before = right + 1;
                right = half(&self.left_halves, right);
            }
            if left == NONE || right == NONE {
                return true;
            }
        }
    }

    fn is_token(&self, place: u32) -> bool {
        at(place) < self.bytes.len()
    }

    fn length(&self, token: Token) -> usize {
        self.bytes.get(at(token)).map_or(0, |bytes| usize::from(*bytes))
    }
}

/// A token that a list knows for a token.
#[inline]
fn half(list: &[Token], token: Token) -> Token {
    list.get(at(token)).copied().unwrap_or(NONE)
}

/// The root of the tree: the number of no place.
const ROOT: u32 = (1 << 24) - 1;

/// The place to which bytes lead from the root.
fn walk(get: impl Fn(u64) -> Option<u32>, bytes: &[u8]) -> Option<u32> {
    bytes.iter().try_fold(ROOT, |place, byte| get(step(place, *byte)))
}

fn step(place: u32, byte: u8) -> u64 {
    u64::from(place) << 8 | u64::from(byte)
}

fn pair([left, right]: [Token; 2]) -> u64 {
    u64::from(left) << 20 | u64::from(right)
}

#[inline]
fn at(number: u32) -> usize {
    number as usize
}

fn is_set(bits: &[u64], bit: usize) -> bool {
    bits.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
}

fn set(bits: &mut Vec<u64>, bit: usize) {
    if bits.len() <= bit / 64 {
        bits.resize(bit / 64 + 1, 0);
    }
    if let Some(word) = bits.get_mut(bit / 64) {
        *word |= 1 << (bit % 64);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The merges of pairs in the order of their ranks, one after the other, as it is defined.
    fn merged(tokens: &[Vec<u8>], text: &[u8]) -> Vec<Vec<u8>> {
        let mut parts: Vec<Vec<u8>> = text.iter().map(|byte| vec![*byte]).collect();
        let rank = |pair: &[Vec<u8>]| tokens.iter().position(|token| *token == pair.concat());
        while let Some((_, at)) =
            parts.windows(2).enumerate().filter_map(|(at, pair)| Some((rank(pair)?, at))).min()
        {
            let taken = parts.remove(at + 1);
            parts[at].extend(taken);
        }
        parts
    }

    /// A vocabulary that such pairs of earlier tokens make, beside all bytes, and its file.
    fn made(pairs: &[(usize, usize)]) -> (Vec<Vec<u8>>, Vec<u8>) {
        // Those that the texts have come first, so that they are paired.
        let mut tokens: Vec<Vec<u8>> = (0..=255_u8).map(|byte| vec![byte.wrapping_add(b'a')]).collect();
        let mut halves = vec![0; 256];
        for (left, right) in pairs {
            let pick = |at: usize| match at % 2 {
                0 => &tokens[at % 3],
                _ => &tokens[(tokens.len() - 1).min(256 + at % 40)],
            };
            let token = [pick(*left).clone(), pick(*right).clone()].concat();
            // Merging leads to two halves, as in a vocabulary that was learnt.
            let parts = merged(&tokens, &token);
            if token.len() <= 12 && parts.len() == 2 {
                halves.push(u8::try_from(parts[0].len()).unwrap());
                tokens.push(token);
            }
        }
        let mut file = u32::try_from(tokens.len()).unwrap().to_le_bytes().to_vec();
        for (token, left) in tokens.iter().zip(&halves) {
            file.extend([u8::try_from(token.len()).unwrap(), *left]);
        }
        file.extend(tokens.concat());
        (tokens, file)
    }

    proptest! {
        #[test]
        fn a_piece_is_as_many_tokens_as_merging_its_pairs_gives(
            pairs in proptest::collection::vec((0_usize..200, 0_usize..200), 0..60),
            text in proptest::collection::vec(b'a'..=b'c', 1..40),
        ) {
            let (tokens, file) = made(&pairs);
            let vocabulary = Vocabulary::read(&file).unwrap();
            let laid = vocabulary.count(&text, usize::MAX, &mut Bench::with(u64::MAX));
            prop_assert_eq!(laid, Laid { tokens: merged(&tokens, &text).len(), bytes: text.len() });
        }
    }

    #[test]
    fn a_damaged_vocabulary_is_none() {
        let (_, file) = made(&[(0, 2), (1, 1)]);
        assert!(Vocabulary::read(&file).is_some());
        for cut in [0, 3, 4, 100, file.len() - 1] {
            assert!(Vocabulary::read(&file[..cut]).is_none(), "{cut}");
        }
        let mut longer = file.clone();
        longer.push(0);
        assert!(Vocabulary::read(&longer).is_none());
        let mut of_nothing = file.clone();
        let last = 4 + 2 * (u32::from_le_bytes(file[..4].try_into().unwrap()) as usize - 1);
        of_nothing[last + 1] = 0;
        assert!(Vocabulary::read(&of_nothing).is_none(), "a token without halves");
    }

    #[test]
    fn counting_ends_at_its_limits() {
        let (_, file) = made(&[]);
        let vocabulary = Vocabulary::read(&file).unwrap();
        let text = vec![b'a'; 1000];
        let laid = vocabulary.count(&text, 10, &mut Bench::with(u64::MAX));
        assert_eq!(laid, Laid { tokens: 11 + LONGEST, bytes: 11 + LONGEST });
        assert_eq!(vocabulary.count(&text, usize::MAX, &mut Bench::with(7)), Laid { tokens: 7, bytes: 7 });
        assert_eq!(vocabulary.count(b"", 10, &mut Bench::with(7)), Laid { tokens: 0, bytes: 0 });
    }
}
