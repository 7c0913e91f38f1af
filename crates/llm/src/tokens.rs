//! Token counts where no upstream has counted: estimates for every request, counts where somebody asks for one.
//!
//! In: text, or a request body as it was sent. Out: about how many tokens a model will see, in linear time and without
//! allocation: good enough to reserve from a budget and to fill a record that says so, never to be shown as a count.
//! [`Gauge`] tells how a model's tokens relate to this estimate, and counts by its vocabulary where that is public.
//!
//! The rule of the estimate is a weight per character by its kind, found from its first UTF-8 byte alone: four Latin letters,
//! three digits or two signs make a token, 1.3 CJK characters make one, a symbol outside the basic plane is
//! two. In a run of white space hardly more than the first counts, since vocabularies hold whole runs.

mod characters;
mod encoding;
mod gauge;
mod split;
mod vocabulary;

use memchr::{memchr, memchr2};

pub use encoding::{Count, Counter, Encoding};
pub use gauge::Gauge;

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
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'"' {
            objects += u64::from(byte == b'{');
            continue;
        }
        let (text, has_code_points, after) = string(rest);
        rest = after;
        if is_key(after) {
            continue;
        }
        weight += match has_code_points {
            _ if is_data(text) => DATA_TOKENS * TOKEN,
            true => weigh_code_points(text),
            false => weigh(text),
        };
    }
    weight.div_ceil(TOKEN) + objects.saturating_sub(1) * OBJECT_TOKENS
}

/// Splits what follows an opening quote into the string's text, whether characters in it are written as
/// numbers, and what follows its closing quote.
fn string(rest: &[u8]) -> (&[u8], bool, &[u8]) {
    let (mut at, mut has_code_points) = (0, false);
    while let Some(stop) = rest.get(at..).and_then(|from| memchr2(b'"', b'\\', from)) {
        at += stop;
        if rest.get(at) == Some(&b'"') {
            let (text, after) = rest.split_at_checked(at).unwrap_or_default();
            return (text, has_code_points, after.get(1..).unwrap_or_default());
        }
        has_code_points |= rest.get(at + 1) == Some(&b'u');
        at += 2;
    }
    (rest, has_code_points, &[])
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
    let base64 =
        |byte: u8| byte.is_ascii_alphanumeric() | matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_' | b'\\');
    text.chunks(64).all(|chunk| chunk.iter().fold(true, |all, &byte| all & base64(byte)))
}

/// The weight of a string's text in which characters are written as `\u` and a number. Other escapes are weighed
/// as they stand, here and elsewhere, because a backslash weighs little.
fn weigh_code_points(mut text: &[u8]) -> u64 {
    let mut weight = 0;
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| memchr(b'\\', rest)).map(|at| from + at) {
        if text.get(at + 1) != Some(&b'u') {
            from = at + 2;
            continue;
        }
        let (plain, escape) = text.split_at_checked(at).unwrap_or_default();
        weight += weigh(plain) + u64::from(weight_of(first_byte(escape.get(2..6).unwrap_or_default())));
        text = escape.get(6..).unwrap_or_default();
        from = 0;
    }
    weight + weigh(text)
}

/// The first UTF-8 byte of the character that four hexadecimal digits stand for. Of a surrogate pair the first
/// half counts for the whole.
fn first_byte(digits: &[u8]) -> u8 {
    let value =
        digits.iter().fold(0, |value, &digit| value << 4 | char::from(digit).to_digit(16).unwrap_or(0));
    match value {
        0xD800..=0xDBFF => 0xF0,
        0xDC00..=0xDFFF => 0x80,
        _ => {
            char::from_u32(value).map_or(b'?', |c| c.encode_utf8(&mut [0; 4]).bytes().next().unwrap_or(b'?'))
        }
    }
}

/// The weight of UTF-8 text.
fn weigh(text: &[u8]) -> u64 {
    let (mut weight, mut in_runs, mut before) = (0, 0, 0);
    for byte in text {
        let entry = WEIGHTS.get(usize::from(*byte)).copied().unwrap_or_default();
        weight += u64::from(entry & !SPACE);
        in_runs += u64::from(entry & before & SPACE != 0);
        before = entry;
    }
    weight - in_runs * u64::from(LETTER - SPACE_IN_RUN)
}

/// Stands in [`WEIGHTS`] at white space, beside its weight.
const SPACE: u8 = 0x80;
/// The weight of each byte. Looked up, because every request's text goes through here.
#[allow(clippy::indexing_slicing, reason = "the compiler itself goes through a constant")]
const WEIGHTS: [u8; 256] = {
    let mut weights = [0; 256];
    let mut byte = 0_u8;
    loop {
        let space = if matches!(byte, b' ' | b'\n' | b'\t' | b'\r') { SPACE } else { 0 };
        weights[byte as usize] = weight_of(byte) | space;
        match byte.checked_add(1) {
            Some(next) => byte = next,
            None => break weights,
        }
    }
};

/// The weight of the character that begins with `byte`; a byte that begins none weighs nothing.
const fn weight_of(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b' ' | b'\n' | b'\t' | b'\r' | b'\\' => LETTER,
        b'0'..=b'9' => DIGIT,
        ..0x80 => SIGN,
        0x80..0xC0 => 0,
        // Accents, Greek, Cyrillic, Arabic, Indic and other scripts, up to the signs of U+2FFF.
        0xC0..0xE3 => SIGN,
        0xE3..0xF0 => CJK,
        0xF0.. => SYMBOL,
    }
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
    fn escapes_count_about_as_what_they_stand_for() {
        assert_eq!(estimate_json(br#"["\u7389\u95e8\u7389\u95e8\u7389\u95e8"]"#), estimate("玉门玉门玉门"));
        assert_eq!(estimate_json(br#"["\ud83d\ude00\ud83d\ude00"]"#), estimate("😀😀"));
        let code = "fn main() {\n\tprintln!(\"c:\\\\dir {n}\");\n}\n".repeat(100);
        let (plain, escaped) = (estimate(&code), estimate_json(json!([code]).to_string().as_bytes()));
        assert!(escaped > plain && escaped < plain * 13 / 10, "{plain} {escaped}");
    }

    #[test]
    fn images_are_not_text() {
        let base64 = "iVBORw0KGgo/+AB=".repeat(10_000);
        for data in [
            base64.clone(),
            format!("data:image/png;base64,{base64}"),
            format!("data:a,{}", "%20".repeat(400)),
        ] {
            assert_eq!(estimate_json(json!({ "url": data }).to_string().as_bytes()), DATA_TOKENS);
        }
        assert_eq!(
            estimate_json(json!({ "d": base64 }).to_string().replace('/', "\\/").as_bytes()),
            DATA_TOKENS
        );
        for text in [
            base64.chars().take(512).collect(),
            format!("data: {}", "a word ".repeat(100)),
            "a b".repeat(1000),
        ] {
            assert_eq!(estimate_json(json!({ "text": text }).to_string().as_bytes()), estimate(&text));
        }
    }

    #[test]
    fn anything_can_be_estimated() {
        for body in
            [&b""[..], b"\"", b"\"\\", b"\"\\u", b"\"\\u12\"", b"\"a\":", b"\xff\"\xff\xfe\"{{{", b"\\\"\\\""]
        {
            assert!(estimate_json(body) < 20);
        }
    }
}
