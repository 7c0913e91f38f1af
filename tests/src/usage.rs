//! How usage is told to the clients of each surface.

use serde_json::Value;

use crate::Surface;

impl Surface {
    /// Input, output and cached tokens, all as parts of the gross sums, that a whole answer or the events of a stream
    /// tell; of several tellings the last counts.
    pub fn usage<'v>(self, told: impl DoubleEndedIterator<Item = &'v Value>) -> [Option<u64>; 3] {
        let pointers: &[&str] = match self {
            Self::Chat | Self::Messages => &["/usage"],
            Self::Responses => &["/response/usage", "/usage"],
            Self::Gemini => &["/usageMetadata"],
            Self::Ollama => &[""],
        };
        let usage = told.rev().find_map(|value| {
            pointers.iter().find_map(|pointer| value.pointer(pointer).filter(|usage| usage.is_object()))
        });
        let Some(usage) = usage else { return [None; 3] };
        let number = |pointer: &str| usage.pointer(pointer).and_then(Value::as_u64);
        match self {
            Self::Chat => {
                ["/prompt_tokens", "/completion_tokens", "/prompt_tokens_details/cached_tokens"].map(number)
            }
            Self::Responses => {
                ["/input_tokens", "/output_tokens", "/input_tokens_details/cached_tokens"].map(number)
            }
            // Here the sum leaves out what was read from or written to the cache.
            Self::Messages => {
                let parts = ["/input_tokens", "/cache_read_input_tokens", "/cache_creation_input_tokens"];
                let input = parts.iter().filter_map(|part| number(part)).sum();
                [Some(input), number("/output_tokens"), number("/cache_read_input_tokens")]
            }
            // Here thoughts are counted beside the answer.
            Self::Gemini => {
                let output = ["/candidatesTokenCount", "/thoughtsTokenCount"];
                let output = output.iter().filter_map(|part| number(part)).sum();
                [number("/promptTokenCount"), Some(output), number("/cachedContentTokenCount")]
            }
            // Nothing is said of a cache.
            Self::Ollama => [number("/prompt_eval_count"), number("/eval_count"), None],
        }
    }
}
