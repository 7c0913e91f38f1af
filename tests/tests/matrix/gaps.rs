//! What a format cannot say. Everything here is tried all the same: a gap that has closed fails the test.

use yumen_tests::Surface;

use crate::features::Feature;

/// A gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// The upstream gives no proofs.
    NoProofsGiven,
    /// The upstream looks nothing up on the web.
    NoAddresses,
}

/// Every gap, in the order of the footnotes.
pub const GAPS: [Gap; 2] = [Gap::NoProofsGiven, Gap::NoAddresses];

impl Gap {
    /// The footnote.
    pub fn note(self) -> &'static str {
        match self {
            Self::NoProofsGiven => {
                "Chat Completions has nothing that proves a model's thoughts: there is nothing to be brought back."
            }
            Self::NoAddresses => {
                "Converse reads pictures that are sent whole, or that lie in Amazon's own storage (`s3://`): one from the web \
                 is left out, and named as lost."
            }
        }
    }
}

/// Why a cell does not work.
pub fn of(surface: Surface, provider: &str, feature: Feature) -> Option<Gap> {
    match (feature, surface, provider) {
        (Feature::Proofs, _, "fake-openai") => Some(Gap::NoProofsGiven),
        (Feature::Images, _, "fake-bedrock") => Some(Gap::NoAddresses),
        _ => None,
    }
}
