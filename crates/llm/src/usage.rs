//! What one exchange has used, in one meaning for every dialect: tokens, and what else models are sold by.

use serde::{Deserialize, Serialize};

/// Tokens of one exchange, and what else providers count beside them.
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
    /// Searches of the web.
    #[serde(default)]
    pub web_searches: u64,
}

/// What an exchange has used beside text tokens: counts in other units, `None` where nobody has told them, and how
/// many of its tokens stood for pictures and sound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Units {
    /// Pictures that were made.
    pub images: Option<u64>,
    /// Milliseconds of sound that were read or spoken.
    pub audio_ms: Option<u64>,
    /// Characters (Unicode scalar values) that were spoken.
    pub characters: Option<u64>,
    /// Milliseconds of moving pictures that are made.
    pub video_ms: Option<u64>,
    /// Search units, as Cohere counts them: one query with up to a hundred documents.
    pub searches: Option<u64>,
    /// Searches of the web that were seen in the answer, where the usage does not tell them or has not come.
    pub web_searches: u64,
    /// Of the prompt tokens, those that stood for pictures.
    pub image_input: u64,
    /// Of the prompt tokens, those that stood for sound.
    pub audio_input: u64,
    /// Of the prompt tokens that were read from the provider's cache, those that stood for pictures.
    pub image_cached: u64,
    /// Of the same, those that stood for sound.
    pub audio_cached: u64,
    /// Of the generated tokens, those that stood for pictures.
    pub image_output: u64,
    /// Of the generated tokens, those that stood for sound.
    pub audio_output: u64,
}
