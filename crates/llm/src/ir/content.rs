//! What is said: turns and their parts, alike in requests and answers.

use super::{Citation, Json};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Role {
    System,
    Developer,
    User,
    Assistant,
    /// Holds [`Content::ToolResult`] parts only.
    Tool,
}

/// One turn. Dialects that put tool results into user turns are split: results first, in a [`Role::Tool`] turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
    /// The name of the speaker among several of one role.
    pub name: Option<String>,
}

/// One part of a turn or of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What it holds.
    pub content: Content,
    /// Marks the end of a prefix that the provider is to cache.
    pub cache_control: Option<CacheControl>,
}

/// What a part holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Text.
    Text(String),
    /// A picture.
    Image {
        /// Where it is.
        source: Source,
        /// How closely to look (`low`, `high`, `auto`).
        detail: Option<String>,
    },
    /// A document.
    File {
        /// Where it is.
        source: Source,
        /// Its file name or title.
        name: Option<String>,
    },
    /// Sound, as base64.
    Audio {
        /// The base64 text.
        data: String,
        /// `wav`, `mp3` …
        format: String,
    },
    /// The model calls a tool.
    ToolCall {
        /// Ties the result to the call.
        id: String,
        /// The tool.
        name: String,
        /// JSON text as the model wrote it: may be empty (no arguments) or broken (cut off).
        arguments: String,
    },
    /// What a tool gave back.
    ToolResult {
        /// The call's id.
        id: String,
        /// Text, pictures, documents.
        parts: Vec<Part>,
        /// Whether the tool failed.
        is_error: bool,
    },
    /// The model's reasoning.
    Thinking {
        /// Its text (may be a summary, or empty when only the signature is given).
        text: String,
        /// Proof for the provider that the text is its own; bound to this part.
        signature: Option<String>,
        /// Whose signature it is, such as `anthropic-claude-v1`; absent when not said.
        format: Option<String>,
    },
    /// Reasoning that only the provider can read.
    RedactedThinking {
        /// The sealed text.
        data: String,
        /// Whose it is, such as `anthropic-claude-v1`; absent when not said.
        format: Option<String>,
    },
    /// The model declines, in words.
    Refusal(String),
    /// A source of the text directly before it.
    Citation(Box<Citation>),
    /// A part of a type that has no place above.
    Other {
        /// Its type in its own dialect's word.
        kind: String,
        /// The whole part.
        json: Json,
    },
}

/// Where a picture or document is.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// In the request.
    Base64 {
        /// Such as `image/png`.
        media_type: String,
        /// The base64 text.
        data: String,
    },
    /// On the web.
    Url(String),
    /// Uploaded to the provider before.
    FileId(String),
    /// Brought to the provider for this request alone, by whoever sends it; no client can say so.
    Brought(String),
    /// Plain text in the request.
    Text(String),
}

/// A cache marker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheControl {
    /// Lifetime (`5m`, `1h`); absent is the provider's default.
    pub ttl: Option<String>,
}

impl Part {
    /// A part without a cache marker.
    pub fn new(content: Content) -> Self {
        Self { content, cache_control: None }
    }

    /// A text part.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Content::Text(text.into()))
    }
}
