//! JSON that is carried, not read: number spelling, key order and white space stay as they were written.

use serde_json::value::RawValue;

/// One valid JSON value, verbatim.
#[derive(Debug, Clone)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Takes `text` when it is one valid JSON value.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str::<Box<RawValue>>(text).ok().map(Self)
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
