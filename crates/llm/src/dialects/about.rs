//! What holds for everything that is said in a dialect: facts, one constant for each.
//!
//! Whoever asks about a dialect asks here; nobody compares names.

use super::{
    Dialect, ErrorFacts, Operation, Quirk, ai_sdk, anthropic_messages, bedrock_converse, cohere_chat, gemini,
    ollama, openai,
};
use crate::framing::Framing;
use crate::json::Kind;

/// What holds for everything that is said in a dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline {
    /// Which dialect this is.
    pub dialect: Dialect,
    /// Its name in configurations and records.
    pub name: &'static str,
    /// What it asks of a model.
    pub operation: Operation,
    /// Of whose clients providers are asked in it.
    pub upstream: Upstream,
    /// Whether it has a client's side: requests can be read and answers written in it. Without one it is spoken with
    /// providers only.
    pub clients: bool,
    /// How providers are asked and answer in it.
    pub asking: Asking,
    /// Whether model and streaming are chosen by the path: neither stands in the body then, so requests are read
    /// without them and written without them, and whoever knows the path sets both.
    pub model_in_path: bool,
    /// Whether a request that does not say so is answered by a stream.
    pub streams_by_default: bool,
    /// The member of a request without which there is nothing to answer.
    pub content: &'static str,
    /// The member that may stand in its place, where a request has two shapes.
    pub content_or: Option<&'static str>,
    /// What that member may be.
    pub content_kinds: &'static [Kind],
    /// The same in words, as in "must be a list of messages".
    pub content_wanted: &'static str,
    /// Whether its clients are given proofs of other providers under a mark, because it cannot say whose they are.
    pub seals: bool,
    /// What follows the path at which tokens are counted, in dialects where that is so.
    pub count_suffix: Option<&'static str>,
    /// The shape of its errors.
    pub errors: ErrorShape,
    /// How its streams are framed, where an answer does not say it.
    pub framing: Framing,
    /// What ends a stream properly, when its upstream has left that out.
    pub stream_end: &'static [u8],
}

/// Of whose clients providers are asked in a dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upstream {
    /// Of all that ask for the same.
    ForAll,
    /// Of its own: it can say less than its provider's others, or nothing of other dialects can be said in it.
    ForItsOwn,
    /// Of none: it is spoken with clients alone.
    Never,
}

/// How providers are asked and answer in a dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asking {
    /// In which forms answers come.
    pub answers: Answers,
    /// Whether streams end with their body, without a word that says so.
    pub ends_unsaid: bool,
    /// A header that asks for a stream.
    pub stream_header: Option<(&'static str, &'static str)>,
    /// Whether models go on with an answer whose beginning is the last message of the request.
    pub prefill: Prefill,
    /// Whether an answer may lead to another address, where its stream or the rest of it is: [`super::Codec::leads_on`].
    pub leads_on: bool,
}

/// Where an answer leads that is only the beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Onward {
    /// The stream is there.
    Stream(String),
    /// The answer is there, when it is ready; asked earlier, it says the same.
    Later(String),
}

/// Whether models go on with an answer whose beginning is the last message of the request, and do not begin another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefill {
    /// No.
    Never,
    /// They do, or refuse such a request.
    Plain,
    /// Those of providers with one of these quirks do.
    With(&'static [Quirk]),
}

impl Asking {
    /// As nearly all are.
    pub(super) const USUAL: Self = Self {
        answers: Answers::AsAsked,
        ends_unsaid: false,
        stream_header: None,
        prefill: Prefill::Never,
        leads_on: false,
    };
}

/// In which forms a provider's answers come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// Whole or as a stream, as it is asked.
    AsAsked,
    /// As a stream: it is always asked for one, and whole answers are gathered from it ([`crate::ir::Gatherer`]).
    Streamed,
    /// Whole: streams are told from whole answers ([`crate::ir::Answer::into_events`]).
    Whole,
}

/// The shapes of errors; whoever reads errors of one dialect reads those of all others of the same shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ErrorShape {
    OpenAi,
    Anthropic,
    Google,
    Ollama,
    Cohere,
    AiSdk,
    Aws,
    /// Of no client: nobody is told an error so.
    Unspoken,
}

impl ErrorShape {
    /// An error answer's JSON body.
    pub(super) fn encode(self, error: &ErrorFacts) -> Vec<u8> {
        match self {
            Self::OpenAi | Self::Unspoken => openai::encode_error(error),
            Self::Anthropic => anthropic_messages::encode_error(error),
            Self::Google => gemini::encode_error(error),
            Self::Ollama => ollama::encode_error(error),
            Self::Cohere => cohere_chat::encode_error(error),
            Self::AiSdk => ai_sdk::encode_error(error),
            Self::Aws => bedrock_converse::encode_error(error),
        }
    }

    /// The frame that tells of an error after a stream has begun, and the stream's end.
    pub(super) fn encode_event(self, error: &ErrorFacts) -> Vec<u8> {
        match self {
            Self::OpenAi | Self::Unspoken => openai::encode_error_event(error),
            Self::Anthropic => anthropic_messages::encode_error_event(error),
            Self::Google => gemini::encode_error_event(error),
            Self::Ollama => ollama::encode_error_event(error),
            Self::Cohere => cohere_chat::encode_error_event(error),
            Self::AiSdk => ai_sdk::encode_error_event(error),
            Self::Aws => bedrock_converse::encode_error_event(error),
        }
    }
}

impl Outline {
    /// Whether a provider with these quirks goes on with an answer that another has begun.
    pub fn prefills(&self, quirks: &[Quirk]) -> bool {
        match self.asking.prefill {
            Prefill::Never => false,
            Prefill::Plain => true,
            Prefill::With(known) => known.iter().any(|quirk| quirks.contains(quirk)),
        }
    }

    /// What is alike in all dialects that are spoken with providers only.
    pub(super) const PROVIDERS_ONLY: Self = Self {
        dialect: Dialect::OpenAiChat,
        name: "",
        operation: Operation::Chat,
        upstream: Upstream::ForAll,
        clients: false,
        asking: Asking::USUAL,
        model_in_path: false,
        streams_by_default: false,
        content: "",
        content_or: None,
        content_kinds: &[],
        content_wanted: "",
        seals: false,
        count_suffix: None,
        errors: ErrorShape::Unspoken,
        framing: Framing::Sse,
        stream_end: b"",
    };
}
