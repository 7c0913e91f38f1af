//! Usage as this dialect writes it; it is read with that of the other OpenAI-style dialects.

use crate::dialects::write;
use crate::usage::Usage;

/// Writes a usage object's members. Client libraries insist on every one of them.
pub(super) fn write_usage(usage: &Usage, out: &mut write::Object<'_>) {
    out.number("input_tokens", usage.input);
    out.object("input_tokens_details", |details| {
        details.number("cached_tokens", usage.cached_input);
        details.number("cache_write_tokens", usage.cache_write.saturating_add(usage.cache_write_1h));
    });
    out.number("output_tokens", usage.output);
    out.object("output_tokens_details", |details| details.number("reasoning_tokens", usage.reasoning));
    out.number("total_tokens", usage.input.saturating_add(usage.output));
}
