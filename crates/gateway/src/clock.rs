//! Durations as the whole numbers in which they are recorded.

use std::time::Duration;

/// Whole microseconds of a duration.
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
