//! A table from numbers to numbers that is made once and then only read.
//!
//! In: keys below 2^40 and values below 2^24, each pair in one word. Out: the value of a key. Most keys that are asked for
//! have none, and a table is larger than what a processor keeps near: so a sieve of a few hundred kilobytes is asked
//! first. It never shrinks and forgets nothing.

/// A word that holds nothing.
const EMPTY: u64 = u64::MAX;
const VALUE_BITS: u32 = 24;
/// Bits of a sieve for each key, at least.
const SIEVE_BITS: usize = 8;

/// A table that is being made.
pub(super) struct Maker {
    words: Vec<u64>,
    used: usize,
}

/// A table that is read.
#[derive(Debug, Default)]
pub(super) struct Table {
    words: Vec<u64>,
    /// A bit for each key that has a value; of those without one nine in ten have none.
    sieve: Vec<u64>,
    /// How far a mixed key is moved down to be a bit of the sieve.
    sieve_shift: u32,
}

impl Maker {
    pub(super) fn for_about(entries: usize) -> Self {
        Self { words: vec![EMPTY; (entries * 3 / 2).next_power_of_two().max(64)], used: 0 }
    }

    /// The value of a key; of one that is new it is what `make` says.
    pub(super) fn entry(&mut self, key: u64, make: impl FnOnce() -> u32) -> u32 {
        if self.used * 4 > self.words.len() * 3 {
            self.grow();
        }
        let slot = find(&self.words, key);
        match self.words.get_mut(slot) {
            Some(word) => {
                if *word == EMPTY {
                    *word = key << VALUE_BITS | u64::from(make());
                    self.used += 1;
                }
                value(*word)
            }
            None => make(),
        }
    }

    pub(super) fn get(&self, key: u64) -> Option<u32> {
        get(&self.words, key)
    }

    fn grow(&mut self) {
        let wider = vec![EMPTY; self.words.len() * 2];
        for word in std::mem::replace(&mut self.words, wider) {
            let slot = find(&self.words, word >> VALUE_BITS);
            if let Some(empty) = self.words.get_mut(slot).filter(|_| word != EMPTY) {
                *empty = word;
            }
        }
    }

    pub(super) fn finish(self) -> Table {
        let bits = (self.used * SIEVE_BITS).next_power_of_two().max(64);
        let sieve = vec![0; bits / 64];
        let mut table = Table { words: self.words, sieve, sieve_shift: u64::BITS - bits.ilog2() };
        for word in table.words.iter().filter(|word| **word != EMPTY) {
            let bit = mixed(*word >> VALUE_BITS) >> table.sieve_shift;
            if let Some(bits) = table.sieve.get_mut((bit / 64) as usize) {
                *bits |= 1 << (bit % 64);
            }
        }
        table
    }
}

impl Table {
    #[inline]
    pub(super) fn get(&self, key: u64) -> Option<u32> {
        let bit = mixed(key) >> self.sieve_shift;
        let bits = *self.sieve.get((bit / 64) as usize)?;
        if bits >> (bit % 64) & 1 == 0 { None } else { get(&self.words, key) }
    }
}

fn get(words: &[u64], key: u64) -> Option<u32> {
    words.get(find(words, key)).filter(|word| **word != EMPTY).map(|word| value(*word))
}

/// Where a key stands, or the empty word at which it would. There always is one, for a table is never full.
fn find(words: &[u64], key: u64) -> usize {
    let mask = words.len().wrapping_sub(1);
    let mut slot = (mixed(key) >> 32) as usize & mask;
    while words.get(slot).is_some_and(|word| *word != EMPTY && *word >> VALUE_BITS != key) {
        slot = (slot + 1) & mask;
    }
    slot
}

#[inline]
fn mixed(key: u64) -> u64 {
    key.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[inline]
fn value(word: u64) -> u32 {
    (word & ((1 << VALUE_BITS) - 1)) as u32
}
