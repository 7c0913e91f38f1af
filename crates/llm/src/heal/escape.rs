//! Characters of a text that JSON spells in another way.

use super::edit::EditKind;
use super::sign::Delimiter;

/// How a backslash is written and what was read for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// More has to come first.
    More,
    /// So many bytes as they stand.
    Copy(usize),
    /// So many bytes, written otherwise.
    Write(usize, Written),
}

/// What is written for an escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    Text(&'static str),
    /// An escape by number, of two digits.
    Byte(u8, u8),
}

impl Written {
    pub(super) fn write(self, out: &mut String) {
        match self {
            Self::Text(text) => out.push_str(text),
            Self::Byte(high, low) => {
                out.push_str("\\u00");
                out.push(char::from(high));
                out.push(char::from(low));
            }
        }
    }
}

/// Reads the escape with which `bytes` begin; `last` says that nothing follows them.
pub(super) fn escape(bytes: &[u8], last: bool) -> Escape {
    let Some(&byte) = bytes.get(1) else {
        return if last { Escape::Write(1, Written::Text("")) } else { Escape::More };
    };
    match byte {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Escape::Copy(2),
        b'u' => match digits(bytes, 4, last) {
            Some(Ok(())) => Escape::Copy(6),
            Some(Err(true)) => Escape::Write(bytes.len(), Written::Text("")),
            Some(Err(false)) => Escape::Write(1, Written::Text("\\\\")),
            None => Escape::More,
        },
        b'x' => match (digits(bytes, 2, last), bytes.get(2), bytes.get(3)) {
            (Some(Ok(())), Some(high), Some(low)) => Escape::Write(4, Written::Byte(*high, *low)),
            (None, ..) => Escape::More,
            (Some(Err(true)), ..) => Escape::Write(bytes.len(), Written::Text("")),
            _ => Escape::Write(1, Written::Text("\\\\")),
        },
        b'\'' => Escape::Write(2, Written::Text("'")),
        b'`' => Escape::Write(2, Written::Text("`")),
        // A line that goes on.
        b'\n' => Escape::Write(2, Written::Text("")),
        _ => Escape::Write(1, Written::Text("\\\\")),
    }
}

/// Whether so many hexadecimal digits follow; an error says whether the text was cut off in them.
fn digits(bytes: &[u8], count: usize, last: bool) -> Option<Result<(), bool>> {
    for at in 2..2 + count {
        match bytes.get(at) {
            Some(byte) if byte.is_ascii_hexdigit() => {}
            Some(_) => return Some(Err(false)),
            None if last => return Some(Err(true)),
            None => return None,
        }
    }
    Some(Ok(()))
}

/// A control character as it is written in a text.
pub(super) fn write_control(byte: u8, out: &mut String) {
    match byte {
        b'\n' => out.push_str("\\n"),
        b'\r' => out.push_str("\\r"),
        b'\t' => out.push_str("\\t"),
        0x08 => out.push_str("\\b"),
        0x0C => out.push_str("\\f"),
        _ => {
            out.push_str("\\u00");
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
            }
        }
    }
}

/// Writes all of a text whose end is known; the kind of what was changed last, if anything was.
pub(super) fn write_text(raw: &str, delimiter: Delimiter, out: &mut String) -> Option<EditKind> {
    let mut edit = None;
    let mut rest = raw;
    while let Some(c) = rest.chars().next() {
        let mut read = c.len_utf8();
        match c {
            '\\' => match escape(rest.as_bytes(), true) {
                Escape::Copy(bytes) => {
                    out.push_str(rest.get(..bytes).unwrap_or_default());
                    read = bytes;
                }
                Escape::Write(bytes, written) => {
                    written.write(out);
                    edit = Some(EditKind::BadEscape);
                    read = bytes;
                }
                Escape::More => {}
            },
            '"' => {
                out.push_str("\\\"");
                // In other quotes a double one is a plain character.
                if delimiter == Delimiter::Double {
                    edit = Some(EditKind::InnerQuote);
                }
            }
            '\0'..='\u{1f}' => {
                write_control(c as u8, out);
                edit = Some(EditKind::ControlCharacter);
            }
            _ => out.push(c),
        }
        rest = rest.get(read..).unwrap_or_default();
    }
    edit
}
