//! Searching the web: what a request wishes of it, and the sources that an answer names.

use super::Json;

/// A wish that the web is searched for the answer. Empty fields leave it to the provider.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WebSearch {
    /// How much of what is found the model reads.
    pub context: Option<SearchContext>,
    /// The most searches.
    pub max_uses: Option<u64>,
    /// The most results of each search.
    pub max_results: Option<u64>,
    /// Who searches, where that can be chosen.
    pub engine: Option<String>,
    /// What stands before the results in the prompt.
    pub prompt: Option<String>,
    /// Domains that alone are searched.
    pub allowed_domains: Vec<String>,
    /// Domains that are not.
    pub blocked_domains: Vec<String>,
    /// Where the end user is.
    pub location: Option<SearchLocation>,
    /// The tool by which it was wished, as its own dialect defines it and for that alone.
    pub tool: Option<SearchTool>,
}

/// A provider's own tool that searches.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchTool {
    /// Its type in its own dialect's word.
    pub kind: String,
    /// The whole definition.
    pub json: Json,
}

/// How much of what is found the model reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SearchContext {
    Low,
    Medium,
    High,
}

impl SearchContext {
    /// The word that all dialects use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// What `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Low, Self::Medium, Self::High].into_iter().find(|context| context.word() == word)
    }
}

/// About where an end user is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchLocation {
    /// The city.
    pub city: Option<String>,
    /// The state or region.
    pub region: Option<String>,
    /// Two letters of ISO 3166.
    pub country: Option<String>,
    /// Such as `Europe/Berlin`.
    pub timezone: Option<String>,
}

/// A source on the web for the text directly before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Citation {
    /// Its address.
    pub url: String,
    /// Its title.
    pub title: Option<String>,
    /// What it says there.
    pub quote: Option<String>,
    /// For which characters (Unicode scalar values) of the text, from the first to before the last; absent is all of it.
    pub span: Option<(u64, u64)>,
}

impl Citation {
    /// The characters that are meant of a text that has so many.
    pub fn span_in(&self, length: u64) -> (u64, u64) {
        let (start, end) = self.span.unwrap_or((0, length));
        let end = end.min(length);
        (start.min(end), end)
    }
}
