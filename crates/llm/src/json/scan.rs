//! One pass over a JSON object: full validation (syntax, UTF-8, depth) and the spans of its top-level members.

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

/// A fault in the body and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason:?} at byte {position}")]
pub struct ScanError {
    /// Byte offset of the fault.
    pub position: usize,
    /// What is wrong there.
    pub reason: ScanReason,
}

/// Scans `body`, which must be one JSON object nested at most `max_depth` levels.
pub fn scan_object(_body: &[u8], _max_depth: usize) -> Result<Object, ScanError> {
    Err(ScanError { position: 0, reason: ScanReason::Empty })
}

impl Object {
    /// The value of the top-level member `name`, if it stands there (the last one, when it is repeated).
    pub fn get(&self, _body: &[u8], _name: &str) -> Option<&Field> {
        None
    }

    /// The first member that a reader might take for one of `names` although we would not: a repeated name,
    /// one that equals it but for case, or one spelt with escapes.
    pub fn ambiguous<'n>(&self, _body: &[u8], _names: &[&'n str]) -> Option<(&'n str, usize)> {
        None
    }
}
