//! One pass over an object's members, pulled one by one: nothing is collected and nothing is looked at twice.
//!
//! In: a body and where to begin. Out: keys and values as slices of it, until its end or the first fault. What is
//! stepped over is checked as the scan checks it.

use super::object::{Kind, ScanError, ScanReason};
use super::scan::Scanner;

/// A place between two members.
pub struct Walk<'b> {
    scanner: Scanner<'b>,
    /// Whether no member of the innermost object has been read yet.
    fresh: bool,
}

impl<'b> Walk<'b> {
    /// Begins before the first member of the object that is the whole of `body`.
    pub fn object(body: &'b [u8], max_depth: usize) -> Result<Self, ScanError> {
        let mut walk = Self { scanner: Scanner::new(body, 0, max_depth), fresh: true };
        walk.enter()?;
        Ok(walk)
    }

    /// Begins before the member whose key's opening quote stands at `from`.
    pub fn members(body: &'b [u8], from: usize, max_depth: usize) -> Self {
        Self { scanner: Scanner::within_object(body, from, max_depth), fresh: true }
    }

    /// The next member's key as it is spelt; nothing at the end of the innermost object, out of which this steps.
    #[inline]
    pub fn key(&mut self) -> Result<Option<&'b [u8]>, ScanError> {
        let mut byte = self.scanner.token()?;
        let fresh = std::mem::replace(&mut self.fresh, false);
        match byte {
            b'}' => {
                self.scanner.leave();
                return Ok(None);
            }
            b',' if !fresh => {
                self.scanner.at += 1;
                byte = self.scanner.token()?;
            }
            _ if fresh => {}
            _ => return self.scanner.fail(ScanReason::UnexpectedByte),
        }
        let start = self.scanner.at + 1;
        let key = self.scanner.key(byte)?;
        Ok(Some(self.scanner.body.get(start..key.end).unwrap_or_default()))
    }

    /// What the value that comes next is; a fault shows when it is taken.
    #[inline]
    pub fn kind(&mut self) -> Kind {
        match self.scanner.skip_space() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'n') => Kind::Null,
            _ => Kind::Number,
        }
    }

    /// Takes the value that comes next, quotes and brackets included.
    #[inline]
    pub fn value(&mut self) -> Result<&'b [u8], ScanError> {
        let first = self.scanner.token()?;
        let start = self.scanner.at;
        self.scanner.value(first)?;
        Ok(self.scanner.body.get(start..self.scanner.at).unwrap_or_default())
    }

    /// Steps into the object that comes next: its members are read before what follows it.
    #[inline]
    pub fn enter(&mut self) -> Result<(), ScanError> {
        if self.scanner.skip_space() != Some(b'{') {
            return self.scanner.fail(ScanReason::NotAnObject);
        }
        self.fresh = true;
        self.scanner.enter(b'{')
    }

    /// Whether nothing but white space is left. Of a walk that began inside a deeper object something always is.
    pub fn is_at_end(&mut self) -> bool {
        self.scanner.skip_space().is_none()
    }
}
