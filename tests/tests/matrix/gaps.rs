//! What a format cannot say. Everything here is tried all the same: a gap that has closed fails the test.

use yumen_tests::Surface;

use crate::features::Feature;

/// A gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// The upstream gives no proofs.
    NoProofsGiven,
}

/// Every gap, in the order of the footnotes.
pub const GAPS: [Gap; 1] = [Gap::NoProofsGiven];

impl Gap {
    /// The footnote.
    pub fn note(self) -> &'static str {
        match self {
            Self::NoProofsGiven => {
                "Chat Completions has nothing that proves a model's thoughts: there is nothing to be brought back."
            }
        }
    }
}

/// Why a cell does not work.
pub fn of(surface: Surface, provider: &str, feature: Feature) -> Option<Gap> {
    match (feature, surface, provider) {
        (Feature::Proofs, _, "fake-openai") => Some(Gap::NoProofsGiven),
        _ => None,
    }
}
