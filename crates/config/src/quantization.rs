//! How the weights of a model are stored.

use yumen_llm::catalogue::Word;

/// How the weights of a model are stored, in OpenRouter's words.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Quantization {
    Int4,
    Int8,
    Fp4,
    Mxfp4,
    Nvfp4,
    Fp6,
    Fp8,
    Mxfp8,
    Fp16,
    Bf16,
    Fp32,
    /// Nobody says it.
    Unknown,
}

impl Word for Quantization {
    const ALL: &'static [Self] = &[
        Self::Int4,
        Self::Int8,
        Self::Fp4,
        Self::Mxfp4,
        Self::Nvfp4,
        Self::Fp6,
        Self::Fp8,
        Self::Mxfp8,
        Self::Fp16,
        Self::Bf16,
        Self::Fp32,
        Self::Unknown,
    ];

    fn place(self) -> u8 {
        self as u8
    }

    fn word(self) -> &'static str {
        match self {
            Self::Int4 => "int4",
            Self::Int8 => "int8",
            Self::Fp4 => "fp4",
            Self::Mxfp4 => "mxfp4",
            Self::Nvfp4 => "nvfp4",
            Self::Fp6 => "fp6",
            Self::Fp8 => "fp8",
            Self::Mxfp8 => "mxfp8",
            Self::Fp16 => "fp16",
            Self::Bf16 => "bf16",
            Self::Fp32 => "fp32",
            Self::Unknown => "unknown",
        }
    }
}

impl Quantization {
    /// What a provider's own id of a model says of it, in a word of its own.
    pub fn of(native_id: &str) -> Self {
        let words = || native_id.split(|letter: char| !letter.is_ascii_alphanumeric());
        let named = |known: &&Self| words().any(|word| word.eq_ignore_ascii_case(known.word()));
        Self::ALL
            .iter()
            .filter(|known| **known != Self::Unknown)
            .find(named)
            .copied()
            .unwrap_or(Self::Unknown)
    }

    /// The word, where it is known.
    pub fn known(self) -> Option<&'static str> {
        (self != Self::Unknown).then(|| self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_weights_are_stored_is_read_from_whole_words() {
        for (id, expected) in [
            ("Qwen/Qwen3-235B-A22B-FP8", Some("fp8")),
            ("accounts/x/models/y-nvfp4", Some("nvfp4")),
            ("gpt-4o", None),
            ("fp16x", None),
            ("model-unknown", None),
        ] {
            assert_eq!(Quantization::of(id).known(), expected, "{id}");
        }
        for (place, known) in Quantization::ALL.iter().enumerate() {
            assert_eq!(serde_json::to_value(known).unwrap(), known.word());
            assert_eq!(usize::from(known.place()), place);
        }
    }
}
