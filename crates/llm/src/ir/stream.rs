//! What an upstream answers, piece by piece.

use super::{Citation, ErrorFacts, Finish, Json, Source};
use crate::usage::Usage;

/// What is known of an answer when it begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Start {
    /// The upstream's id.
    pub id: Option<String>,
    /// The model that answers.
    pub model: Option<String>,
    /// Unix seconds.
    pub created: Option<i64>,
    /// Identifies the upstream's configuration.
    pub system_fingerprint: Option<String>,
    /// Processing class, in OpenAI's words.
    pub service_tier: Option<String>,
}

/// One step of a streamed answer.
///
/// A stream is `Start`, then pieces of parts, then one `Finish` per choice, then `End`; `Usage` and `Ping` may
/// stand anywhere. Decoders keep to this order whatever the upstream sends.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamEvent {
    /// The answer begins.
    Start(Box<Start>),
    /// A piece of text.
    Text {
        /// Of which choice.
        choice: u32,
        /// The piece.
        text: String,
        /// Probabilities of its tokens, in OpenAI's chat shape.
        logprobs: Option<Json>,
    },
    /// A piece of reasoning.
    Thinking {
        /// Of which choice.
        choice: u32,
        /// The piece.
        text: String,
    },
    /// The signature of the reasoning that stands directly before it.
    Signature {
        /// Of which choice.
        choice: u32,
        /// The signature.
        signature: String,
        /// Whose it is, as in [`super::Content::Thinking`].
        format: Option<String>,
    },
    /// Reasoning that only the provider can read, whole.
    RedactedThinking {
        /// Of which choice.
        choice: u32,
        /// The sealed text.
        data: String,
        /// Whose it is.
        format: Option<String>,
    },
    /// A tool call begins.
    ToolCallStart {
        /// Of which choice.
        choice: u32,
        /// Number of the call in its choice: 0, 1, 2 …
        call: u32,
        /// Ties the result to the call.
        id: String,
        /// The tool.
        name: String,
    },
    /// A piece of a tool call's arguments, never empty.
    ToolCallArguments {
        /// Of which choice.
        choice: u32,
        /// Number of the call in its choice.
        call: u32,
        /// The piece.
        arguments: String,
    },
    /// A piece of a refusal.
    Refusal {
        /// Of which choice.
        choice: u32,
        /// The piece.
        text: String,
    },
    /// A source of the text that is being generated, of which nothing more comes.
    Citation {
        /// Of which choice.
        choice: u32,
        /// The source.
        citation: Box<Citation>,
    },
    /// A picture, whole.
    Image {
        /// Of which choice.
        choice: u32,
        /// The picture.
        source: Source,
    },
    /// The part that was being generated is complete. Dialects without such a mark do not say it.
    PartEnd {
        /// Of which choice.
        choice: u32,
    },
    /// Tokens so far, cumulative: each one replaces the one before it.
    Usage(Usage),
    /// A choice has ended.
    Finish {
        /// Which choice.
        choice: u32,
        /// Why.
        finish: Finish,
    },
    /// The upstream is still there.
    Ping,
    /// The upstream failed; nothing follows.
    Error(Box<ErrorFacts>),
    /// The upstream said that its stream is over; nothing follows.
    End,
}

impl StreamEvent {
    /// The choice that the step belongs to, when it belongs to one.
    pub fn choice(&self) -> Option<u32> {
        match self {
            Self::Text { choice, .. }
            | Self::Thinking { choice, .. }
            | Self::Signature { choice, .. }
            | Self::RedactedThinking { choice, .. }
            | Self::ToolCallStart { choice, .. }
            | Self::ToolCallArguments { choice, .. }
            | Self::Refusal { choice, .. }
            | Self::Citation { choice, .. }
            | Self::Image { choice, .. }
            | Self::PartEnd { choice }
            | Self::Finish { choice, .. } => Some(*choice),
            Self::Start(_) | Self::Usage(_) | Self::Ping | Self::Error(_) | Self::End => None,
        }
    }
}
