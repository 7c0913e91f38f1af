//! Characters between values: what each stands for, also in other alphabets' spelling.

/// What a bracket opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    Object,
    Array,
}

impl Container {
    pub(super) fn opener(self) -> char {
        if self == Self::Object { '{' } else { '[' }
    }

    pub(super) fn closer(self) -> char {
        if self == Self::Object { '}' } else { ']' }
    }
}

/// What a text stands between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delimiter {
    Double,
    Single,
    Backtick,
    /// Typographic double quotes; a plain one may end them.
    Smart,
    /// Typographic single quotes.
    SmartSingle,
    /// A quote with a backslash before it, in a document that was escaped as a whole.
    Escaped,
    /// Three of these quotes.
    Triple(u8),
    /// Nothing.
    Bare,
}

impl Delimiter {
    /// Whether a character may end a text that stands between these.
    pub(super) fn may_end(self, c: char) -> bool {
        match self {
            Self::Double => c == '"',
            Self::Single => c == '\'',
            Self::Backtick => c == '`',
            Self::Smart => matches!(c, '"' | '“' | '”' | '„' | '‟' | '＂'),
            Self::SmartSingle => matches!(c, '\'' | '‘' | '’' | '‚' | '‛'),
            Self::Escaped | Self::Triple(_) | Self::Bare => false,
        }
    }
}

/// What a character stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Open(Container),
    Close(Container),
    Comma,
    Colon,
    Quote(Delimiter),
    Other,
}

/// What a character stands for between values, and whether JSON spells it so.
pub(super) fn sign(c: char) -> (Sign, bool) {
    use Container::{Array, Object};
    match c {
        '{' => (Sign::Open(Object), true),
        '}' => (Sign::Close(Object), true),
        '[' => (Sign::Open(Array), true),
        ']' => (Sign::Close(Array), true),
        ',' => (Sign::Comma, true),
        ':' => (Sign::Colon, true),
        '"' => (Sign::Quote(Delimiter::Double), true),
        '\'' => (Sign::Quote(Delimiter::Single), false),
        '`' => (Sign::Quote(Delimiter::Backtick), false),
        '“' | '”' | '„' | '‟' | '＂' => (Sign::Quote(Delimiter::Smart), false),
        '‘' | '’' | '‚' | '‛' => (Sign::Quote(Delimiter::SmartSingle), false),
        '，' | '、' | ';' | '；' => (Sign::Comma, false),
        '：' => (Sign::Colon, false),
        '｛' => (Sign::Open(Object), false),
        '｝' => (Sign::Close(Object), false),
        '［' => (Sign::Open(Array), false),
        '］' => (Sign::Close(Array), false),
        _ => (Sign::Other, false),
    }
}

/// White space of JSON.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// White space of which JSON knows nothing.
pub(super) fn is_odd_space(c: char) -> bool {
    matches!(c, '\u{feff}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{b}' | '\u{c}')
        || (!c.is_ascii() && c.is_whitespace())
}

/// Bytes that words and numbers are made of.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+' | b'-' | b'.') || byte >= 0x80 && byte != 0xEF
}

/// Length of the quote with which `bytes` begin; 0 when they do not.
pub(super) fn quote_length(bytes: &[u8]) -> usize {
    match bytes {
        [b'"' | b'\'', ..] => 1,
        [0xE2, 0x80, 0x98..=0x9F, ..] => 3,
        _ => 0,
    }
}
