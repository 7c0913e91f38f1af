//! What a quote inside a text means: its end, or a quote of the text that lacks its backslash.
//!
//! In: what follows the quote, and what is open. Out: a verdict. A quote that a valid document could have there is never
//! taken for anything else: a text goes on only where what follows could not follow its end.

use super::look::{Blind, Look};
use super::sign::{Container, is_space, is_word, quote_length};

/// What a quote is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The end of its text.
    Ends,
    /// The end of its text, with another quote directly behind it that says nothing.
    EndsTwice,
    /// A part of its text.
    Inner,
    /// The second of three that begin a text.
    Triple,
}

/// What is known of the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    /// Innermost last; none outside of any bracket.
    pub(super) in_object: bool,
    pub(super) has_array: bool,
    pub(super) has_object: bool,
    pub(super) depth: usize,
    pub(super) is_empty: bool,
    /// Whether quotes inside the text have come in pairs.
    pub(super) is_paired: bool,
    /// What stands before the quote.
    pub(super) quote: &'a str,
}

/// Judges the quote behind which `look` begins.
pub(super) fn judge(mut look: Look<'_>, known: &Known<'_>) -> Result<Verdict, Blind> {
    let begin = look.at;
    let (next, line) = look.skip_space()?;
    let Some(next) = next else { return Ok(Verdict::Ends) };
    let adjacent = look.at == begin;
    let ends = |yes: bool| Ok(if yes { Verdict::Ends } else { Verdict::Inner });
    match next {
        b',' if known.in_object => ends(comma_in_object(look)?),
        b',' => ends(comma_in_array(look)?),
        b'}' | b']' => ends(closes(look, known)?),
        b':' => ends(!known.in_object),
        b'\\' | b';' => Ok(Verdict::Ends),
        b'/' => ends(look.is_comment()?),
        b'#' => ends(line || look.second()?.is_some_and(is_space) && !adjacent && rest_of_line_ends(look)),
        b'`' => ends(look.is_fence()?),
        b'{' | b'[' => ends(!known.in_object && !adjacent),
        _ if quote_length(look.rest()) > 0 => quote_follows(look, known, adjacent),
        _ if line && known.in_object => ends(look.bare_key()?.is_some()),
        0xEF => ends(is_wide_sign(look.rest())),
        _ if !known.in_object && !adjacent && line => ends(next.is_ascii_digit()),
        _ => Ok(Verdict::Inner),
    }
}

/// A comment in the rest of a line is one only where something can follow it.
fn rest_of_line_ends(look: Look<'_>) -> bool {
    memchr::memchr(b'\n', look.rest()).is_some()
}

/// Signs as they are spelt among Chinese characters.
fn is_wide_sign(bytes: &[u8]) -> bool {
    matches!(bytes, [0xEF, 0xBC, 0x8C | 0x9A, ..] | [0xEF, 0xBD, 0x9D, ..] | [0xEF, 0xBC, 0xBD, ..])
}

/// Whether a comma in an object ends the text before it: a key, or the object's end, stands behind it.
fn comma_in_object(mut look: Look<'_>) -> Result<bool, Blind> {
    look.at += 1;
    let Some(next) = look.skip_space()?.0 else { return Ok(true) };
    match next {
        b'"' => {
            let (mut word, begin) = (look, look.at);
            word.at += 1;
            match word.skip_to_quote(b'"') {
                Ok(true) => {}
                Ok(false) => return Ok(true),
                Err(Blind::Far) => return Ok(true),
                Err(more) => return Err(more),
            }
            let has_colon = word.bytes.get(begin..word.at).is_some_and(|key| key.contains(&b':'));
            let Some(next) = word.skip_space()?.0 else { return Ok(true) };
            // A letter that begins no word of JSON goes on with the text.
            Ok(has_colon || !next.is_ascii_alphabetic() || is_literal(word)?)
        }
        b'\'' | b'}' | b']' | b'{' | b'[' | b',' | b'`' | b'#' | b'\\' => Ok(true),
        b'/' => look.is_comment(),
        b'.' => Ok(look.second()? == Some(b'.')),
        _ if quote_length(look.rest()) > 0 => Ok(true),
        _ => Ok(look.bare_key()?.is_some()),
    }
}

/// Whether a comma in an array ends the text before it: a value, or the array's end, stands behind it.
fn comma_in_array(mut look: Look<'_>) -> Result<bool, Blind> {
    look.at += 1;
    let Some(next) = look.skip_space()?.0 else { return Ok(true) };
    match next {
        b'"' | b'\'' | b'{' | b'[' | b']' | b'}' | b',' | b'`' | b'#' | b'\\' | b'-' | b'.' => Ok(true),
        b'/' => look.is_comment(),
        _ if next.is_ascii_digit() || quote_length(look.rest()) > 0 => Ok(true),
        _ if is_literal(look)? => Ok(true),
        _ if is_word(next) => lone_word(look),
        _ => Ok(false),
    }
}

/// Whether a value without its quotes, or without the first of them, stands here.
fn lone_word(mut look: Look<'_>) -> Result<bool, Blind> {
    let mut spaces = 0;
    loop {
        match look.peek()? {
            None | Some(b',' | b']') => return Ok(true),
            Some(b'"') => return Ok(spaces == 0),
            Some(byte) => spaces += usize::from(is_space(byte)),
        }
        look.at += 1;
    }
}

/// Whether a word that stands for a value stands here.
fn is_literal(look: Look<'_>) -> Result<bool, Blind> {
    let mut end = look;
    while end.peek()?.is_some_and(is_word) {
        end.at += 1;
    }
    let word = look.bytes.get(look.at..end.at).unwrap_or_default();
    Ok(super::word::literal(word).is_some())
}

/// Whether closing brackets end the text before them: something stands behind them that can.
fn closes(mut look: Look<'_>, known: &Known<'_>) -> Result<bool, Blind> {
    let mut count = 0;
    while let Some(byte) = look.peek()? {
        match byte {
            b'}' if known.has_object => count += 1,
            b']' if known.has_array => count += 1,
            b'}' | b']' => return Ok(count > 0),
            _ if is_space(byte) => {}
            _ => break,
        }
        look.at += 1;
        if count >= known.depth {
            return Ok(true);
        }
    }
    let Some(next) = look.peek()? else { return Ok(true) };
    Ok(!next.is_ascii_alphabetic() && !matches!(next, b'.' | b'!' | b'?' | b')' | b':'))
}

/// A quote behind a quote.
fn quote_follows(mut look: Look<'_>, known: &Known<'_>, adjacent: bool) -> Result<Verdict, Blind> {
    let begin = look;
    let quote = quote_length(look.rest());
    let same = look.rest().starts_with(known.quote.as_bytes());
    look.at += quote;
    if adjacent && same && known.is_empty && quote == 1 {
        return Ok(Verdict::Triple);
    }
    if adjacent && same {
        let next = look.skip_space()?.0;
        if matches!(next, None | Some(b',' | b'}' | b']')) {
            return Ok(if known.is_paired && !known.is_empty { Verdict::EndsTwice } else { Verdict::Inner });
        }
    }
    if known.is_empty && adjacent {
        return Ok(Verdict::Inner);
    }
    if !known.in_object {
        return Ok(Verdict::Ends);
    }
    let mut key = begin;
    Ok(if key.is_key()? { Verdict::Ends } else { Verdict::Inner })
}

/// Whether the closing quote is missing before a run of commas, line ends and brackets with which `look` begins: behind it
/// stands what only could stand outside of a text.
pub(super) fn misses_quote(mut look: Look<'_>, known: &Known<'_>, open: &[Container]) -> Result<bool, Blind> {
    let begin = look.at;
    loop {
        match look.peek()? {
            Some(b',' | b'}' | b']' | b'{' | b'[') => look.at += 1,
            Some(byte) if is_space(byte) => look.at += 1,
            Some(_) => break,
            None => return Ok(closes_all(look.bytes.get(begin..look.at).unwrap_or_default(), open)),
        }
    }
    if quote_length(look.rest()) == 0 {
        return Ok(false);
    }
    let mut key = look;
    if known.has_object && key.is_key()? {
        return Ok(true);
    }
    let run = look.bytes.get(begin..look.at).unwrap_or_default();
    if known.in_object || !run.starts_with(b",") {
        return Ok(false);
    }
    // In an array the next element would have to be another text, and the array go on as one.
    if !look.skip_word()? {
        return Ok(false);
    }
    Ok(match look.skip_space()?.0 {
        Some(b']') => true,
        Some(b',') => {
            look.at += 1;
            matches!(look.skip_space()?.0, Some(b'"' | b'{' | b'[' | b'0'..=b'9'))
        }
        _ => false,
    })
}

/// Whether a run at the end of a document closes all that is open.
fn closes_all(run: &[u8], open: &[Container]) -> bool {
    let closers = run.iter().filter(|byte| !is_space(**byte));
    !open.is_empty() && closers.copied().eq(open.iter().rev().map(|container| container.closer() as u8))
}
