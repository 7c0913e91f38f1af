//! What stands in for JSON mode in interfaces that do not have it.

/// Asks for it in words.
pub(super) const JSON_INSTRUCTION: &str =
    "Answer with one valid JSON object and nothing else: no Markdown code fence, no text before or after it.";
