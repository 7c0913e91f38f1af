//! Values without quotes: words, numbers, and texts that have lost them.

use super::edit::EditKind;
use super::look::Blind;
use super::machine::{Healer, Place, Step};
use super::sign::{Container, is_space, is_word, quote_length};

/// The longest word that is looked up; a number may be longer.
const WORD_MOST: usize = 256;

impl Healer {
    /// What stands where a value must come and is no text and no bracket.
    pub(super) fn word(&mut self, c: char) -> Step {
        let bytes = self.rest().as_bytes();
        let end = self.looked + bytes.iter().skip(self.looked).take_while(|byte| is_word(**byte)).count();
        if end == bytes.len() && !self.last {
            if end < WORD_MOST || bytes.iter().all(|byte| is_digit(*byte)) {
                self.looked = end;
                return Step::Waits;
            }
            return self.begin_bare();
        }
        let fresh = end - self.looked;
        self.has_looked(fresh);
        self.looked = end;
        let bytes = self.rest().as_bytes();
        if end == 0 {
            // In an array a lone sign is no value.
            let is_text = matches!(c, '$' | '@' | '<' | '~' | '/' | '\\' | '#' | '&' | '*' | '(' | '%');
            return if is_text { self.begin_bare() } else { self.stray(c.len_utf8()) };
        }
        let word = bytes.get(..end).unwrap_or_default();
        let meaning = meaning(word, self.last && end == bytes.len());
        let ends = match self.word_ends(end, word) {
            Err(Blind::More) => return Step::Waits,
            Err(Blind::Far) => true,
            Ok(ends) => ends,
        };
        if !ends {
            return self.begin_bare();
        }
        let cut = self.last && end == bytes.len() && !self.stack.is_empty();
        if cut && !self.trusts_end() {
            return self.fail();
        }
        match meaning {
            Meaning::Same => {
                self.flush();
                self.copy(end);
            }
            Meaning::Word(text) => self.write_value(text, end, EditKind::Literal),
            Meaning::Number(text) => self.write_value(&text, end, EditKind::Number),
            // The beginning of a word says nothing.
            Meaning::Begun if cut => {
                self.consume(end);
                return Step::Moved;
            }
            Meaning::Begun | Meaning::Text => return self.begin_bare(),
        }
        self.value_ends();
        if self.stack.is_empty() {
            self.place = Place::Behind;
        }
        Step::Moved
    }

    fn write_value(&mut self, text: &str, read: usize, kind: EditKind) {
        self.note(kind);
        self.emit(text);
        self.consume(read);
    }

    /// Whether the value ends where its word does.
    fn word_ends(&self, end: usize, word: &[u8]) -> Result<bool, Blind> {
        let in_object = self.top() == Some(Container::Object);
        let mut look = self.look(end).afresh();
        let (next, line) = look.skip_space()?;
        let spaced = look.at > 0;
        let Some(next) = next else { return Ok(true) };
        let is_number = || word.iter().all(|byte| is_digit(*byte));
        Ok(match next {
            // Digits in groups are one number, which is a text.
            b',' if in_object && !spaced && is_number() => {
                !look.second()?.is_some_and(|next| next.is_ascii_digit())
            }
            b',' | b'}' | b']' | b';' => true,
            b'{' | b'[' => spaced,
            b'`' => look.is_fence()?,
            b'/' => look.is_comment()?,
            b'#' => spaced,
            0xEF => true,
            _ if quote_length(look.rest()) > 0 => {
                let is_value = literal(word).is_some() || is_number();
                spaced && (line || is_value) || is_value && look.is_key()?
            }
            _ if !spaced => false,
            _ if in_object => {
                look.bare_key()?.is_some_and(|key| line || !has_space(look.bytes, look.at, key.end))
            }
            _ => is_number() && (next.is_ascii_digit() || next == b'-') || line,
        })
    }
}

fn has_space(bytes: &[u8], from: usize, to: usize) -> bool {
    bytes.get(from..to).is_some_and(|word| word.iter().any(|byte| is_space(*byte)))
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E')
}

/// What a word stands for.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    /// Itself.
    Same,
    /// A word of JSON.
    Word(&'static str),
    /// A number, spelt so.
    Number(String),
    /// The beginning of a word of JSON, where the document was cut off.
    Begun,
    /// A text.
    Text,
}

fn meaning(word: &[u8], is_cut: bool) -> Meaning {
    if let Some(text) = literal(word) {
        return if text.as_bytes() == word { Meaning::Same } else { Meaning::Word(text) };
    }
    if is_number(word) {
        return Meaning::Same;
    }
    if let Some(text) = number(word) {
        return Meaning::Number(text);
    }
    if is_cut {
        let words: [&[u8]; 6] = [b"true", b"false", b"null", b"True", b"False", b"None"];
        if words.iter().any(|whole| whole.starts_with(word)) || word == b"-" || word == b"+" {
            return Meaning::Begun;
        }
        // Of a number its whole digits are left.
        let digits =
            std::str::from_utf8(word).unwrap_or_default().trim_end_matches(['.', 'e', 'E', '+', '-']);
        if is_number(digits.as_bytes()) {
            return Meaning::Number(digits.to_owned());
        }
    }
    Meaning::Text
}

/// The word of JSON that a word of JSON, Python or JavaScript stands for.
pub(super) fn literal(word: &[u8]) -> Option<&'static str> {
    Some(match word {
        b"true" | b"True" | b"TRUE" => "true",
        b"false" | b"False" | b"FALSE" => "false",
        b"null" | b"Null" | b"NULL" | b"None" | b"nil" | b"undefined" | b"NaN" | b"nan" | b"Infinity"
        | b"-Infinity" | b"+Infinity" | b"inf" | b"-inf" => "null",
        _ => return None,
    })
}

/// Whether this is a number as JSON spells it.
fn is_number(word: &[u8]) -> bool {
    let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = word.strip_prefix(b"-").unwrap_or(word);
    let whole = digits(rest);
    if whole == 0 || whole > 1 && rest.first() == Some(&b'0') {
        return false;
    }
    rest = rest.get(whole..).unwrap_or_default();
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = fraction.get(count..).unwrap_or_default();
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
        return !exponent.is_empty() && digits(exponent) == exponent.len();
    }
    rest.is_empty()
}

/// A number that other languages spell so, as JSON spells it. One with zeros before it may be no number at all.
fn number(word: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(word).ok()?;
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if let Some(hex) = digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        return Some(format!(
            "{sign}{}",
            u64::from_str_radix(hex, 16).ok().filter(|_| !hex.starts_with('+'))?
        ));
    }
    if !digits.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut spelt = digits.to_owned();
    if spelt.contains('_') {
        let whole = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !spelt.split('_').all(whole) {
            return None;
        }
        spelt.retain(|c| c != '_');
    }
    if spelt.starts_with('.') {
        spelt.insert(0, '0');
    }
    if spelt.ends_with('.') {
        spelt.push('0');
    } else if let Some((whole, exponent)) = spelt.split_once(".e") {
        spelt = format!("{whole}.0e{exponent}");
    }
    let spelt = format!("{sign}{spelt}");
    is_number(spelt.as_bytes()).then_some(spelt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_value() {
        for (word, expected) in [
            (".5", Some("0.5")),
            ("-.5", Some("-0.5")),
            ("5.", Some("5.0")),
            ("5.e3", Some("5.0e3")),
            ("+5", Some("5")),
            ("0x1F", Some("31")),
            ("-0x10", Some("-16")),
            ("1_000", Some("1000")),
            ("007", None),
            ("1__0", None),
            ("0x", None),
            ("1.2.3", None),
            (".", None),
            ("2024-01-01", None),
            ("e5", None),
        ] {
            assert_eq!(number(word.as_bytes()).as_deref(), expected, "{word}");
        }
    }
}
