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

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys of all members that a walk finds, those of deeper objects with a dot before them.
    fn walked(mut walk: Walk<'_>) -> Option<Vec<String>> {
        let mut keys = Vec::new();
        let mut depth = 0;
        loop {
            match walk.key().ok()? {
                None if depth == 0 => break,
                None => depth -= 1,
                Some(key) => {
                    keys.push(".".repeat(depth) + std::str::from_utf8(key).unwrap());
                    if walk.kind() == Kind::Object {
                        walk.enter().ok()?;
                        depth += 1;
                    } else {
                        walk.value().ok()?;
                    }
                }
            }
        }
        walk.is_at_end().then_some(keys)
    }

    #[test]
    fn a_walk_finds_every_member_once() {
        let keys = |body: &str| walked(Walk::object(body.as_bytes(), 128).ok()?);
        let body = r#" { "a\"b" : [1,{"x":2}] , "c" : { } ,"d":{"e":{"f":-1.5e3},"g":null}, "h":"i"} "#;
        assert_eq!(keys(body).unwrap(), ["a\\\"b", "c", "d", ".e", "..f", ".g", "h"]);
        assert_eq!(keys("{}").unwrap(), [""; 0]);
        for broken in [
            "",
            "[]",
            "{",
            "{,}",
            r#"{"a":1,}"#,
            r#"{"a" 1}"#,
            r#"{"a":1 "b":2}"#,
            r#"{"a":{"b":1}"#,
            r#"{"a":tru}"#,
        ] {
            assert_eq!(keys(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_walk_from_within_ends_only_where_the_outermost_object_does() {
        let tail = |body: &str, from: &str| {
            walked(Walk::members(body.as_bytes(), body.rfind(from).expect("a place"), 128))
        };
        let body = r#"{"a":[{"usage":{}}],"usage":{"n":{}},"b":1} "#;
        assert_eq!(tail(body, "\"usage\"").unwrap(), ["usage", ".n", "b"]);
        assert_eq!(tail(body, "\"a\"").unwrap(), ["a", "usage", ".n", "b"]);
        for inside in
            [r#"{"a":{"usage":{}}}"#, r#"{"a":[{"usage":{}}]}"#, r#"{"usage":{}} {}"#, r#"{"usage":{}"#]
        {
            assert_eq!(tail(inside, "\"usage\""), None, "{inside}");
        }
    }
}
