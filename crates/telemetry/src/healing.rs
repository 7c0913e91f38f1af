//! What was done to the JSON of an answer: places and kinds, never its text.

use serde::{Deserialize, Serialize};

/// More edits than this are counted and not listed.
pub const HEAL_EDITS_MOST: usize = 32;

/// What came of an answer's JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealStatus {
    /// There was nothing to repair.
    #[default]
    Skipped,
    /// It was repaired.
    Healed,
    /// It could not be.
    Failed,
}

impl HealStatus {
    /// The word used in answers, records and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Healed => "healed",
            Self::Failed => "failed",
        }
    }

    /// The status that a word stands for.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Skipped, Self::Healed, Self::Failed].into_iter().find(|status| status.as_str() == word)
    }
}

/// One edit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealEdit {
    /// Offset in the text as the provider said it, in bytes.
    pub position: u64,
    /// What was done there, such as `missing_comma`.
    pub kind: String,
}

/// What was done to the JSON of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealRecord {
    /// What came of it.
    pub status: HealStatus,
    /// Whether its end is missing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cut_off: bool,
    /// Whether it follows the schema that was asked for; nothing where none was, or it could not be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema_valid: Option<bool>,
    /// How many edits there were.
    pub count: u64,
    /// The first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<HealEdit>,
}
