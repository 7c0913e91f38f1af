//! JSON as bytes: one validating scan that finds top-level keys, and splices that leave all other bytes alone.

mod scan;
mod splice;

pub use scan::{Field, Kind, Object, ScanError, ScanReason, scan_object};
pub use splice::{Edit, Pieces, splice};
