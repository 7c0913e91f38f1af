//! One pass over a JSON object: full validation (syntax, UTF-8, depth) and the spans of its top-level members.
//!
//! In: the bytes of a body. Out: where its top-level members stand, or the first fault and its offset. What is
//! accepted is what `serde_json` accepts as a `Value`, so a scanned body can be decoded later without
//! surprises. Nothing is decoded, copied or recursed into here.

use smallvec::SmallVec;

use super::object::{Field, Kind, Object, ScanError, ScanReason};
use super::text::{Text, text};

/// The most members that the top-level object may have.
pub const MAX_FIELDS: usize = 4096;

/// Scans `body`, which must be one JSON object nested at most `max_depth` levels.
pub fn scan_object(body: &[u8], max_depth: usize) -> Result<Object, ScanError> {
    if u32::try_from(body.len()).is_err() {
        return Err(ScanError { position: u32::MAX as usize, reason: ScanReason::TooLarge });
    }
    let mut scanner = Scanner::new(body, 0, max_depth);
    match scanner.skip_space() {
        Some(b'{') => {}
        Some(b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
            return scanner.fail(ScanReason::NotAnObject);
        }
        Some(_) => return scanner.fail(ScanReason::UnexpectedByte),
        None => return scanner.fail(ScanReason::Empty),
    }
    let mut object = Object::default();
    scanner.top(&mut object)?;
    match scanner.skip_space() {
        None => Ok(object),
        Some(_) => scanner.fail(ScanReason::TrailingBytes),
    }
}

/// Scans the value of `field` when it is an object, so that its own members can be read or edited. The spans
/// that come back are offsets into the same `body`.
pub fn scan_value(body: &[u8], field: &Field, max_depth: usize) -> Result<Object, ScanError> {
    let body = body.get(..field.value_end as usize).unwrap_or(body);
    let mut scanner = Scanner::new(body, field.value_start as usize, max_depth);
    match scanner.skip_space() {
        Some(b'{') => {}
        _ => return scanner.fail(ScanReason::NotAnObject),
    }
    let mut object = Object::default();
    scanner.top(&mut object)?;
    Ok(object)
}

/// A position in a body and the containers around it.
pub(super) struct Scanner<'b> {
    pub(super) body: &'b [u8],
    pub(super) at: usize,
    max_depth: usize,
    depth: usize,
    /// The innermost containers, one bit each, the innermost lowest: 1 is an object.
    objects: u64,
    /// Full words of the containers further out.
    outer: SmallVec<[u64; 2]>,
}

impl<'b> Scanner<'b> {
    pub(super) fn new(body: &'b [u8], at: usize, max_depth: usize) -> Self {
        Self { body, at, max_depth, depth: 0, objects: 0, outer: SmallVec::new() }
    }

    /// A position before a member of an object.
    pub(super) fn within_object(body: &'b [u8], at: usize, max_depth: usize) -> Self {
        Self { depth: 1, objects: 1, ..Self::new(body, at, max_depth) }
    }

    #[cold]
    pub(super) fn fail<T>(&self, reason: ScanReason) -> Result<T, ScanError> {
        Err(ScanError { position: self.at, reason })
    }

    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    /// Skips white space; the byte after it.
    #[inline(always)]
    pub(super) fn skip_space(&mut self) -> Option<u8> {
        loop {
            match self.peek() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other,
            }
        }
    }

    /// Skips white space; the byte after it, which must be there.
    #[inline(always)]
    pub(super) fn token(&mut self) -> Result<u8, ScanError> {
        match self.skip_space() {
            Some(byte) => Ok(byte),
            None => self.fail(ScanReason::UnexpectedEnd),
        }
    }

    /// The object at whose opening brace we stand, with its members.
    #[inline(always)]
    fn top(&mut self, object: &mut Object) -> Result<(), ScanError> {
        object.open = self.at as u32;
        self.enter(b'{')?;
        let mut byte = self.token()?;
        while byte != b'}' || !object.fields.is_empty() {
            if object.fields.len() == MAX_FIELDS {
                return self.fail(ScanReason::TooManyFields);
            }
            let field = self.member(byte)?;
            object.fields.push(field);
            match self.token()? {
                b',' => self.at += 1,
                b'}' => break,
                _ => return self.fail(ScanReason::UnexpectedByte),
            }
            byte = self.token()?;
        }
        object.close = self.at as u32;
        self.at += 1;
        Ok(())
    }

    /// One member of the top-level object, whose first byte is `byte`.
    #[inline(always)]
    fn member(&mut self, byte: u8) -> Result<Field, ScanError> {
        let key_start = self.at + 1;
        let key = self.key(byte)?;
        let first = self.token()?;
        let value_start = self.at;
        let kind = self.value(first)?;
        Ok(Field {
            key_start: key_start as u32,
            key_end: key.end as u32,
            value_start: value_start as u32,
            value_end: self.at as u32,
            kind,
            key_escaped: key.escaped,
        })
    }

    /// A whole value, whose first byte is `first`.
    #[inline(always)]
    pub(super) fn value(&mut self, first: u8) -> Result<Kind, ScanError> {
        match first {
            b'{' | b'[' => self.container(first),
            _ => self.scalar(first),
        }
    }

    /// A key, whose first byte is `byte`, and its colon.
    #[inline(always)]
    pub(super) fn key(&mut self, byte: u8) -> Result<Text, ScanError> {
        if byte != b'"' {
            return self.fail(ScanReason::UnexpectedByte);
        }
        let key = text(self.body, self.at + 1)?;
        self.at = key.end + 1;
        if self.token()? != b':' {
            return self.fail(ScanReason::UnexpectedByte);
        }
        self.at += 1;
        Ok(key)
    }

    /// A whole array or object that opens with `first`, however deep it goes.
    fn container(&mut self, first: u8) -> Result<Kind, ScanError> {
        let base = self.depth;
        self.enter(first)?;
        let mut opened = true;
        loop {
            let mut byte = self.token()?;
            if !(opened && byte == self.closer()) {
                if self.in_object() {
                    self.key(byte)?;
                    byte = self.token()?;
                }
                if matches!(byte, b'{' | b'[') {
                    self.enter(byte)?;
                    opened = true;
                    continue;
                }
                self.scalar(byte)?;
            }
            // A value is done: close what it closes, until a comma asks for the next one.
            loop {
                let byte = self.token()?;
                if byte == b',' {
                    self.at += 1;
                    opened = false;
                    break;
                }
                if byte != self.closer() {
                    return self.fail(ScanReason::UnexpectedByte);
                }
                self.leave();
                if self.depth == base {
                    return Ok(if first == b'{' { Kind::Object } else { Kind::Array });
                }
            }
        }
    }

    #[inline(always)]
    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }

    #[inline(always)]
    fn closer(&self) -> u8 {
        if self.in_object() { b'}' } else { b']' }
    }

    #[inline(always)]
    pub(super) fn enter(&mut self, opener: u8) -> Result<(), ScanError> {
        if self.depth >= self.max_depth {
            return self.fail(ScanReason::TooDeep);
        }
        if self.depth != 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.objects);
        }
        self.objects = self.objects << 1 | u64::from(opener == b'{');
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    #[inline(always)]
    pub(super) fn leave(&mut self) {
        self.at += 1;
        self.depth -= 1;
        self.objects >>= 1;
        if self.depth.is_multiple_of(64) {
            self.objects = self.outer.pop().unwrap_or_default();
        }
    }

    /// A string, number, `true`, `false` or `null` that begins with `first`.
    #[inline(always)]
    fn scalar(&mut self, first: u8) -> Result<Kind, ScanError> {
        match first {
            b'"' => {
                self.at = text(self.body, self.at + 1)?.end + 1;
                Ok(Kind::String)
            }
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.literal(b"true", Kind::Bool),
            b'f' => self.literal(b"false", Kind::Bool),
            b'n' => self.literal(b"null", Kind::Null),
            _ => self.fail(ScanReason::UnexpectedByte),
        }
    }

    #[inline(always)]
    fn literal(&mut self, word: &[u8], kind: Kind) -> Result<Kind, ScanError> {
        for &wanted in word {
            match self.peek() {
                Some(byte) if byte == wanted => self.at += 1,
                Some(_) => return self.fail(ScanReason::UnexpectedByte),
                None => return self.fail(ScanReason::UnexpectedEnd),
            }
        }
        Ok(kind)
    }

    fn number(&mut self) -> Result<Kind, ScanError> {
        let start = self.at;
        let mut exponent_digits = 0;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
            if let Some(b'0'..=b'9') = self.peek() {
                return self.fail(ScanReason::BadNumber);
            }
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            exponent_digits = self.digits()?;
        }
        // Only a number of this size can be beyond what an f64 holds, which readers refuse.
        if exponent_digits >= 3 || self.at - start >= 200 {
            let number = self.body.get(start..self.at).unwrap_or_default();
            if serde_json::from_slice::<serde_json::Number>(number).is_err() {
                self.at = start;
                return self.fail(ScanReason::BadNumber);
            }
        }
        Ok(Kind::Number)
    }

    /// At least one digit; how many.
    #[inline(always)]
    fn digits(&mut self) -> Result<usize, ScanError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        match self.at - start {
            0 if self.peek().is_none() => self.fail(ScanReason::UnexpectedEnd),
            0 => self.fail(ScanReason::BadNumber),
            count => Ok(count),
        }
    }
}
