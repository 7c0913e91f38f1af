//! Estimates of token counts where no upstream has counted.
//!
//! In: text, or a request body as it was sent. Out: about how many tokens a model will see. Everything here is
//! an estimate without a vocabulary, in linear time and without allocation: good enough to reserve from a
//! budget and to fill a record that says so, never to be shown as a count.
//!
//! The rule is a weight per character by its kind, found from its first UTF-8 byte alone: four Latin letters,
//! three digits or two signs make a token, 1.3 CJK characters make one, a symbol outside the basic plane is
//! two. In a run of white space hardly more than the first counts, since vocabularies hold whole runs.

use memchr::{memchr, memchr_iter, memchr2};

/// Weights are in 52nds of a token: they divide by 4, nearly by 3 and by 1.3, and fit a byte.
const TOKEN: u64 = 52;
const LETTER: u8 = 13;
const DIGIT: u8 = 17;
const SIGN: u8 = 26;
const CJK: u8 = 40;
const SYMBOL: u8 = 104;
const SPACE_IN_RUN: u8 = 2;

/// Tokens for data that is not text (an image as large as most), whatever its length in bytes.
const DATA_TOKENS: u64 = 765;
/// A string longer than this may be data.
const DATA_MIN_BYTES: usize = 512;
/// What a message or another object within the body costs beside its texts.
const OBJECT_TOKENS: u64 = 3;
/// Mean bytes of a token in a model's output.
const OUTPUT_BYTES_PER_TOKEN: u64 = 4;

/// Tokens in `text`, estimated without a vocabulary, in linear time.
pub fn estimate(text: &str) -> u64 {
    weigh(text.as_bytes()).div_ceil(TOKEN)
}

/// Tokens in output of which only the length in bytes is known.
pub fn estimate_bytes(output_bytes: u64) -> u64 {
    output_bytes.div_ceil(OUTPUT_BYTES_PER_TOKEN)
}

/// Tokens in a JSON request body, estimated from its string values (not its keys, numbers and syntax) and a
/// little for each object, such as a message. Long strings of base64 and long data URLs count as one image
/// each. Any bytes are taken; what is not JSON gives some number.
pub fn estimate_json(body: &[u8]) -> u64 {
    let (mut weight, mut objects) = (0, 0);
    let mut rest = body;
    while let Some((syntax, quoted)) = memchr(b'"', rest).and_then(|quote| rest.split_at_checked(quote)) {
        objects += memchr_iter(b'{', syntax).count() as u64;
        let (text, after) = string(quoted.get(1..).unwrap_or_default());
        rest = after;
        if is_key(after) {
            continue;
        }
        weight += if is_data(text) { DATA_TOKENS * TOKEN } else { weigh_escaped(text) };
    }
    objects += memchr_iter(b'{', rest).count() as u64;
    weight.div_ceil(TOKEN) + objects.saturating_sub(1) * OBJECT_TOKENS
}

/// Splits what follows an opening quote into the string's text and what follows its closing quote.
fn string(rest: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while let Some(stop) = rest.get(at..).and_then(|from| memchr2(b'"', b'\\', from)) {
        at += stop;
        if rest.get(at) == Some(&b'"') {
            return (rest.get(..at).unwrap_or_default(), rest.get(at + 1..).unwrap_or_default());
        }
        at += 2;
    }
    (rest, &[])
}

fn is_key(after: &[u8]) -> bool {
    after.trim_ascii_start().first() == Some(&b':')
}

/// Whether a string is an image or another file rather than text. Base64 has no white space; its slash may be
/// written with a backslash before it.
fn is_data(text: &[u8]) -> bool {
    if text.len() <= DATA_MIN_BYTES {
        return false;
    }
    if text.starts_with(b"data:") {
        return memchr2(b' ', b'\n', text).is_none();
    }
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() | matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_' | b'\\');
    text.chunks(64).all(|chunk| chunk.iter().fold(true, |all, &byte| all & base64(byte)))
}

/// The weight of a string's text as it stands in JSON.
fn weigh_escaped(mut text: &[u8]) -> u64 {
    let mut weight = 0;
    while let Some((plain, escape)) = memchr(b'\\', text).and_then(|at| text.split_at_checked(at)) {
        weight += weigh(plain);
        let (byte, length) = match escape.get(1) {
            Some(b'u') => (first_byte(escape.get(2..6).unwrap_or_default()), 6),
            Some(b'n' | b'r' | b't') => (b' ', 2),
            _ => (b'"', 2),
        };
        weight += u64::from(weight_of(byte));
        text = escape.get(length..).unwrap_or_default();
    }
    weight + weigh(text)
}

/// The first UTF-8 byte of the character that four hexadecimal digits stand for. Of a surrogate pair the first
/// half counts for the whole.
fn first_byte(digits: &[u8]) -> u8 {
    let value = digits.iter().fold(0, |value, &digit| value << 4 | char::from(digit).to_digit(16).unwrap_or(0));
    match value {
        0xD800..=0xDBFF => 0xF0,
        0xDC00..=0xDFFF => 0x80,
        _ => char::from_u32(value).map_or(b'?', |c| c.encode_utf8(&mut [0; 4]).bytes().next().unwrap_or(b'?')),
    }
}

/// The weight of UTF-8 text. The inner loop has no branches, and sums so few bytes that a small integer holds
/// the sum: the compiler makes vector instructions of it.
fn weigh(text: &[u8]) -> u64 {
    const BLOCK: usize = 256;
    let Some((&first, after)) = text.split_first() else { return 0 };
    let mut weight = u64::from(weight_of(first));
    for (bytes, befores) in after.chunks(BLOCK).zip(text.chunks(BLOCK)) {
        let mut sum = 0u16;
        for (&byte, &before) in bytes.iter().zip(befores) {
            let in_run = is_space(byte) & is_space(before);
            sum += u16::from(if in_run { SPACE_IN_RUN } else { weight_of(byte) });
        }
        weight += u64::from(sum);
    }
    weight
}

#[inline(always)]
fn is_space(byte: u8) -> bool {
    (byte == b' ') | (byte == b'\n') | (byte == b'\t') | (byte == b'\r')
}

/// The weight of the character that begins with `byte`; a byte that begins none weighs nothing. Every case is
/// computed and one is chosen, because a choice of values has a vector form and a jump has none.
#[inline(always)]
fn weight_of(byte: u8) -> u8 {
    let letter = ((byte | 0x20).wrapping_sub(b'a') < 26) | is_space(byte);
    let digit = byte.wrapping_sub(b'0') < 10;
    let ascii = if letter { LETTER } else { SIGN };
    let ascii = if digit { DIGIT } else { ascii };
    // Accents, Greek, Cyrillic, Arabic, Indic and other scripts, up to the signs of U+2FFF, then CJK.
    let other = if byte >= 0xC0 { SIGN } else { 0 };
    let other = if byte >= 0xE3 { CJK } else { other };
    let other = if byte >= 0xF0 { SYMBOL } else { other };
    if byte < 0x80 { ascii } else { other }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_estimated_by_their_kind() {
        assert_eq!(estimate(""), 0);
        assert_eq!(estimate("a"), 1);
        assert_eq!(estimate("Hello, world! How are you today?"), 9);
        assert_eq!(estimate(&"玉".repeat(130)), 100);
        assert_eq!(estimate(&"9".repeat(300)), 99);
        assert_eq!(estimate(&"{}".repeat(50)), 50);
        assert_eq!(estimate("😀"), 2);
        assert_eq!(estimate(&" ".repeat(400)), 16);
        let prose = "The quick brown fox jumps over the lazy dog ".repeat(100);
        assert!(prose.len() as u64 / estimate(&prose) == 4);
    }

    #[test]
    fn an_estimate_is_the_sum_of_its_parts_at_every_length() {
        let text = "fn main() {\n    let n = 42;\n}\n玉门关 é 😀".repeat(30);
        let plain = |text: &str| {
            let bytes = text.as_bytes();
            let weight = |(at, &byte): (usize, &u8)| match at.checked_sub(1).map(|before| bytes[before]) {
                Some(before) if is_space(byte) && is_space(before) => SPACE_IN_RUN,
                _ => weight_of(byte),
            };
            bytes.iter().enumerate().map(|pair| u64::from(weight(pair))).sum::<u64>().div_ceil(TOKEN)
        };
        for (end, _) in text.char_indices() {
            assert_eq!(estimate(&text[..end]), plain(&text[..end]));
        }
    }

    #[test]
    fn bytes_of_output_are_four_to_a_token() {
        assert_eq!([0, 1, 4, 5].map(estimate_bytes), [0, 1, 1, 2]);
        assert!(estimate_bytes(u64::MAX) > 0);
    }

    #[test]
    fn a_body_counts_its_string_values_and_objects() {
        let text = "Tell me about the Jade Gate pass. ".repeat(20);
        let body = json!({"model": "", "messages": [{"role": "", "content": text}], "n": 123456789});
        let expected = estimate(&text) + OBJECT_TOKENS;
        assert_eq!(estimate_json(body.to_string().as_bytes()), expected);
        assert_eq!(estimate_json(serde_json::to_string_pretty(&body).unwrap().as_bytes()), expected);
        assert_eq!(estimate_json(b"{}"), 0);
    }

    #[test]
    fn escapes_count_as_what_they_stand_for() {
        assert_eq!(estimate_json(br#"["\u7389\u95e8\u7389\u95e8\u7389\u95e8"]"#), estimate("玉门玉门玉门"));
        assert_eq!(estimate_json(br#"["\ud83d\ude00\ud83d\ude00"]"#), estimate("😀😀"));
        assert_eq!(estimate_json(br#"["a\nb\"c\"\\"]"#), estimate("a\nb\"c\"\\"));
    }

    #[test]
    fn images_are_not_text() {
        let base64 = "iVBORw0KGgo/+AB=".repeat(10_000);
        for data in [base64.clone(), format!("data:image/png;base64,{base64}"), format!("data:a,{}", "%20".repeat(400))] {
            assert_eq!(estimate_json(json!({ "url": data }).to_string().as_bytes()), DATA_TOKENS);
        }
        assert_eq!(estimate_json(json!({ "d": base64 }).to_string().replace('/', "\\/").as_bytes()), DATA_TOKENS);
        for text in [base64[..512].to_owned(), format!("data: {}", "a word ".repeat(100)), "a b".repeat(1000)] {
            assert_eq!(estimate_json(json!({ "text": text }).to_string().as_bytes()), estimate(&text));
        }
    }

    #[test]
    fn anything_can_be_estimated() {
        for body in [&b""[..], b"\"", b"\"\\", b"\"\\u", b"\"\\u12\"", b"\"a\":", b"\xff\"\xff\xfe\"{{{", b"\\\"\\\""] {
            assert!(estimate_json(body) < 20);
        }
    }
}
