//! Cutting a text into pieces, across whose borders no vocabulary merges.
//!
//! In: a text. Out: its pieces, which together are the text: a word with the sign or space before it, up to three digits,
//! a run of signs, white space. The vocabularies state this as patterns to be tried in order; here each is written out by
//! what it begins with, so that every character is looked at a few times and no more.

use super::characters::{Characters, Class};

/// How a vocabulary cuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// As `cl100k_base`.
    Letters,
    /// As `o200k_base`: a capital letter begins a new word, marks belong to words, and words keep what is after their
    /// apostrophe.
    Words,
}

/// The pieces of a text.
pub(super) struct Pieces<'a> {
    pub(super) rest: &'a str,
    pub(super) style: Style,
    pub(super) characters: &'a Characters,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let first = self.peek(0)?;
        // What a word cannot begin with is not tried as one: a number, or what no letter or mark follows.
        let begins = |class: Class| class.is_letter() || class == Class::Mark;
        let may_begin = begins(first.0)
            || first.0.may_lead() && self.peek(first.1).is_some_and(|(class, _)| begins(class));
        let end = match self.style {
            _ if !may_begin => None,
            Style::Letters => self.short_form(0).or_else(|| self.letters(first)),
            Style::Words => self.word(first),
        };
        let end = end.or_else(|| self.digits()).or_else(|| self.signs(first)).unwrap_or_else(|| self.space());
        let (piece, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        Some(piece)
    }
}

/// A character's class and how many bytes it has.
type Seen = (Class, usize);

impl Pieces<'_> {
    /// The character that begins at a byte.
    #[inline]
    fn peek(&self, from: usize) -> Option<Seen> {
        let byte = *self.rest.as_bytes().get(from)?;
        if byte < 0x80 {
            return Some((self.characters.of_ascii(byte), 1));
        }
        let character = self.rest.get(from..)?.chars().next()?;
        Some((self.characters.of(character), character.len_utf8()))
    }

    /// Where a run of characters of some classes ends that begins at a byte.
    #[inline]
    fn run(&self, mut from: usize, is_in: impl Fn(Class) -> bool) -> usize {
        while let Some((class, bytes)) = self.peek(from)
            && is_in(class)
        {
            from += bytes;
        }
        from
    }

    /// `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d`, large or small.
    fn short_form(&self, from: usize) -> Option<usize> {
        let rest = self.rest.as_bytes().get(from..)?;
        let (b'\'', after) = rest.split_first()? else { return None };
        let letters = match after {
            [b's' | b'S' | b't' | b'T' | b'm' | b'M' | b'd' | b'D', ..] => 1,
            [b'r' | b'R' | b'v' | b'V', b'e' | b'E', ..] | [b'l' | b'L', b'l' | b'L', ..] => 2,
            // The long s is an s to whoever makes no difference of large and small.
            [0xC5, 0xBF, ..] => 2,
            _ => return None,
        };
        Some(from + 1 + letters)
    }

    /// Letters, and one character before them that is none.
    fn letters(&self, (class, bytes): Seen) -> Option<usize> {
        let from = if class.may_lead() { bytes } else { 0 };
        let end = self.run(from, Class::is_letter);
        (end > from).then_some(end)
    }

    /// A word, one character before it that is no letter, and what follows its apostrophe.
    fn word(&self, (class, bytes): Seen) -> Option<usize> {
        let led = class.may_lead().then_some(bytes);
        let starts = || led.into_iter().chain([0]);
        let end = starts().find_map(|from| self.ending_small(from)).or_else(|| {
            starts().find_map(|from| Some(self.run(from, Class::is_capital)).filter(|end| *end > from))
        })?;
        Some(self.short_form(end).unwrap_or(end))
    }

    /// Letters that are no small ones, and then some that are no capitals: at least one, which may be the last of
    /// the former that is neither.
    fn ending_small(&self, from: usize) -> Option<usize> {
        let (mut at, mut neither) = (from, None);
        while let Some((class, bytes)) = self.peek(at)
            && class.is_capital()
        {
            at += bytes;
            if class.is_small() {
                neither = Some(at);
            }
        }
        let end = self.run(at, Class::is_small);
        if end > at { Some(end) } else { neither }
    }

    fn digits(&self) -> Option<usize> {
        let mut end = 0;
        for _ in 0..3 {
            match self.peek(end) {
                Some((Class::Number, bytes)) => end += bytes,
                _ => break,
            }
        }
        (end > 0).then_some(end)
    }

    /// A run of signs, a space before it and the ends of lines behind.
    fn signs(&self, (_, bytes): Seen) -> Option<usize> {
        let from = if self.rest.starts_with(' ') { bytes } else { 0 };
        let end = self.run(from, Class::is_sign);
        let tail = self.rest.as_bytes().get(end..)?;
        let slash = self.style == Style::Words;
        let ends =
            tail.iter().take_while(|byte| matches!(byte, b'\r' | b'\n') || slash && **byte == b'/').count();
        (end > from).then_some(end + ends)
    }

    /// White space: up to the last end of a line; else all but the last, which belongs to what follows.
    fn space(&self) -> usize {
        let (mut end, mut line, mut last) = (0, 0, 0);
        while let Some((class, bytes)) = self.peek(end)
            && class.is_space()
        {
            last = end;
            end += bytes;
            if class == Class::NewLine {
                line = end;
            }
        }
        match (line, last) {
            (1.., _) => line,
            (0, 1..) if end < self.rest.len() => last,
            _ => end.max(1),
        }
    }
}
