//! Edits of single values in a body, without touching any other byte.
//!
//! In: a body, its scanned object, edits. Out: the edited body as pieces, where every unedited byte is a slice
//! of the original. White space, key order and number spelling stay as they were sent.

use bytes::Bytes;
use smallvec::SmallVec;

use super::object::{Field, Object};
use super::scan::scan_object;

/// One edit of a top-level member. When several edits name the same member, the last one counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Replace the value of this member (of all of them, should the name be repeated), or add the member at the
    /// end when it is missing.
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

impl Edit {
    fn name(&self) -> &'static str {
        match self {
            Self::Set { name, .. } | Self::Remove { name } => name,
        }
    }
}

/// A body as pieces that follow each other. There is room for what one edit makes; more are rare, and go to the heap.
pub type Pieces = SmallVec<[Bytes; 3]>;

/// Applies `edits` to `body`; unedited bytes are slices of the original. `object` is what a scan of `body`
/// gave: the whole body's members, or those of an object within it.
pub fn splice(body: &Bytes, object: &Object, edits: &[Edit]) -> Pieces {
    let mut cutter = Cutter { body, copied: 0, pieces: Pieces::new() };
    let mut kept = false;
    for (index, field) in object.fields.iter().enumerate() {
        match edits.iter().rev().find(|edit| field.is_named(body, edit.name())) {
            Some(Edit::Remove { .. }) => {
                // Exactly one comma goes with the member: the one before it when something was kept there,
                // else the one after it.
                let (start, end) = match (kept, object.fields.get(index + 1)) {
                    (true, _) => (previous_end(object, index), field.value_end as usize),
                    (false, Some(next)) => (quote(field), quote(next)),
                    (false, None) => (quote(field), field.value_end as usize),
                };
                cutter.cut(start, end);
            }
            Some(Edit::Set { value, .. }) => {
                cutter.cut(field.value_start as usize, field.value_end as usize);
                cutter.add(value.clone());
                kept = true;
            }
            None => kept = true,
        }
    }
    let added = additions(body, object, edits, !kept);
    if !added.is_empty() {
        cutter.cut(object.close as usize, object.close as usize);
        cutter.add(added.into());
    }
    cutter.finish()
}

/// The value of `field`, when it is an object, with `edits` applied to its members: what to [`Edit::Set`] when
/// one member further in has to change.
pub fn edit_value(body: &Bytes, field: &Field, edits: &[Edit]) -> Option<Bytes> {
    let value = body.slice_ref(field.value(body));
    // The body was scanned before, so its depth is bounded already.
    let object = scan_object(&value, usize::MAX).ok()?;
    Some(splice(&value, &object, edits).concat().into())
}

/// Offset of the quote that opens the member's key.
fn quote(field: &Field) -> usize {
    (field.key_start as usize).saturating_sub(1)
}

fn previous_end(object: &Object, index: usize) -> usize {
    index
        .checked_sub(1)
        .and_then(|before| object.fields.get(before))
        .map_or(0, |field| field.value_end as usize)
}

/// The text of the members that are set but missing, each with the comma it needs.
fn additions(body: &Bytes, object: &Object, edits: &[Edit], mut first: bool) -> Vec<u8> {
    let mut added = Vec::new();
    for (index, edit) in edits.iter().enumerate() {
        let Edit::Set { name, value } = edit else { continue };
        let superseded = edits.iter().skip(index + 1).any(|later| later.name() == *name);
        if superseded || object.get(body, name).is_some() {
            continue;
        }
        if !std::mem::take(&mut first) {
            added.push(b',');
        }
        added.extend_from_slice(serde_json::Value::from(*name).to_string().as_bytes());
        added.push(b':');
        added.extend_from_slice(value);
    }
    added
}

/// Collects what is kept of a body between cuts that go forward only.
struct Cutter<'b> {
    body: &'b Bytes,
    copied: usize,
    pieces: Pieces,
}

impl Cutter<'_> {
    /// Keeps everything up to `start` and drops everything from there to `end`.
    fn cut(&mut self, start: usize, end: usize) {
        let start = start.min(self.body.len());
        if start > self.copied {
            self.pieces.push(self.body.slice(self.copied..start));
        }
        self.copied = end.min(self.body.len()).max(self.copied);
    }

    fn add(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.pieces.push(piece);
        }
    }

    fn finish(mut self) -> Pieces {
        let end = self.body.len();
        self.cut(end, end);
        self.pieces
    }
}
