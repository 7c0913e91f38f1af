//! Usage that is told in several events of one stream.
//!
//! Each event tells cumulative figures, some leave out or zero what an earlier one told. So of each figure the
//! largest counts: never a sum, and never a zero after a number.

use super::Tap;
use crate::usage::Usage;

/// Raises `tally` to what `seen` tells.
pub(super) fn raise(tally: &mut Usage, seen: Usage) {
    *tally = Usage {
        input: tally.input.max(seen.input),
        cached_input: tally.cached_input.max(seen.cached_input),
        cache_write: tally.cache_write.max(seen.cache_write),
        cache_write_1h: tally.cache_write_1h.max(seen.cache_write_1h),
        output: tally.output.max(seen.output),
        reasoning: tally.reasoning.max(seen.reasoning),
        web_searches: tally.web_searches.max(seen.web_searches),
    };
}

/// As [`raise`], for a tap.
pub(super) fn raise_tap_usage(tap: &mut Tap, seen: Option<Usage>) {
    if let Some(seen) = seen {
        raise(tap.usage.get_or_insert_default(), seen);
    }
}
