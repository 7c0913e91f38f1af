//! JSON as bytes: one validating scan that finds top-level keys, and splices that leave all other bytes alone.

mod object;
mod read;
mod scan;
mod splice;
mod text;

pub use object::{Field, Kind, Object, ScanError, ScanReason};
pub use read::Read;
pub use scan::{MAX_FIELDS, scan_object, scan_value};
pub use splice::{Edit, Pieces, edit_value, splice};

#[cfg(test)]
mod tests;
