//! A look ahead that consumes nothing: what follows decides what a character means.
//!
//! In: what has come and whether more will. Out: bytes, one by one, until the look is out of sight. A question that
//! cannot be answered yet is asked anew when more has come.

use std::sync::atomic::{AtomicU64, Ordering};

use super::sign::{is_space, quote_length};

/// How far a look goes.
pub(super) const LOOK_MOST: usize = 512;
/// The longest key that is read at once.
pub(super) const KEY_MOST: usize = 1024;

/// Why a look has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blind {
    /// More has to come first.
    More,
    /// The answer lies too far away.
    Far,
}

/// A place ahead.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    /// Whether nothing will follow.
    pub(super) last: bool,
    /// Counts what is looked at.
    pub(super) steps: &'a AtomicU64,
}

impl<'a> Look<'a> {
    /// The same from where it has come to, as a look of its own.
    pub(super) fn afresh(self) -> Self {
        Self { bytes: self.rest(), at: 0, ..self }
    }

    /// The byte here; none at the end of the text.
    pub(super) fn peek(&self) -> Result<Option<u8>, Blind> {
        if self.at > LOOK_MOST {
            return Err(Blind::Far);
        }
        self.steps.store(self.steps.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        match self.bytes.get(self.at) {
            Some(byte) => Ok(Some(*byte)),
            None if self.last => Ok(None),
            None => Err(Blind::More),
        }
    }

    /// The byte behind the one here.
    pub(super) fn second(&self) -> Result<Option<u8>, Blind> {
        Self { at: self.at + 1, ..*self }.peek()
    }

    /// What is left from here.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Steps over white space; the byte behind it, and whether a line ended in it.
    pub(super) fn skip_space(&mut self) -> Result<(Option<u8>, bool), Blind> {
        let mut line = false;
        loop {
            match self.peek()? {
                Some(byte) if is_space(byte) => {
                    line |= byte == b'\n';
                    self.at += 1;
                }
                byte => return Ok((byte, line)),
            }
        }
    }

    /// Whether a comment begins here.
    pub(super) fn is_comment(&self) -> Result<bool, Blind> {
        Ok(self.peek()? == Some(b'/') && matches!(self.second()?, Some(b'/' | b'*')))
    }

    /// Whether a fence begins here.
    pub(super) fn is_fence(&self) -> Result<bool, Blind> {
        for offset in 0..3 {
            if (Self { at: self.at + offset, ..*self }).peek()? != Some(b'`') {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a quoted word and a colon stand here, as a key does. Steps over the word and its quotes.
    pub(super) fn is_key(&mut self) -> Result<bool, Blind> {
        if !self.skip_word()? {
            return Ok(false);
        }
        Ok(self.skip_space()?.0 == Some(b':'))
    }

    /// Steps over a quoted word that no valid document could have behind the end of a text: it begins with a letter.
    pub(super) fn skip_word(&mut self) -> Result<bool, Blind> {
        let Some(first) = self.peek()? else { return Ok(false) };
        let quote = quote_length(self.rest());
        if quote == 0 {
            return Ok(false);
        }
        self.at += quote;
        if !matches!(self.peek()?, Some(byte) if byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'_' | b'$' | b'@'))
        {
            return Ok(false);
        }
        self.skip_to_quote(first)
    }

    /// Steps behind the next quote that can end a text begun with `first`, on the same line.
    pub(super) fn skip_to_quote(&mut self, first: u8) -> Result<bool, Blind> {
        loop {
            match self.peek()? {
                None | Some(b'\n') => return Ok(false),
                Some(b'\\') => self.at += 2,
                Some(byte) if byte == first && (first < 0x80 || quote_length(self.rest()) == 3) => {
                    self.at += if first < 0x80 { 1 } else { 3 };
                    return Ok(true);
                }
                Some(_) => self.at += 1,
            }
        }
    }

    /// Whether a word without quotes and a colon stand here, on one line: a key. Steps over the word; a quote at its end is
    /// no part of it.
    pub(super) fn bare_key(&mut self) -> Result<Option<BareKey>, Blind> {
        let start = self.at;
        loop {
            match self.peek()? {
                Some(b':') if self.at > start => {
                    return Ok(Some(BareKey { end: self.at, consumed: self.at, misses_opening: false }));
                }
                Some(b'=') if self.at > start => {
                    return Ok(Some(BareKey { end: self.at, consumed: self.at, misses_opening: false }));
                }
                Some(_) if quote_length(self.rest()) > 0 && self.at > start => {
                    let end = self.at;
                    self.at += quote_length(self.rest());
                    let consumed = self.at;
                    let is_key = self.skip_space()?.0 == Some(b':');
                    return Ok(is_key.then_some(BareKey { end, consumed, misses_opening: true }));
                }
                None | Some(b',' | b'{' | b'}' | b'[' | b']' | b'\n' | b'"' | b'\'' | b'`' | b':' | b'=') => {
                    return Ok(None);
                }
                Some(_) if self.at > start + BARE_KEY_MOST => return Ok(None),
                Some(_) => self.at += 1,
            }
        }
    }
}

/// The longest key without quotes.
const BARE_KEY_MOST: usize = 64;

/// A key that lacks quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BareKey {
    /// Where its word ends.
    pub(super) end: usize,
    /// Where what follows begins.
    pub(super) consumed: usize,
    /// Whether it lacks the opening quote only.
    pub(super) misses_opening: bool,
}
