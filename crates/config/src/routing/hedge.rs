//! When a second deployment is asked beside one that is slow.

use std::time::Duration;

/// When a second deployment is asked, and how often at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hedge {
    /// After this time, whatever is known of the first one.
    pub after: Option<Duration>,
    /// When the first one is slower than so many in a hundred of its answers were of late.
    pub percentile: u32,
    /// What second tries may cost at most, in hundredths of what the first ones do.
    pub max_percent: u32,
}
