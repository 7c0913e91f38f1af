//! Shadow traffic: which requests are copied, to whom, and within which bounds.
//!
//! In: what [`crate::parse_and_check`] has checked. Out: values to read.

use std::sync::Arc;

/// A hundred in a hundred, in the unit of [`Shadow::share`].
pub const SHADOW_ALL: u64 = 100_000_000_000;

/// How copies are sent to a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadow {
    /// The alias whose requests are copied.
    pub alias: Arc<str>,
    /// The public name of the candidate.
    pub model: Arc<str>,
    /// How many requests are copied, of [`SHADOW_ALL`].
    pub share: u64,
    /// Most copies per minute.
    pub max_per_minute: u32,
    /// What copies may cost in one day of UTC.
    pub max_nanos_per_day: u64,
    /// Most copies under way.
    pub max_concurrent: u32,
}
