//! Which parameters of a request a model takes, in the words of Chat Completions and of OpenRouter.
//!
//! In: the dialect in which a deployment is spoken to, and what is known of its model. Out: the parameters that reach it
//! and that it is known to heed. What a dialect carries is asked from its own codec, so that no list is kept twice.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::facts::{Feature, Word, Words};
use crate::dialects::{Dialect, Target, codec};

macro_rules! parameters {
    ($($parameter:ident $word:literal),* $(,)?) => {
        /// A parameter of a request.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum Parameter { $($parameter),* }

        impl Word for Parameter {
            const ALL: &'static [Self] = &[$(Self::$parameter),*];

            fn place(self) -> u8 {
                self as u8
            }

            fn word(self) -> &'static str {
                match self { $(Self::$parameter => $word),* }
            }
        }
    };
}

// The words are OpenRouter's: https://openrouter.ai/docs/api/reference/parameters
parameters! {
    MaxTokens "max_tokens",
    Temperature "temperature",
    TopP "top_p",
    TopK "top_k",
    MinP "min_p",
    TopA "top_a",
    FrequencyPenalty "frequency_penalty",
    PresencePenalty "presence_penalty",
    RepetitionPenalty "repetition_penalty",
    MaxCompletionTokens "max_completion_tokens",
    LogitBias "logit_bias",
    Logprobs "logprobs",
    TopLogprobs "top_logprobs",
    Prediction "prediction",
    Seed "seed",
    Stop "stop",
    ResponseFormat "response_format",
    StructuredOutputs "structured_outputs",
    Tools "tools",
    ToolChoice "tool_choice",
    ParallelToolCalls "parallel_tool_calls",
    Reasoning "reasoning",
    IncludeReasoning "include_reasoning",
    ReasoningEffort "reasoning_effort",
    WebSearchOptions "web_search_options",
    Verbosity "verbosity",
}

impl Parameter {
    /// The parameter of this name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|parameter| parameter.word() == word)
    }

    /// What a model must be able to do for it; `None` for those that any model may take.
    fn needs(self) -> Option<Feature> {
        match self {
            Self::Tools | Self::ToolChoice | Self::ParallelToolCalls => Some(Feature::Tools),
            Self::ResponseFormat | Self::StructuredOutputs => Some(Feature::Structured),
            Self::Reasoning | Self::IncludeReasoning | Self::ReasoningEffort => Some(Feature::Reasoning),
            _ => None,
        }
    }

    /// Whether it bends the choice of the next token, which some models refuse.
    fn samples(self) -> bool {
        let own = [Self::Temperature, Self::TopP, Self::TopK, Self::FrequencyPenalty, Self::PresencePenalty];
        own.contains(&self)
    }

    /// How it is asked for; `None` for those of which nothing tells whether a model heeds them.
    fn sample(self) -> Option<Value> {
        let tool =
            json!({ "type": "function", "function": { "name": "f", "parameters": { "type": "object" } } });
        let schema = json!({ "name": "s", "schema": { "type": "object" } });
        Some(match self {
            Self::MaxTokens => json!({ "max_tokens": 64 }),
            Self::Temperature => json!({ "temperature": 0.5 }),
            Self::TopP => json!({ "top_p": 0.5 }),
            Self::TopK => json!({ "top_k": 5 }),
            Self::FrequencyPenalty => json!({ "frequency_penalty": 0.5 }),
            Self::PresencePenalty => json!({ "presence_penalty": 0.5 }),
            Self::Seed => json!({ "seed": 7 }),
            Self::Stop => json!({ "stop": ["END"] }),
            Self::ResponseFormat | Self::StructuredOutputs => {
                json!({ "response_format": { "type": "json_schema", "json_schema": schema } })
            }
            Self::Tools => json!({ "tools": [tool] }),
            Self::ToolChoice => json!({ "tools": [tool], "tool_choice": "required" }),
            Self::ParallelToolCalls => json!({ "tools": [tool], "parallel_tool_calls": false }),
            Self::Reasoning | Self::ReasoningEffort => json!({ "reasoning": { "effort": "low" } }),
            Self::IncludeReasoning => json!({ "reasoning": { "enabled": true } }),
            _ => return None,
        })
    }
}

/// The parameters that reach a model spoken to in `dialect` and that it is known to heed.
pub fn supported_parameters(dialect: Dialect, supports: Option<Words<Feature>>) -> Words<Parameter> {
    let supports = supports.unwrap_or_default();
    let heeds = |parameter: &Parameter| match parameter.needs() {
        Some(feature) => supports.has(feature),
        None => !(parameter.samples() && supports.has(Feature::FixedSampling)),
    };
    carried(dialect).iter().filter(heeds).collect()
}

/// The parameters that can be said in a dialect, found out once.
fn carried(dialect: Dialect) -> Words<Parameter> {
    static KNOWN: Mutex<BTreeMap<Dialect, Words<Parameter>>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    *known.entry(dialect).or_insert_with(|| {
        Parameter::ALL.iter().copied().filter(|parameter| can_be_said(*parameter, dialect)).collect()
    })
}

fn can_be_said(parameter: Parameter, dialect: Dialect) -> bool {
    // Chat Completions carries everything; that few who speak it know this one is known.
    if dialect == Dialect::OpenAiChat && parameter == Parameter::TopK {
        return false;
    }
    let mut body =
        json!({ "model": "m", "messages": [{ "role": "user", "content": "?" }], "max_tokens": 4096 });
    let Some(Value::Object(asked)) = parameter.sample() else { return false };
    body.as_object_mut().into_iter().for_each(|body| body.extend(asked.clone()));
    let target = Target { model: "m", max_output: Some(8192), ..Target::default() };
    let Ok(request) = codec(Dialect::OpenAiChat).decode_request(body.to_string().as_bytes()) else {
        return false;
    };
    let encoded = codec(dialect).encode_request(&request, &target);
    encoded.is_ok_and(|encoded| encoded.lossy.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(dialect: Dialect, features: &[Feature]) -> Vec<&'static str> {
        let supports = Some(features.iter().copied().collect());
        supported_parameters(dialect, supports).iter().map(Word::word).collect()
    }

    #[test]
    fn what_the_dialect_carries_and_the_model_heeds_is_supported() {
        assert_eq!(
            words(Dialect::OpenAiChat, &[]),
            ["max_tokens", "temperature", "top_p", "frequency_penalty", "presence_penalty", "seed", "stop"]
        );
        let all = [Feature::Tools, Feature::Structured, Feature::Reasoning];
        assert_eq!(
            words(Dialect::AnthropicMessages, &all),
            [
                "max_tokens",
                "temperature",
                "top_p",
                "top_k",
                "stop",
                "response_format",
                "structured_outputs",
                "tools",
                "tool_choice",
                "parallel_tool_calls",
                "reasoning",
                "include_reasoning",
                "reasoning_effort"
            ]
        );
        assert_eq!(words(Dialect::AnthropicMessages, &[Feature::FixedSampling]), ["max_tokens", "stop"]);
        assert!(words(Dialect::Gemini, &[]).contains(&"top_k"));
        assert_eq!(words(Dialect::OpenAiEmbeddings, &all), [] as [&str; 0]);
    }

    #[test]
    fn words_are_their_own() {
        for (place, parameter) in Parameter::ALL.iter().enumerate() {
            assert_eq!(usize::from(parameter.place()), place);
            assert_eq!(Parameter::parse(parameter.word()), Some(*parameter));
        }
        assert_eq!(Parameter::parse("temprature"), None);
    }
}
