//! What a format cannot say. Everything here is tried all the same: a gap that has closed fails the test.

use yumen_tests::Surface;

use crate::features::Feature;

/// A gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// The upstream gives no proofs.
    NoProofsGiven,
    /// The client has nowhere to keep them.
    ProofsNotKept,
    /// The client cannot give an address.
    WholePicturesOnly,
    /// What was cached is not told.
    CacheNotTold,
}

/// Every gap, in the order of the footnotes.
pub const GAPS: [Gap; 4] =
    [Gap::NoProofsGiven, Gap::ProofsNotKept, Gap::WholePicturesOnly, Gap::CacheNotTold];

impl Gap {
    /// The footnote.
    pub fn note(self) -> &'static str {
        match self {
            Self::NoProofsGiven => {
                "Chat Completions and Ollama have nothing that proves a model's thoughts: there is nothing to be brought \
                 back."
            }
            Self::ProofsNotKept => {
                "A message of Ollama's has no place for what proves thoughts, so its clients cannot bring it back."
            }
            Self::WholePicturesOnly => {
                "Ollama's clients send pictures whole, and cannot give an address. Whole ones arrive."
            }
            Self::CacheNotTold => "Ollama tells input and output, and nothing of what was cached.",
        }
    }
}

/// Why a cell does not work.
pub fn of(surface: Surface, provider: &str, feature: Feature) -> Option<Gap> {
    match (feature, surface, provider) {
        (Feature::Proofs, _, "fake-openai" | "fake-ollama") => Some(Gap::NoProofsGiven),
        (Feature::Proofs, Surface::Ollama, _) => Some(Gap::ProofsNotKept),
        (Feature::Images, Surface::Ollama, _) => Some(Gap::WholePicturesOnly),
        (Feature::Usage, Surface::Ollama, _) | (Feature::Usage, _, "fake-ollama") => Some(Gap::CacheNotTold),
        _ => None,
    }
}
