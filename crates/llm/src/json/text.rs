//! The inside of a JSON string: where it ends, whether it has escapes, whether it is well formed.
//!
//! In: the body and the offset after an opening quote. Out: the offset of the closing quote. Nothing is
//! decoded or copied here; what is accepted is what a strict reader of a `String` accepts.

use super::object::{ScanError, ScanReason};

/// The extent of one string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Text {
    /// Offset of the closing quote.
    pub(super) end: usize,
    /// Whether the text has escapes.
    pub(super) escaped: bool,
}

/// Reads the string whose text begins at `start` (after its opening quote) and checks all of it.
#[inline(always)]
pub(super) fn text(body: &[u8], start: usize) -> Result<Text, ScanError> {
    // Most keys and values are short and plain, and end here, inlined into the scanner.
    let rest = body.get(start..).unwrap_or_default();
    let (words, _) = rest.as_chunks::<8>();
    let mut high = 0;
    let (length, found) = in_words(words.get(..2).unwrap_or(words), &mut high);
    if found && high == 0 && rest.get(length) == Some(&b'"') {
        return Ok(Text { end: start + length, escaped: false });
    }
    any_text(body, start, start + length, high)
}

/// The same for any string, of which the bytes before `at` have been looked at.
#[inline(never)]
fn any_text(body: &[u8], start: usize, mut at: usize, mut high: u64) -> Result<Text, ScanError> {
    let mut escaped = false;
    let (position, reason) = loop {
        at += next_stop(body.get(at..).unwrap_or_default(), &mut high);
        match body.get(at) {
            Some(b'"') if high == 0 => return Ok(Text { end: at, escaped }),
            Some(b'"') => return invalid_utf8(body, start, at).map_or(Ok(Text { end: at, escaped }), Err),
            Some(b'\\') => match escape(body, at) {
                Ok(after) => {
                    escaped = true;
                    at = after;
                }
                Err(reason) => {
                    break (if reason == ScanReason::UnexpectedEnd { body.len() } else { at }, reason);
                }
            },
            Some(_) => break (at, ScanReason::ControlInString),
            None => break (body.len(), ScanReason::UnexpectedEnd),
        }
    };
    // A fault that stands earlier in the same string is the one to report.
    Err(invalid_utf8(body, start, at).unwrap_or(ScanError { position, reason }))
}

/// The first byte that breaks UTF-8 between two offsets, of which the second is a stop or the body's end.
#[inline(never)]
fn invalid_utf8(body: &[u8], start: usize, end: usize) -> Option<ScanError> {
    if start.checked_sub(3).and_then(|from| body.get(from..=end)).is_some_and(is_utf8) {
        return None;
    }
    let fault = std::str::from_utf8(body.get(start..end)?).err()?;
    Some(ScanError { position: start + fault.valid_up_to(), reason: ScanReason::InvalidUtf8 })
}

/// Whether `bytes` are UTF-8, given that the first three and the last are ASCII. Each byte is judged by itself
/// and the three before it, all in the same way and without a branch: the compiler makes vector instructions
/// of it, which is several times as fast as decoding when the text is not Latin.
fn is_utf8(bytes: &[u8]) -> bool {
    let blocks = |from: usize| bytes.get(from..).unwrap_or_default().as_chunks::<32>();
    let ((now, rest), (one, _), (two, _), (three, _)) = (blocks(3), blocks(2), blocks(1), blocks(0));
    for (((now, one), two), three) in now.iter().zip(one).zip(two).zip(three) {
        let mut wrong = 0;
        for (((&byte, &one), &two), &three) in now.iter().zip(one).zip(two).zip(three) {
            wrong |= breaks_utf8(byte, one, two, three);
        }
        if wrong != 0 {
            return false;
        }
    }
    let rest = bytes.get(bytes.len().saturating_sub(rest.len() + 3)..).unwrap_or_default();
    !rest.array_windows().any(|&[three, two, one, byte]| breaks_utf8(byte, one, two, three) != 0)
}

/// Not zero when `byte` cannot follow the three bytes before it, of which `one` is the nearest.
#[inline(always)]
fn breaks_utf8(byte: u8, one: u8, two: u8, three: u8) -> u8 {
    let flag = |wrong: bool| u8::from(wrong);
    let continues = flag(byte & 0xC0 == 0x80);
    let expected = flag(one >= 0xC0) | flag(two >= 0xE0) | flag(three >= 0xF0);
    // Too short a form, a surrogate, or beyond the last character: the second byte tells.
    let range = flag(one == 0xE0) & flag(byte < 0xA0)
        | flag(one == 0xED) & flag(byte > 0x9F)
        | flag(one == 0xF0) & flag(byte < 0x90)
        | flag(one == 0xF4) & flag(byte > 0x8F);
    let never = flag(byte & 0xFE == 0xC0) | flag(byte > 0xF4);
    continues ^ expected | range | never
}

/// Checks the escape whose backslash stands at `at`; the offset after it. Half of a surrogate pair alone
/// stands for no character and is refused.
#[inline(always)]
fn escape(body: &[u8], at: usize) -> Result<usize, ScanReason> {
    let Some(&byte) = body.get(at + 1) else { return Err(ScanReason::UnexpectedEnd) };
    // All are compared without a jump, since text mixes them in no order that a processor could foresee.
    let simple = b"\"\\/bfnrt".iter().fold(false, |found, &one| found | (one == byte));
    match byte {
        _ if simple => Ok(at + 2),
        b'u' => unicode_escape(body, at),
        _ => Err(ScanReason::BadEscape),
    }
}

#[inline(never)]
fn unicode_escape(body: &[u8], at: usize) -> Result<usize, ScanReason> {
    match hex(body, at + 2)? {
        0xDC00..=0xDFFF => Err(ScanReason::BadEscape),
        0xD800..=0xDBFF => {
            for (offset, wanted) in [(6, b'\\'), (7, b'u')] {
                match body.get(at + offset) {
                    Some(&byte) if byte == wanted => {}
                    Some(_) => return Err(ScanReason::BadEscape),
                    None => return Err(ScanReason::UnexpectedEnd),
                }
            }
            match hex(body, at + 8)? {
                0xDC00..=0xDFFF => Ok(at + 12),
                _ => Err(ScanReason::BadEscape),
            }
        }
        _ => Ok(at + 6),
    }
}

/// The four hexadecimal digits at `at`.
fn hex(body: &[u8], at: usize) -> Result<u32, ScanReason> {
    let mut value = 0;
    for offset in 0..4 {
        let &byte = body.get(at + offset).ok_or(ScanReason::UnexpectedEnd)?;
        value = value << 4 | char::from(byte).to_digit(16).ok_or(ScanReason::BadEscape)?;
    }
    Ok(value)
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Sets the high bit of the first quote, backslash or control character of eight bytes. Bits above the lowest
/// set one are not meaningful: the subtractions borrow upwards from a true hit.
#[inline(always)]
fn stops(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let quote = quote.wrapping_sub(ONES) & !quote;
    let backslash = backslash.wrapping_sub(ONES) & !backslash;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (quote | backslash | control) & HIGH
}

/// Looks for a stop in whole words; the number of bytes before it, or of all whole words looked at.
#[inline(always)]
fn in_words(words: &[[u8; 8]], high: &mut u64) -> (usize, bool) {
    let mut at = 0;
    for bytes in words {
        let word = u64::from_le_bytes(*bytes);
        let hit = stops(word);
        if hit != 0 {
            *high |= word & HIGH & (hit & hit.wrapping_neg()).wrapping_sub(1);
            return (at + (hit.trailing_zeros() / 8) as usize, true);
        }
        *high |= word & HIGH;
        at += 8;
    }
    (at, false)
}

/// Bytes before the first quote, backslash or control character (all of them, if there is none). `high` becomes
/// non-zero when one of them is not ASCII.
///
/// Short strings, which most keys and values are, are found by words; long ones run through blocks in a loop
/// that the compiler turns into vector instructions.
#[inline(always)]
fn next_stop(bytes: &[u8], high: &mut u64) -> usize {
    let (words, _) = bytes.as_chunks::<8>();
    let (at, found) = in_words(words.get(..8).unwrap_or(words), high);
    if found { at } else { next_stop_far(bytes, at, high) }
}

#[inline(never)]
fn next_stop_far(bytes: &[u8], mut at: usize, high: &mut u64) -> usize {
    let (blocks, _) = bytes.get(at..).unwrap_or_default().as_chunks::<64>();
    for block in blocks {
        let (mut stop, mut seen) = (0u8, 0u8);
        for &byte in block {
            stop |= u8::from(byte == b'"') | u8::from(byte == b'\\') | u8::from(byte < 0x20);
            seen |= byte;
        }
        if stop != 0 {
            break;
        }
        *high |= u64::from(seen & 0x80);
        at += 64;
    }
    let (words, tail) = bytes.get(at..).unwrap_or_default().as_chunks::<8>();
    let (more, found) = in_words(words, high);
    at += more;
    if found {
        return at;
    }
    for &byte in tail {
        if byte == b'"' || byte == b'\\' || byte < 0x20 {
            break;
        }
        *high |= u64::from(byte & 0x80);
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_is_judged_as_the_standard_library_judges_it() {
        let edges = [
            0x20, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED,
            0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
        ];
        let mut body = *b"[1,\"....\"";
        for a in edges {
            for b in edges {
                for c in edges {
                    for d in edges {
                        body[4..8].copy_from_slice(&[a, b, c, d]);
                        let expected =
                            std::str::from_utf8(&body[4..8]).map_err(|fault| 4 + fault.valid_up_to());
                        assert_eq!(is_utf8(&body[1..]), expected.is_ok(), "{body:x?}");
                        assert_eq!(
                            text(&body, 4).map_err(|error| error.position).map(|_| ()),
                            expected.map(|_| ())
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn long_texts_are_judged_at_every_offset() {
        for offset in 0..130 {
            for broken in [false, true] {
                let mut body = b"[1,\"".to_vec();
                body.extend(std::iter::repeat_n(b'x', offset % 3));
                (0..offset / 3).for_each(|_| body.extend_from_slice("玉".as_bytes()));
                let at = body.len();
                body.extend_from_slice(if broken { b"\xE7\x8E" } else { "é😀".as_bytes() });
                (0..30).for_each(|_| body.extend_from_slice("门".as_bytes()));
                body.push(b'"');
                let wanted = if broken { Err(at) } else { Ok(body.len() - 1) };
                assert_eq!(text(&body, 4).map(|text| text.end).map_err(|error| error.position), wanted);
            }
        }
    }
}
