//! Estimates of token counts where no upstream has counted.

/// Tokens in `text`, estimated without a vocabulary, in linear time.
pub fn estimate(_text: &str) -> u64 {
    0
}
