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
    /// The upstream knows texts only.
    TextsOnly,
    /// An app is asked a question, beside which pictures are.
    NoQuestion,
    /// An agent or app is asked, whose builder has settled the rest.
    SettledByBuilder,
    /// What a model takes is its maker's matter.
    OfSomeMakers,
    /// The upstream counts no tokens.
    CountsCharacters,
    /// Nothing can go wrong in the middle of a stream.
    NoStreams,
}

/// Every gap, in the order of the footnotes.
pub const GAPS: [Gap; 10] = [
    Gap::NoProofsGiven,
    Gap::ProofsNotKept,
    Gap::WholePicturesOnly,
    Gap::CacheNotTold,
    Gap::TextsOnly,
    Gap::NoQuestion,
    Gap::SettledByBuilder,
    Gap::OfSomeMakers,
    Gap::CountsCharacters,
    Gap::NoStreams,
];

impl Gap {
    /// The footnote.
    pub fn note(self) -> &'static str {
        match self {
            Self::NoProofsGiven => {
                "Chat Completions, Ollama and the dialects from Cohere's on have nothing that proves a model's thoughts: \
                 there is nothing to be brought back."
            }
            Self::ProofsNotKept => {
                "A message of Ollama's has no place for what proves thoughts, so its clients cannot bring it back."
            }
            Self::WholePicturesOnly => {
                "Ollama's clients send pictures whole, and cannot give an address. Whole ones arrive."
            }
            Self::CacheNotTold => {
                "Ollama, Dify, Coze, Triton and Replicate tell input and output, and nothing of what was cached."
            }
            Self::TextsOnly => {
                "Triton's generate extension and DeepL take a text and give a text: there are neither tools nor pictures, \
                 thoughts or forms of answers."
            }
            Self::NoQuestion => {
                "Dify wants a question: pictures beside a text arrive, pictures alone are refused."
            }
            Self::SettledByBuilder => {
                "Who has built an app of Dify's or an agent of Coze's has settled its tools, and whether it thinks; a \
                 request cannot."
            }
            Self::OfSomeMakers => {
                "Models at Replicate know no tools and no forms of answers; pictures and thinking are sent to those whose \
                 maker's inputs are known to have them."
            }
            Self::CountsCharacters => "DeepL counts characters, which are recorded; tokens are estimated.",
            Self::NoStreams => {
                "DeepL answers whole, so that nothing can go wrong in the middle; errors before the answer are told like all \
                 others'."
            }
        }
    }
}

/// Why a cell does not work.
pub fn of(surface: Surface, provider: &str, feature: Feature) -> Option<Gap> {
    let beyond_texts = matches!(
        feature,
        Feature::Tools | Feature::ParallelTools | Feature::Images | Feature::Reasoning | Feature::Schema
    );
    let later = ["fake-cohere", "fake-dashscope", "fake-dify", "fake-coze", "fake-triton", "fake-replicate"];
    match (feature, surface, provider) {
        (Feature::Proofs, _, "fake-openai" | "fake-ollama" | "fake-deepl") => Some(Gap::NoProofsGiven),
        (Feature::Proofs, _, provider) if later.contains(&provider) => Some(Gap::NoProofsGiven),
        (Feature::Proofs, Surface::Ollama, _) => Some(Gap::ProofsNotKept),
        (_, _, "fake-triton" | "fake-deepl") if beyond_texts => Some(Gap::TextsOnly),
        (_, _, "fake-replicate") if beyond_texts => Some(Gap::OfSomeMakers),
        (Feature::Images, _, "fake-dify") => Some(Gap::NoQuestion),
        (_, _, "fake-dify" | "fake-coze") if beyond_texts && feature != Feature::Images => {
            Some(Gap::SettledByBuilder)
        }
        (Feature::Images, Surface::Ollama, _) => Some(Gap::WholePicturesOnly),
        (Feature::Usage, _, "fake-deepl") => Some(Gap::CountsCharacters),
        (Feature::Usage, Surface::Ollama, _)
        | (Feature::Usage, _, "fake-ollama" | "fake-dify" | "fake-coze" | "fake-triton" | "fake-replicate") => {
            Some(Gap::CacheNotTold)
        }
        (Feature::Errors, _, "fake-deepl") => Some(Gap::NoStreams),
        _ => None,
    }
}
