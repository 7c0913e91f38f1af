//! Repair of JSON that a model has written almost right.
//!
//! In: a text, whole or piece by piece. Out: the same text where it is valid, and a valid one where the damage is one
//! of syntax: quotes, commas, brackets, escapes, fences, words of other languages. It never changes what a value
//! says, never invents content, and reads everything a bounded number of times.

mod edit;
mod escape;
mod keys;
mod look;
mod machine;
mod prose;
mod schema;
mod sign;
mod structure;
mod text;
mod verdict;
mod word;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use edit::{Edit, EditKind, Report, Status};
pub use machine::Healer;
pub use schema::follows;

/// What a text is, and how far its repair may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// An answer: one that was cut off is closed where it ends.
    Answer,
    /// Arguments of a tool call. Cut off in the middle of a value they are left alone: a tool must not be run with half
    /// of a file.
    Arguments,
}

/// A text after its repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healed<'a> {
    /// The text: the given one when it was valid or could not be repaired.
    pub text: Cow<'a, str>,
    /// What was done.
    pub report: Report,
}

/// Whether a text is one JSON value, however deep.
pub fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Repairs a whole text. More can be told from it than from a stream, so some damage is repaired here alone.
pub fn heal(text: &str, purpose: Purpose, max_depth: usize) -> Healed<'_> {
    if is_json(text) || text.trim_ascii().is_empty() {
        return Healed { text: Cow::Borrowed(text), report: Report::default() };
    }
    let mut healer = Healer::whole(purpose, max_depth);
    let mut healed = String::with_capacity(text.len() + 16);
    healer.push(text, &mut healed);
    let mut report = healer.finish(&mut healed);
    // The machine writes nothing that does not parse; a promise is looked at all the same.
    if report.status != Status::Healed || !is_json(&healed) {
        report.status = Status::Failed;
        return Healed { text: Cow::Borrowed(text), report };
    }
    Healed { text: Cow::Owned(healed), report }
}
