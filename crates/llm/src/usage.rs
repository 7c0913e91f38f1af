//! Token counts of one exchange, in one meaning for every dialect.

use serde::{Deserialize, Serialize};

/// Tokens of one exchange.
///
/// `input` is gross: it includes `cached_input`, `cache_write` and `cache_write_1h`. `output` includes
/// `reasoning`. Dialects that report net figures (Anthropic) are converted when they are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// All prompt tokens, cached or not.
    pub input: u64,
    /// Prompt tokens that were read from the provider's cache.
    pub cached_input: u64,
    /// Prompt tokens that were written to the provider's cache for five minutes (or its only lifetime).
    pub cache_write: u64,
    /// Prompt tokens that were written to the provider's cache for one hour.
    pub cache_write_1h: u64,
    /// All generated tokens, reasoning included.
    pub output: u64,
    /// Generated tokens that were reasoning.
    pub reasoning: u64,
}
