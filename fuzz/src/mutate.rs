//! Damage to inputs, at random but repeatable.
//!
//! In: seeds, words of the format, a number to start from. Out: one damaged input after the other, of bounded
//! size. It knows nothing of what the input means.

/// Inputs grow no larger than this.
const MAX_BYTES: usize = 16 * 1024;

/// Makes damaged inputs.
#[derive(Debug)]
pub struct Mutator {
    seeds: Vec<Vec<u8>>,
    words: Vec<&'static str>,
    random: Random,
    input: Vec<u8>,
}

impl Mutator {
    /// Damages these `seeds`, with these `words`, as the number `seed` leads.
    pub fn new(seeds: Vec<Vec<u8>>, words: &[&[&'static str]], seed: u64) -> Self {
        let words = words.concat();
        Self { seeds, words, random: Random::new(seed), input: Vec::new() }
    }

    /// The next input: a seed with a few damages.
    pub fn next_input(&mut self) -> &[u8] {
        let seed = pick(&mut self.random, &self.seeds).map_or(&[][..], Vec::as_slice);
        self.input.clear();
        self.input.extend_from_slice(seed);
        let damages = 1 + self.random.below(4);
        for _ in 0..1 + self.random.below(damages) {
            self.damage();
        }
        self.input.truncate(MAX_BYTES);
        &self.input
    }

    fn damage(&mut self) {
        let length = self.input.len();
        let start = self.random.below(length + 1);
        let end = (start + 1 + self.random.below(24)).min(length);
        let word = pick(&mut self.random, &self.words).copied().unwrap_or_default();
        match self.random.below(9) {
            0 => {
                let bit = 1 << self.random.below(8);
                self.input.get_mut(start).map(|byte| *byte ^= bit).unwrap_or_default();
            }
            1 => {
                let value = self.random.below(256) as u8;
                self.input.get_mut(start).map(|byte| *byte = value).unwrap_or_default();
            }
            2 => self.input.truncate(start),
            3 => drop(self.input.drain(start..end)),
            4 => {
                let piece: Vec<u8> = self.input.get(start..end).unwrap_or_default().to_vec();
                let copies = 1 + self.random.below(8);
                self.insert(start, &piece.repeat(copies));
            }
            // Part of another seed, from anywhere to anywhere.
            5 => {
                let other = pick(&mut self.random, &self.seeds).cloned().unwrap_or_default();
                let from = self.random.below(other.len() + 1);
                let to = from + self.random.below(other.len() - from + 1);
                self.insert(start, other.get(from..to).unwrap_or_default());
            }
            6 => {
                self.input.drain(start..end);
                self.insert(start, word.as_bytes());
            }
            // A value for another: what stands between the next two signs of syntax.
            7 => {
                let is_syntax = |byte: &u8| matches!(byte, b',' | b':' | b'}' | b']' | b'\n');
                let after =
                    |from: usize| self.input.iter().skip(from).position(is_syntax).map(|at| from + at);
                if let Some((from, to)) = after(start).and_then(|from| Some((from + 1, after(from + 1)?))) {
                    self.input.drain(from..to);
                    self.insert(from, word.as_bytes());
                }
            }
            _ => self.insert(start, word.as_bytes()),
        }
    }

    fn insert(&mut self, at: usize, piece: &[u8]) {
        if self.input.len() + piece.len() <= MAX_BYTES {
            self.input.splice(at..at, piece.iter().copied());
        }
    }
}

fn pick<'a, T>(random: &mut Random, from: &'a [T]) -> Option<&'a T> {
    from.get(random.below(from.len().max(1)))
}

/// The xorshift generator of 64 bits.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        // Near seeds are spread out, and the state is never zero.
        Self(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `limit`, which is not zero.
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 16) % limit as u64) as usize
    }
}
