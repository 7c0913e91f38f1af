//! JSON as bytes: one validating scan that finds top-level keys, and splices that leave all other bytes alone.

mod object;
mod read;
mod scan;
mod splice;
mod text;
mod walk;

pub use object::{Field, Kind, Object, ScanError, ScanReason};
pub(crate) use read::folds_to;
pub use read::{Read, decode_text, whole_number};
pub use scan::{MAX_FIELDS, scan_object, scan_value};
pub use splice::{Edit, Pieces, edit_value, splice};
pub use walk::Walk;

#[cfg(test)]
mod tests;
