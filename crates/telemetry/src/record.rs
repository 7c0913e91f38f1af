//! The record that every exchange leaves, exactly once.

use serde::{Deserialize, Serialize};

use crate::healing::HealRecord;
use crate::json::Object;
use crate::route::RouteRecord;
use crate::shadow::ShadowRecord;

/// How an exchange ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The answer was complete.
    #[default]
    Completed,
    /// The gateway refused the request (key, limits, bad input) before any upstream was called.
    Refused,
    /// No upstream gave an answer, or the one that began broke off.
    Failed,
    /// The client went away before the answer was complete.
    ClientGone,
}

impl Outcome {
    /// The word used in records, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::ClientGone => "client_gone",
        }
    }

    /// The outcome that a word stands for.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Completed, Self::Refused, Self::Failed, Self::ClientGone]
            .into_iter()
            .find(|o| o.as_str() == word)
    }
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

impl TokenSource {
    /// The word used in records, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Reported => "reported",
            Self::Estimated => "estimated",
        }
    }

    /// The source that a word stands for.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::None, Self::Reported, Self::Estimated].into_iter().find(|s| s.as_str() == word)
    }
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

impl TokenCounts {
    /// Adds those of another part of the same exchange. A sum is reported only if all of it is.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in [
            (&mut self.input, other.input),
            (&mut self.cached_input, other.cached_input),
            (&mut self.cache_write, other.cache_write),
            (&mut self.output, other.output),
            (&mut self.reasoning, other.reasoning),
        ] {
            *sum = sum.saturating_add(more);
        }
        self.source = match (self.source, other.source) {
            (TokenSource::None, source) | (source, TokenSource::None) => source,
            (TokenSource::Reported, TokenSource::Reported) => TokenSource::Reported,
            _ => TokenSource::Estimated,
        };
    }

    /// Takes away what was added.
    pub fn remove(&mut self, other: &Self) {
        for (sum, less) in [
            (&mut self.input, other.input),
            (&mut self.cached_input, other.cached_input),
            (&mut self.cache_write, other.cache_write),
            (&mut self.output, other.output),
            (&mut self.reasoning, other.reasoning),
        ] {
            *sum = sum.saturating_sub(less);
        }
        if (Self { source: TokenSource::None, ..*self }) == Self::default() {
            self.source = TokenSource::None;
        }
    }
}

/// What was used beside tokens; `None` where nobody has counted it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnitCounts {
    /// Pictures that were made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<u64>,
    /// Milliseconds of sound that were read or spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_ms: Option<u64>,
    /// Characters that were spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub characters: Option<u64>,
    /// Search units of a reranking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub searches: Option<u64>,
    /// Milliseconds of moving pictures that are made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_ms: Option<u64>,
    /// Searches of the web.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_searches: Option<u64>,
}

impl UnitCounts {
    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Each unit with its count.
    pub fn all(&self) -> [(&'static str, Option<u64>); 6] {
        [
            ("images", self.images),
            ("audio_ms", self.audio_ms),
            ("characters", self.characters),
            ("searches", self.searches),
            ("video_ms", self.video_ms),
            ("web_searches", self.web_searches),
        ]
    }
}

/// One try at one upstream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What it used, where that is a part of what the exchange used: another one was given up for it, or went on after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<TokenCounts>,
    /// What that cost, in billionths of a US dollar; it is in the exchange's own cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_nanos: Option<u64>,
    /// Whether it went on with an answer that had broken off at an earlier one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rescue: bool,
}

impl AttemptRecord {
    /// Tries as a list in JSON: the same text that serde would write, sooner.
    pub fn list(attempts: &[Self]) -> String {
        let mut list = String::with_capacity(2 + 192 * attempts.len());
        list.push('[');
        for (index, attempt) in attempts.iter().enumerate() {
            if index > 0 {
                list.push(',');
            }
            let mut object = Object::begin(&mut list);
            object.text("provider", &attempt.provider);
            object.text("model", &attempt.model);
            object.text("credential", &attempt.credential);
            object.optional_number("status", attempt.status.map(u64::from));
            object.optional_text("cause", attempt.cause.as_deref());
            object.number("started_us", attempt.started_us);
            object.number("duration_us", attempt.duration_us);
            if let Some(tokens) = attempt.tokens.and_then(|tokens| serde_json::to_string(&tokens).ok()) {
                object.raw("tokens", &tokens);
            }
            if let Some(cost) = attempt.cost_nanos {
                object.number("cost_nanos", cost);
            }
            if attempt.rescue {
                object.truth("rescue", true);
            }
            object.end();
        }
        list.push(']');
        list
    }
}

/// The counted facts of one exchange. No prompt or answer text, no secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The operation in OpenTelemetry's words, such as `chat`, `text_completion`, `embeddings`; `count_tokens`, and what has no
    /// word there: `image_generation`, `speech`, `transcription`, `rerank` and the like; `shadow` for a copy to a candidate.
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
    /// What was used beside tokens.
    #[serde(default, skip_serializing_if = "UnitCounts::is_empty")]
    pub units: UnitCounts,
    /// Cost in nano-dollars (1e-9); `None` when the deployment has no price, or one for what nobody has counted.
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
    /// How it was routed; none where there was no choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Box<RouteRecord>>,
    /// What was done to the JSON of the answer; nothing where nobody asked for JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heal: Option<Box<HealRecord>>,
    /// Of which exchange this is a copy for a candidate, and how their answers compare; nothing for all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Box<ShadowRecord>>,
}

impl ExchangeRecord {
    /// The model that the exchange counts under: the one that answered, else the one asked for when it was
    /// tried. A name that reached no upstream counts under none: anybody can invent those without end.
    pub fn counted_model(&self) -> Option<&str> {
        self.model_served.as_deref().or_else(|| self.attempts.last().map(|_| self.model_requested.as_str()))
    }

    /// The provider that the exchange counts under: the one that answered, else the last one tried.
    pub fn counted_provider(&self) -> Option<&str> {
        self.provider.as_deref().or_else(|| self.attempts.last().map(|attempt| attempt.provider.as_str()))
    }

    /// Whether the exchange counts as an error. A client that left is not one.
    pub fn is_error(&self) -> bool {
        matches!(self.outcome, Outcome::Refused | Outcome::Failed)
    }
}

#[cfg(test)]
pub(crate) mod samples {
    use super::*;

    /// A finished chat after one failed attempt.
    pub(crate) fn completed(id: &str) -> ExchangeRecord {
        let attempt = |provider: &str, status, cause: Option<&str>| AttemptRecord {
            provider: provider.into(),
            model: "gpt-oss".into(),
            credential: "#1".into(),
            status: Some(status),
            cause: cause.map(Into::into),
            started_us: 10,
            duration_us: 900,
            ..AttemptRecord::default()
        };
        ExchangeRecord {
            id: id.into(),
            started_at_us: 1_763_606_400_123_456,
            key_id: Some("key-1".into()),
            key_name: Some("ci".into()),
            dialect: "openai_chat".into(),
            operation: "chat".into(),
            model_requested: "smart".into(),
            model_served: Some("openai/gpt-oss".into()),
            provider: Some("openai".into()),
            upstream_id: Some("chatcmpl-1".into()),
            attempts: vec![attempt("groq", 429, Some("rate_limited")), attempt("openai", 200, None)],
            status: 200,
            outcome: Outcome::Completed,
            error_code: None,
            finish_reason: Some("stop".into()),
            streamed: true,
            tokens: TokenCounts {
                input: 120,
                cached_input: 20,
                cache_write: 0,
                output: 40,
                reasoning: 8,
                source: TokenSource::Reported,
            },
            units: UnitCounts::default(),
            cost_nanos: Some(42_000),
            first_byte_us: Some(30_000),
            total_us: 200_000,
            overhead_us: 45,
            lossy: Vec::new(),
            route: None,
            heal: None,
            shadow: None,
        }
    }

    /// A request that was turned away for its key.
    pub(crate) fn refused(id: &str) -> ExchangeRecord {
        ExchangeRecord {
            key_id: None,
            key_name: None,
            model_served: None,
            provider: None,
            upstream_id: None,
            attempts: Vec::new(),
            status: 401,
            outcome: Outcome::Refused,
            error_code: Some("invalid_api_key".into()),
            finish_reason: None,
            streamed: false,
            tokens: TokenCounts::default(),
            cost_nanos: None,
            first_byte_us: None,
            total_us: 50,
            ..completed(id)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_written_as_serde_would() {
        let mut odd = samples::completed("gen-1").attempts;
        for attempts in [Vec::new(), odd.clone(), {
            (odd[0].status, odd[0].cause, odd[1].model) = (None, Some("a\"b\n".into()), "玉\\".into());
            odd[0].tokens = Some(samples::completed("gen-1").tokens);
            (odd[0].cost_nanos, odd[1].rescue) = (Some(7), true);
            odd
        }] {
            assert_eq!(AttemptRecord::list(&attempts), serde_json::to_string(&attempts).unwrap());
        }
    }

    #[test]
    fn words_are_the_serialised_ones() {
        for outcome in [Outcome::Completed, Outcome::Refused, Outcome::Failed, Outcome::ClientGone] {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.as_str());
            assert_eq!(Outcome::parse(outcome.as_str()), Some(outcome));
        }
        for source in [TokenSource::None, TokenSource::Reported, TokenSource::Estimated] {
            assert_eq!(serde_json::to_value(source).unwrap(), source.as_str());
            assert_eq!(TokenSource::parse(source.as_str()), Some(source));
        }
        assert_eq!(Outcome::parse("gone"), None);
    }

    #[test]
    fn invented_names_count_under_none() {
        let refused = samples::refused("gen-1");
        assert_eq!((refused.counted_model(), refused.counted_provider()), (None, None));
        let mut failed = samples::completed("gen-2");
        (failed.model_served, failed.provider, failed.outcome) = (None, None, Outcome::Failed);
        assert_eq!((failed.counted_model(), failed.counted_provider()), (Some("smart"), Some("openai")));
        assert!(failed.is_error());
    }
}
