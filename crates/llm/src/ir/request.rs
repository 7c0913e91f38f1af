//! What a client asks for.

use super::{
    CacheControl, Content, Images, Json, Message, OwnTools, Part, Rerank, Role, Speech, Transcription,
    WebSearch,
};

/// A request of any operation.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// A conversation to be continued.
    Chat(Box<Chat>),
    /// A text to be continued (legacy).
    Completion(Box<Completion>),
    /// Texts to be turned into vectors.
    Embeddings(Box<Embeddings>),
    /// Pictures to be made.
    Images(Box<Images>),
    /// Documents to be put in order.
    Rerank(Box<Rerank>),
    /// A text to be spoken.
    Speech(Box<Speech>),
    /// A recording to be written down.
    Transcription(Box<Transcription>),
}

impl Request {
    /// Says whether a stream is asked for, in dialects that say so elsewhere than in the body.
    pub fn set_stream(&mut self, stream: bool) {
        match self {
            Self::Chat(chat) => chat.stream = stream,
            Self::Completion(completion) => completion.stream = stream,
            Self::Embeddings(_)
            | Self::Images(_)
            | Self::Rerank(_)
            | Self::Speech(_)
            | Self::Transcription(_) => {}
        }
    }

    /// The fields that have no place in the IR.
    pub fn extra_mut(&mut self) -> &mut Vec<(String, Json)> {
        match self {
            Self::Chat(chat) => &mut chat.extra,
            Self::Completion(completion) => &mut completion.extra,
            Self::Embeddings(embeddings) => &mut embeddings.extra,
            Self::Images(images) => &mut images.extra,
            Self::Rerank(rerank) => &mut rerank.extra,
            Self::Speech(speech) => &mut speech.extra,
            Self::Transcription(transcription) => &mut transcription.extra,
        }
    }
}

/// A conversation to be continued.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chat {
    /// The model as the client names it; encoders write the target's own id.
    pub model: String,
    /// The conversation, instructions included, in order.
    pub messages: Vec<Message>,
    /// What the model may call.
    pub tools: Vec<Tool>,
    /// What the client calls those that it does not know as plain functions.
    pub own_tools: OwnTools,
    /// Whether the web is to be searched, and how.
    pub web_search: Option<Box<WebSearch>>,
    /// Whether and what it must call.
    pub tool_choice: Option<ToolChoice>,
    /// Whether it may call several tools at once.
    pub parallel_tool_calls: Option<bool>,
    /// The form of the answer; absent is text.
    pub response_format: Option<ResponseFormat>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Limit of generated tokens, reasoning included.
    pub max_tokens: Option<u64>,
    /// Whether and how much to think first.
    pub reasoning: Option<Reasoning>,
    /// The end user, for abuse detection.
    pub user: Option<String>,
    /// Free key-value pairs to be stored with the request.
    pub metadata: Option<Json>,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// Whether the client wants usage in its stream.
    pub include_usage: bool,
    /// Processing class, in OpenAI's words (`auto`, `default`, `flex`, `priority`).
    pub service_tier: Option<String>,
    /// Cache marker for the whole prompt, set by the provider on its last cacheable part.
    pub cache_control: Option<CacheControl>,
    /// Whether the last message is the beginning of the answer, which the model is to go on with.
    pub continues: bool,
    /// Top-level fields that have no place above, by the client dialect's names, in order.
    pub extra: Vec<(String, Json)>,
}

impl Chat {
    /// Has the model go on with an answer of which this is the beginning.
    pub fn go_on_with(&mut self, begun: &str) {
        self.continues = true;
        // What the client itself has begun is part of the same answer.
        let own = self.messages.last_mut().filter(|last| last.role == Role::Assistant);
        match own.and_then(|last| last.parts.last_mut()).map(|part| &mut part.content) {
            Some(Content::Text(text)) => text.push_str(begun),
            _ => self.messages.push(Message {
                role: Role::Assistant,
                parts: vec![Part::text(begun)],
                name: None,
            }),
        }
    }
}

/// What the model may call.
#[derive(Debug, Clone, PartialEq)]
pub enum Tool {
    /// A function of the client.
    Function {
        /// Its name.
        name: String,
        /// What it does.
        description: Option<String>,
        /// JSON schema of its arguments.
        parameters: Option<Json>,
        /// Whether arguments must follow the schema exactly.
        strict: Option<bool>,
        /// Cache marker.
        cache_control: Option<CacheControl>,
    },
    /// A tool of a type that has no place above, such as a provider's own computer.
    Other {
        /// Its type in its own dialect's word.
        kind: String,
        /// The whole definition.
        json: Json,
    },
}

/// Whether and what the model must call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice {
    /// As it likes.
    Auto,
    /// Nothing.
    None,
    /// At least one tool.
    Required,
    /// This tool.
    Named(String),
    /// Only some of the tools.
    Allowed {
        /// Whether at least one must be called.
        required: bool,
        /// Their names.
        names: Vec<String>,
    },
}

/// The form of the answer.
#[derive(Debug, Clone, PartialEq)]
pub enum ResponseFormat {
    /// Plain text.
    Text,
    /// Some JSON object.
    JsonObject,
    /// JSON after a schema.
    JsonSchema {
        /// A label for the schema.
        name: Option<String>,
        /// What the schema is for.
        description: Option<String>,
        /// The schema.
        schema: Json,
        /// Whether it must be followed exactly.
        strict: Option<bool>,
    },
}

/// How tokens are chosen.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Sampling {
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<u64>,
    pub frequency_penalty: Option<f64>,
    pub presence_penalty: Option<f64>,
    pub seed: Option<i64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    pub logit_bias: Option<Json>,
    pub logprobs: Option<bool>,
    pub top_logprobs: Option<u64>,
    /// Number of answers.
    pub n: Option<u64>,
}

/// Whether and how much to think before answering. Empty fields leave it to the model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reasoning {
    /// Whether.
    pub mode: Option<ReasoningMode>,
    /// How much, in a word.
    pub effort: Option<Effort>,
    /// How much, in tokens.
    pub budget_tokens: Option<u64>,
    /// Whether the reasoning is left out of the answer.
    pub hidden: Option<bool>,
}

impl Reasoning {
    /// How many tokens may be spent on it within an output limit, where that is said or follows from the effort.
    pub fn tokens(&self, max_tokens: Option<u64>) -> Option<u64> {
        let share = self.effort.zip(max_tokens).map(|(effort, limit)| {
            let share = u128::from(limit) * u128::from(effort.share_per_mille()) / 1000;
            u64::try_from(share).unwrap_or(u64::MAX)
        });
        self.budget_tokens.or(share)
    }

    /// Whether nothing is said of whether and how much.
    pub fn is_unsaid(&self) -> bool {
        self.mode.is_none() && self.effort.is_none() && self.budget_tokens.is_none()
    }
}

/// Whether to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReasoningMode {
    /// No.
    Off,
    /// Yes.
    On,
    /// When the model finds it useful.
    Adaptive,
}

/// How much to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Effort {
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}

/// A text to be continued.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Completion {
    /// The model as the client names it.
    pub model: String,
    /// The beginning.
    pub prompt: Prompt,
    /// Text that follows the gap.
    pub suffix: Option<String>,
    /// Whether the prompt is repeated in the answer.
    pub echo: Option<bool>,
    /// Of how many drafts the best is given.
    pub best_of: Option<u64>,
    /// Limit of generated tokens.
    pub max_tokens: Option<u64>,
    /// How tokens are chosen; `top_logprobs` holds the legacy number `logprobs`.
    pub sampling: Sampling,
    /// The end user.
    pub user: Option<String>,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// Whether the client wants usage in its stream.
    pub include_usage: bool,
    /// Top-level fields that have no place above.
    pub extra: Vec<(String, Json)>,
}

/// The beginning of a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Prompt {
    /// One text.
    Text(String),
    /// Several texts, each continued on its own.
    Texts(Vec<String>),
    /// Token ids (a list, or a list of lists).
    Tokens(Json),
}

impl Default for Prompt {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

/// Texts to be turned into vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// The model as the client names it.
    pub model: String,
    /// What is embedded.
    pub input: EmbeddingInput,
    /// The form of the vectors; absent is floats.
    pub format: Option<EmbeddingFormat>,
    /// Length of the vectors.
    pub dimensions: Option<u64>,
    /// The end user.
    pub user: Option<String>,
    /// Top-level fields that have no place above.
    pub extra: Vec<(String, Json)>,
}

/// What is embedded.
#[derive(Debug, Clone, PartialEq)]
pub enum EmbeddingInput {
    /// One text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// Token ids (a list, or a list of lists), or structured inputs.
    Other(Json),
}

impl Embeddings {
    /// The texts that are embedded; `None` where there is something else.
    pub fn texts(&self) -> Option<Vec<&str>> {
        match &self.input {
            EmbeddingInput::Text(text) => Some(vec![text]),
            EmbeddingInput::Texts(texts) => Some(texts.iter().map(String::as_str).collect()),
            EmbeddingInput::Other(_) => None,
        }
    }
}

/// The form in which vectors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbeddingFormat {
    /// A list of numbers.
    Float,
    /// Little-endian 32-bit floats as base64.
    Base64,
}

impl Effort {
    /// The word that OpenAI-style and Anthropic requests use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// The effort that `word` names.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Minimal, Self::Low, Self::Medium, Self::High, Self::XHigh, Self::Max]
            .into_iter()
            .find(|effort| effort.word() == word)
    }

    /// The nearest of the three words that every reasoning model knows to a budget within an output limit.
    pub fn nearest(budget: u64, max_tokens: Option<u64>) -> Self {
        let limit = max_tokens.unwrap_or(budget.saturating_mul(2)).max(1);
        match u128::from(budget) * 1000 / u128::from(limit) {
            0..350 => Self::Low,
            350..650 => Self::Medium,
            _ => Self::High,
        }
    }

    /// Per mille of the output limit that this effort may spend on thinking.
    pub fn share_per_mille(self) -> u64 {
        match self {
            Self::Minimal => 100,
            Self::Low => 200,
            Self::Medium => 500,
            Self::High => 800,
            Self::XHigh | Self::Max => 950,
        }
    }
}
