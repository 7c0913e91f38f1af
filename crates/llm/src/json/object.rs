//! What a scan gives: the members of an object as spans of its body, or the first fault.
//!
//! Only shapes and words stand here; how they are found is the scan's, how values are read from them the reads'.

use std::fmt;

use smallvec::SmallVec;

/// What a JSON value is, by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

/// One member of the top-level object: byte offsets into the scanned body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Start of the key's text, after its opening quote.
    pub key_start: u32,
    /// End of the key's text, before its closing quote.
    pub key_end: u32,
    /// First byte of the value.
    pub value_start: u32,
    /// One past the last byte of the value.
    pub value_end: u32,
    /// What the value is.
    pub kind: Kind,
    /// Whether the key is spelt with escapes.
    pub key_escaped: bool,
}

/// The top-level members in the order in which they stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object {
    /// The members.
    pub fields: SmallVec<[Field; 16]>,
    /// Offset of the object's opening brace.
    pub open: u32,
    /// Offset of the object's closing brace.
    pub close: u32,
}

/// Why a body is not what we can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ScanReason {
    Empty,
    NotAnObject,
    UnexpectedByte,
    UnexpectedEnd,
    ControlInString,
    BadEscape,
    BadNumber,
    InvalidUtf8,
    TooDeep,
    TrailingBytes,
    TooManyFields,
    TooLarge,
}

impl fmt::Display for ScanReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the body is empty",
            Self::NotAnObject => "the body is not a JSON object",
            Self::UnexpectedByte => "this is not valid JSON",
            Self::UnexpectedEnd => "the JSON ends too early",
            Self::ControlInString => "the string has an unescaped control character",
            Self::BadEscape => "the string has an escape that stands for no character",
            Self::BadNumber => "the number is malformed or too large for any reader",
            Self::InvalidUtf8 => "the string is not valid UTF-8",
            Self::TooDeep => "arrays and objects are nested too deeply",
            Self::TrailingBytes => "the JSON object is followed by more bytes",
            Self::TooManyFields => "the object has too many members",
            Self::TooLarge => "the body is too large",
        })
    }
}

/// A fault in the body and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason} (at byte {position})")]
pub struct ScanError {
    /// Byte offset of the fault.
    pub position: usize,
    /// What is wrong there.
    pub reason: ScanReason,
}
