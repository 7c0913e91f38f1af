//! The record that every exchange leaves, exactly once.

use serde::{Deserialize, Serialize};

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The answer was complete.
    Completed,
    /// The gateway refused the request (key, limits, bad input) before any upstream was called.
    Refused,
    /// No upstream gave an answer, or the one that began broke off.
    Failed,
    /// The client went away before the answer was complete.
    ClientGone,
}

/// Where token counts come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenSource {
    /// Nothing was counted: the request never reached a model.
    #[default]
    None,
    /// The upstream reported them.
    Reported,
    /// The gateway estimated them.
    Estimated,
}

/// Token counts; `input` includes cached and cache-write tokens, `output` includes reasoning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenCounts {
    /// All prompt tokens.
    pub input: u64,
    /// Prompt tokens read from the provider's cache.
    pub cached_input: u64,
    /// Prompt tokens written to the provider's cache, all lifetimes.
    pub cache_write: u64,
    /// All generated tokens.
    pub output: u64,
    /// Generated reasoning tokens.
    pub reasoning: u64,
    /// Who counted.
    pub source: TokenSource,
}

/// One try at one upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// The provider's id.
    pub provider: String,
    /// The provider's own model id.
    pub model: String,
    /// The credential's label (never its secret).
    pub credential: String,
    /// HTTP status of the upstream's answer, when there was one.
    pub status: Option<u16>,
    /// Why the attempt was not the last, or failed: a code such as `connect_timeout`, `rate_limited`; `None` on success.
    pub cause: Option<String>,
    /// Microseconds from the exchange's start to the attempt's.
    pub started_us: u64,
    /// Microseconds from the attempt's start to the upstream's response head or failure.
    pub duration_us: u64,
}

/// The counted facts of one exchange. No prompt or answer text, no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeRecord {
    /// The generation id, `gen-<unix seconds>-<20 characters>`: sorts by time.
    pub id: String,
    /// Unix time of the request's arrival in microseconds.
    pub started_at_us: i64,
    /// Id of the virtual key; `None` when none was recognised.
    pub key_id: Option<String>,
    /// Name of the virtual key.
    pub key_name: Option<String>,
    /// The client's dialect, such as `openai_chat`.
    pub dialect: String,
    /// The operation in OpenTelemetry's words: `chat`, `text_completion`, `embeddings`, `count_tokens`, `models`.
    pub operation: String,
    /// The model as the client asked for it; empty when the request could not be read.
    pub model_requested: String,
    /// The model that answered, `author/slug` when the catalogue knows it, else the provider's own id.
    pub model_served: Option<String>,
    /// The provider that answered.
    pub provider: Option<String>,
    /// The upstream's own id for the answer.
    pub upstream_id: Option<String>,
    /// All tries, in order.
    pub attempts: Vec<AttemptRecord>,
    /// HTTP status sent to the client (499 when it left before one was sent).
    pub status: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// The error's code, from the table of codes.
    pub error_code: Option<String>,
    /// The upstream's finish reason in its own word.
    pub finish_reason: Option<String>,
    /// Whether the answer was a stream.
    pub streamed: bool,
    /// Tokens.
    pub tokens: TokenCounts,
    /// Cost in nano-dollars (1e-9); `None` when the deployment has no price.
    pub cost_nanos: Option<u64>,
    /// Microseconds from arrival to the first content (streams) or the response head sent to the client.
    pub first_byte_us: Option<u64>,
    /// Microseconds from arrival to the end.
    pub total_us: u64,
    /// Microseconds spent in the gateway: total less waiting for the upstream and for the client.
    pub overhead_us: u64,
    /// Names of request fields that could not be carried to the upstream's dialect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lossy: Vec<String>,
}
