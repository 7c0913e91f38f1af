//! A request to a model, read once: the raw bytes and the few facts that the gateway acts on.

use bytes::Bytes;
use yumen_llm::dialects::Dialect;
use yumen_llm::json::Object;

use crate::route::Task;

/// A request to a model.
#[derive(Debug)]
pub struct Call {
    /// The client's dialect.
    pub dialect: Dialect,
    /// What is asked.
    pub task: Task,
    /// The body as it was sent (expanded, when it was compressed).
    pub body: Bytes,
    /// Where its top-level members stand.
    pub object: Object,
    /// The model asked for.
    pub model: String,
    /// Further models to try, in the client's own order (`models`).
    pub fallbacks: Vec<String>,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// Whether an OpenAI client asked for usage in its stream.
    pub include_usage: bool,
}

impl Call {
    /// All models that the client names.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.model.as_str()).chain(self.fallbacks.iter().map(String::as_str))
    }
}
