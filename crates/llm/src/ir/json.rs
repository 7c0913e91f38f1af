//! JSON that is carried, not read: number spelling, key order and white space stay as they were written.

use serde_json::value::RawValue;

use crate::json::scan_object;

/// The deepest nesting of what comes out of an event.
const DEPTH_MOST: usize = 64;

/// One valid JSON value, verbatim.
#[derive(Debug, Clone)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Takes `text` when it is one valid JSON value.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str::<Box<RawValue>>(text).ok().map(Self)
    }

    /// Takes `text` when it is one JSON object that every reader can read: no number is too large, and nothing is nested too
    /// deep. For what comes out of events, which are not looked through before. It goes into other events, in which lines end
    /// otherwise: the ends of its lines, which are no part of any text in it, become spaces.
    pub fn object(text: &str) -> Option<Self> {
        scan_object(text.as_bytes(), DEPTH_MOST).ok()?;
        if text.contains(['\n', '\r']) {
            return Self::parse(&text.replace(['\n', '\r'], " "));
        }
        Self::parse(text)
    }

    /// Copies a value that a reader has found.
    pub fn copied(raw: &RawValue) -> Self {
        Self(raw.to_owned())
    }

    /// The value's text.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// Whether the value is an object.
    pub fn is_object(&self) -> bool {
        self.get().starts_with('{')
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}
