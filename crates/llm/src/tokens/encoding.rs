//! Counting with the vocabularies that are public.
//!
//! In: texts, and the name of a vocabulary. Out: their tokens, exactly. A vocabulary is unpacked when it is first asked for and
//! then kept (some 17 MB for the larger); a process that never counts never has one. What counting may cost is bounded:
//! a text made to be slow is counted up to a bound of steps and estimated from there on, and said to be.

use std::io::Read as _;
use std::sync::OnceLock;

use flate2::read::DeflateDecoder;

use super::characters::Characters;
use super::estimate;
use super::split::{Pieces, Style};
use super::vocabulary::{Bench, LONGEST, Vocabulary};

/// Steps that counting may take whatever is counted, and one more for so many bytes. Prose takes one for four bytes, what is
/// made to be slow more than one for each: a megabyte of that ends as an estimate.
const STEPS: u64 = 150_000;
const BYTES_PER_STEP: u64 = 3;

/// A vocabulary that is public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Encoding {
    Cl100k,
    O200k,
}

/// How many tokens something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// So many.
    pub tokens: u64,
    /// Whether they were counted, all of them, by the model's own vocabulary.
    pub is_exact: bool,
}

/// A vocabulary as it is used.
struct Loaded {
    vocabulary: Vocabulary,
    characters: &'static Characters,
    style: Style,
}

/// Counts one text after the other.
pub struct Counter {
    loaded: Option<&'static Loaded>,
    bench: Bench,
    count: Count,
}

impl Encoding {
    /// Counts a text.
    pub fn count(self, text: &str) -> Count {
        let mut counter = self.counter();
        counter.add(text);
        counter.count()
    }

    /// Counts a text as far as `limit`; `None` when it is more. A text that is certain to be more is not read at all, and
    /// any other not past its limit.
    pub fn count_up_to(self, text: &str, limit: u64) -> Option<Count> {
        let longest = u64::try_from(LONGEST).unwrap_or(u64::MAX);
        if text.len() as u64 > limit.saturating_mul(longest) {
            return None;
        }
        let mut counter = self.counter();
        counter.add_up_to(text, limit);
        Some(counter.count()).filter(|count| count.tokens <= limit)
    }

    /// Begins to count several texts.
    pub fn counter(self) -> Counter {
        let loaded = self.loaded();
        let count = Count { tokens: 0, is_exact: loaded.is_some() };
        Counter { loaded, bench: Bench::with(STEPS), count }
    }

    /// The vocabulary, unpacked when it is first asked for. That it can be is tested, so that what cannot be can only
    /// be a damaged binary, which then estimates.
    fn loaded(self) -> Option<&'static Loaded> {
        static CL100K: OnceLock<Option<Loaded>> = OnceLock::new();
        static O200K: OnceLock<Option<Loaded>> = OnceLock::new();
        let (cell, style, packed) = match self {
            Self::Cl100k => {
                (&CL100K, Style::Letters, &include_bytes!("../../vocabularies/cl100k_base.deflate")[..])
            }
            Self::O200k => {
                (&O200K, Style::Words, &include_bytes!("../../vocabularies/o200k_base.deflate")[..])
            }
        };
        let load = || {
            let vocabulary = Vocabulary::read(&unpacked(packed)?)?;
            Some(Loaded { vocabulary, characters: characters()?, style })
        };
        cell.get_or_init(load).as_ref()
    }
}

impl Counter {
    /// Counts one more text.
    pub fn add(&mut self, text: &str) {
        self.add_up_to(text, u64::MAX);
    }

    /// Counts what is not a text, or is one that nobody counts in the same way: the whole is then no count any more.
    pub fn add_estimated(&mut self, tokens: u64) {
        self.count.is_exact = false;
        self.count.tokens = self.count.tokens.saturating_add(tokens);
    }

    /// Counts tokens that are known to be there.
    pub fn add_tokens(&mut self, tokens: u64) {
        self.count.tokens = self.count.tokens.saturating_add(tokens);
    }

    /// What has been counted.
    pub fn count(&self) -> Count {
        self.count
    }

    fn add_up_to(&mut self, text: &str, limit: u64) {
        self.bench.steps_most += text.len() as u64 / BYTES_PER_STEP;
        let Some(Loaded { vocabulary, characters, style }) = self.loaded else {
            return self.add_estimated(estimate(text));
        };
        let mut pieces = Pieces { rest: text, style: *style, characters };
        while let Some(piece) = pieces.next() {
            let left = usize::try_from(limit.saturating_sub(self.count.tokens)).unwrap_or(usize::MAX);
            let laid = vocabulary.count(piece.as_bytes(), left, &mut self.bench);
            self.count.tokens = self.count.tokens.saturating_add(laid.tokens as u64);
            if self.count.tokens > limit {
                return;
            }
            if laid.bytes < piece.len() {
                let rest = text.len() - pieces.rest.len() - piece.len() + laid.bytes;
                let rest = text.get(text.ceil_char_boundary(rest)..).unwrap_or_default();
                return self.add_estimated(estimate(rest));
            }
        }
    }
}

fn characters() -> Option<&'static Characters> {
    static CHARACTERS: OnceLock<Option<Characters>> = OnceLock::new();
    let packed = include_bytes!("../../vocabularies/characters.deflate");
    CHARACTERS.get_or_init(|| Characters::read(&unpacked(packed)?)).as_ref()
}

fn unpacked(packed: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    DeflateDecoder::new(packed).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    const BOTH: [Encoding; 2] = [Encoding::O200k, Encoding::Cl100k];

    #[derive(Deserialize)]
    struct Counted {
        text: String,
        o200k_base: u64,
        cl100k_base: u64,
    }

    #[test]
    fn texts_are_counted_as_by_the_reference() {
        // Counted by tiktoken 0.14.0: pieces of prose and code, other scripts, random mixes of all classes of characters.
        let counted: Vec<Counted> = serde_json::from_str(include_str!("../../fixtures/tokens.json")).unwrap();
        assert!(counted.len() > 250);
        for Counted { text, o200k_base, cl100k_base } in counted {
            for (encoding, tokens) in [(Encoding::O200k, o200k_base), (Encoding::Cl100k, cl100k_base)] {
                assert_eq!(encoding.count(&text), Count { tokens, is_exact: true }, "{encoding:?} {text:?}");
            }
        }
    }

    /// A number that looks random, the next of a row.
    fn random(state: &mut u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *state >> 33
    }

    /// Texts of about so many bytes that are made to be slow.
    fn hostile(bytes: usize) -> Vec<(&'static str, String)> {
        let state = &mut 7;
        let repeat = |text: &str| text.repeat(bytes / text.len());
        let mut of = |from: &[char]| -> String {
            (0..bytes).map(|_| from[random(state) as usize % from.len()]).collect()
        };
        let letters: Vec<char> = ('a'..='z').collect();
        let signs: Vec<char> = ('!'..='~').collect();
        vec![
            ("one letter", repeat("a")),
            ("white space", repeat(" ")),
            ("ends of lines", repeat(" \n")),
            ("runs of white space", repeat(&(" ".repeat(100) + "x"))),
            ("a word without end", of(&letters)),
            ("base64", of(&signs)),
            ("digits", repeat("1234567890")),
            ("marks", repeat("a\u{301}\u{302}")),
            ("pictures", repeat("😀👩‍👩‍👧‍👦🏳️‍🌈")),
            ("words that look ahead", repeat("中A")),
            ("mixed white space", of(&[' ', '\t', '\n', '\u{a0}', '\u{2003}'])),
        ]
    }

    #[test]
    fn the_work_grows_with_the_text_and_not_with_its_square() {
        for encoding in BOTH {
            let Loaded { vocabulary, characters, style } = encoding.loaded().unwrap();
            let steps = |text: &str| {
                let mut bench = Bench::with(u64::MAX);
                for piece in (Pieces { rest: text, style: *style, characters }) {
                    vocabulary.count(piece.as_bytes(), usize::MAX, &mut bench);
                }
                bench.steps
            };
            for ((name, short), (_, long)) in hostile(10_000).iter().zip(hostile(40_000)) {
                let (few, many) = (steps(short), steps(&long));
                assert!(
                    many <= few * 5,
                    "{encoding:?} {name}: {few} steps for a text, {many} for four of it"
                );
            }
        }
    }

    #[test]
    fn what_is_made_to_be_slow_ends_as_an_estimate() {
        for (name, text) in hostile(200_000) {
            let mut counter = Encoding::O200k.counter();
            counter.add(&text);
            assert!(counter.bench.steps <= STEPS + text.len() as u64 / BYTES_PER_STEP, "{name}");
            assert!(counter.count().tokens > text.len() as u64 / 200, "{name}: {:?}", counter.count());
        }
        let (_, slow) = hostile(200_000).swap_remove(3);
        assert!(!Encoding::O200k.count(&slow).is_exact);
        let prose = "The caravan left the Jade Gate at dawn. ".repeat(20_000);
        assert!(Encoding::O200k.count(&prose).is_exact);
    }

    #[test]
    fn a_limit_is_told_from_what_is_within_it() {
        for encoding in BOTH {
            for (name, text) in hostile(5_000) {
                let whole = encoding.count(&text);
                assert_eq!(encoding.count_up_to(&text, whole.tokens), Some(whole), "{name}");
                assert_eq!(encoding.count_up_to(&text, whole.tokens - 1), None, "{name}");
                assert_eq!(encoding.count_up_to(&text, 1), None, "{name}");
            }
            assert_eq!(encoding.count_up_to("", 0), Some(Count { tokens: 0, is_exact: true }));
        }
    }

    #[test]
    fn beyond_a_limit_no_more_is_read() {
        for (name, text) in hostile(300_000) {
            let mut counter = Encoding::O200k.counter();
            counter.add_up_to(&text, 1000);
            assert!(counter.bench.steps < 200_000, "{name}: {}", counter.bench.steps);
            assert!(counter.count().tokens > 1000, "{name}");
        }
    }

    #[test]
    fn several_texts_are_one_count_until_one_cannot_be_counted() {
        let mut counter = Encoding::O200k.counter();
        counter.add("Hello");
        counter.add(" world");
        counter.add_tokens(3);
        assert_eq!(counter.count(), Count { tokens: 5, is_exact: true });
        counter.add_estimated(765);
        assert_eq!(counter.count(), Count { tokens: 770, is_exact: false });
    }
}
