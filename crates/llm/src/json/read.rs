//! Typed reads of single members, and the members that another reader might take for ours.
//!
//! In: a scanned object and the body it was scanned from. Out: one value, or the precise reason why there is
//! none. Only what is asked for is decoded.

use std::borrow::Cow;

use super::object::{Field, Kind, Object};
use super::scan::scan_value;

/// What stands under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read<T> {
    /// There is no such member.
    Missing,
    /// The member is `null`.
    Null,
    /// The member is there, but is not of the wanted type or range; its kind.
    Wrong(Kind),
    /// The value.
    Is(T),
}

impl<T> Read<T> {
    /// The value, if it is there and of the wanted type.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Missing | Self::Null | Self::Wrong(_) => None,
        }
    }
}

/// A whole number that is not negative, also when it is spelt `100.0` or `1e3`.
pub fn whole_number(text: &[u8]) -> Option<u64> {
    /// As many digits never overflow.
    const DIGITS: usize = 19;
    if (1..=DIGITS).contains(&text.len()) && text.iter().all(u8::is_ascii_digit) {
        return Some(text.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')));
    }
    let text = std::str::from_utf8(text).ok()?;
    text.parse().ok().or_else(|| {
        let number: f64 = text.parse().ok()?;
        (number.fract() == 0.0 && (0.0..9e15).contains(&number)).then_some(number as u64)
    })
}

impl Field {
    /// The member's name, decoded.
    pub fn key<'b>(&self, body: &'b [u8]) -> Cow<'b, str> {
        let (start, end) = (self.key_start as usize, self.key_end as usize);
        if self.key_escaped {
            // The decoder wants the quotes, which stand around the key's text.
            return decode_text(body.get(start.saturating_sub(1)..end + 1).unwrap_or_default());
        }
        Cow::Borrowed(std::str::from_utf8(body.get(start..end).unwrap_or_default()).unwrap_or_default())
    }

    /// The value's own bytes, quotes included.
    pub fn value<'b>(&self, body: &'b [u8]) -> &'b [u8] {
        body.get(self.value_start as usize..self.value_end as usize).unwrap_or_default()
    }

    /// Whether the member's decoded name is `name`.
    #[inline]
    pub fn is_named(&self, body: &[u8], name: &str) -> bool {
        if self.key_escaped {
            return self.key(body) == name;
        }
        // Dozens of names are looked for in each request, and most are told apart by their length.
        self.key_end.wrapping_sub(self.key_start) as usize == name.len()
            && body.get(self.key_start as usize..self.key_end as usize) == Some(name.as_bytes())
    }
}

impl Object {
    /// The value of the top-level member `name`, if it stands there (the last one, when it is repeated).
    pub fn get(&self, body: &[u8], name: &str) -> Option<&Field> {
        self.fields.iter().rev().find(|field| field.is_named(body, name))
    }

    /// The text under `name`, escapes decoded.
    pub fn string<'b>(&self, body: &'b [u8], name: &str) -> Read<Cow<'b, str>> {
        self.read(body, name, Kind::String, |field| Some(decode_text(field.value(body))))
    }

    /// The truth value under `name`.
    pub fn bool(&self, body: &[u8], name: &str) -> Read<bool> {
        self.read(body, name, Kind::Bool, |field| Some(field.value(body).first() == Some(&b't')))
    }

    /// The whole number under `name`. A number with a sign, a fraction or an exponent is [`Read::Wrong`].
    pub fn u64(&self, body: &[u8], name: &str) -> Read<u64> {
        self.read(body, name, Kind::Number, |field| std::str::from_utf8(field.value(body)).ok()?.parse().ok())
    }

    /// The members of the object under `name`; its spans are offsets into the same `body`.
    pub fn object(&self, body: &[u8], name: &str) -> Read<Object> {
        // The body was scanned before, so its depth is bounded already.
        self.read(body, name, Kind::Object, |field| scan_value(body, field, usize::MAX).ok())
    }

    fn read<T>(&self, body: &[u8], name: &str, kind: Kind, take: impl Fn(&Field) -> Option<T>) -> Read<T> {
        match self.get(body, name) {
            None => Read::Missing,
            Some(field) if field.kind == kind => take(field).map_or(Read::Wrong(kind), Read::Is),
            Some(field) if field.kind == Kind::Null => Read::Null,
            Some(field) => Read::Wrong(field.kind),
        }
    }

    /// The first member that a reader might take for one of `names` although we would not, and the offset of
    /// its key: a repeated name, one that equals it but for case (in any reader's idea of case, such as a long
    /// s for an s), or one spelt with escapes.
    pub fn ambiguous<'n>(&self, body: &[u8], names: &[&'n str]) -> Option<(&'n str, usize)> {
        for (index, field) in self.fields.iter().enumerate() {
            let Some(name) = taken_for(field, body, names) else { continue };
            let exact = !field.key_escaped && field.is_named(body, name);
            let repeated = || self.fields.iter().take(index).any(|earlier| earlier.is_named(body, name));
            if !exact || repeated() {
                return Some((name, field.key_start as usize));
            }
        }
        None
    }
}

/// Which of `names` the member's key equals or folds to.
#[inline]
fn taken_for<'n>(field: &Field, body: &[u8], names: &[&'n str]) -> Option<&'n str> {
    let key = body.get(field.key_start as usize..field.key_end as usize)?;
    if field.key_escaped || !key.is_ascii() {
        let key = field.key(body);
        return names.iter().copied().find(|name| folds_to(&key, name));
    }
    names.iter().copied().find(|name| key.eq_ignore_ascii_case(name.as_bytes()))
}

/// Whether `key` equals `name` for a reader that ignores case. Each character is taken to upper case and back,
/// and only the first character of the result counts: that is wider than any one reader's rule, as it should be.
pub(crate) fn folds_to(key: &str, name: &str) -> bool {
    let fold = |c: char| c.to_uppercase().next().unwrap_or(c).to_lowercase().next().unwrap_or(c);
    key.chars().map(fold).eq(name.chars().map(fold))
}

/// Decodes a string with its quotes; a string without escapes is borrowed, what is no string is empty.
pub fn decode_text(quoted: &[u8]) -> Cow<'_, str> {
    let text = quoted.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or_default();
    if memchr::memchr(b'\\', text).is_none() {
        return Cow::Borrowed(std::str::from_utf8(text).unwrap_or_default());
    }
    Cow::Owned(serde_json::from_slice(quoted).unwrap_or_default())
}
