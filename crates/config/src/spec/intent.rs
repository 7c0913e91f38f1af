//! Categories of messages as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

pub use crate::intent::IntentBy;

/// What the last message of the user is about, for rules that read `category`. Only when a rule comes to reading it is it
/// found out.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IntentSpec {
    /// Who decides where no pattern does: nobody (`patterns`), a model that is asked for the category's name (`model`), or a
    /// model of embeddings by the nearest example (`embedding`).
    pub by: IntentBy,
    /// The public name of the model that is asked. What it costs is recorded with the operation `intent`.
    #[schemars(length(min = 1, max = 256))]
    pub model: Option<String>,
    /// How long asking it may take, in milliseconds; after that the category is `default`.
    #[schemars(range(min = 10, max = 10_000))]
    pub timeout_ms: u64,
    /// The category of what is none of the others.
    #[schemars(length(min = 1, max = 100))]
    pub default: String,
    /// The categories; of several whose patterns match, the first.
    #[schemars(length(max = 64))]
    pub categories: Vec<CategorySpec>,
}

impl Default for IntentSpec {
    fn default() -> Self {
        Self {
            by: IntentBy::default(),
            model: None,
            timeout_ms: 500,
            default: "other".to_owned(),
            categories: Vec::new(),
        }
    }
}

/// A category of messages.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CategorySpec {
    /// Its name, as rules read it.
    #[schemars(length(min = 1, max = 100))]
    pub name: String,
    /// What is in it, told to the model that is asked.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub description: String,
    /// Regular expressions; a message that one of them matches is in this category.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub patterns: Vec<String>,
    /// Messages that are in it.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub examples: Vec<String>,
}
