//! What a message is about, for rules that read `category`: which categories there are and how they are told apart.
//!
//! In: what [`crate::parse_and_check`] has checked. Out: values to read, and patterns to match. It asks no model.

use std::sync::Arc;
use std::time::Duration;

use regex::RegexSet;

/// Bytes of a message that patterns look at.
const LOOKED_AT_MOST: usize = 16 * 1024;

/// How messages are told apart.
#[derive(Debug, Clone, Default)]
pub struct Intent {
    /// Who decides where no pattern does.
    pub by: IntentBy,
    /// The public name of the model that is asked.
    pub model: Arc<str>,
    /// How long it may take.
    pub timeout: Duration,
    /// The category of what is none of them, or was not told in time.
    pub default: Arc<str>,
    /// The categories, in their order.
    pub categories: Vec<Category>,
    /// A number that other settings do not have: what was told under them counts no more.
    pub id: u64,
}

/// A category.
#[derive(Debug, Clone)]
pub struct Category {
    /// Its name.
    pub name: Arc<str>,
    /// What is in it.
    pub description: Arc<str>,
    /// What its messages match.
    pub patterns: RegexSet,
    /// Messages that are in it.
    pub examples: Vec<Arc<str>>,
}

/// Who decides where no pattern does.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    serde::Deserialize,
    serde::Serialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum IntentBy {
    /// Nobody.
    #[default]
    Patterns,
    /// A model that is asked for the name of the category.
    Model,
    /// A model of embeddings: the nearest example decides.
    Embedding,
}

impl Intent {
    /// The first category of which a pattern matches the message.
    pub fn by_pattern(&self, message: &str) -> Option<&Category> {
        let start = message.get(..message.floor_char_boundary(LOOKED_AT_MOST)).unwrap_or(message);
        self.categories.iter().find(|category| category.patterns.is_match(start))
    }

    /// Whether a message that no pattern matches is told by a model.
    pub fn asks(&self) -> bool {
        self.by != IntentBy::Patterns
    }
}
