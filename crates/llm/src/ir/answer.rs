//! What an upstream answers, whole.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{
    Content, EmbeddingFormat, ImagesAnswer, Json, Part, Ranking, SpeechAnswer, Start, StreamEvent, Transcript,
};
use crate::usage::Usage;

/// A whole answer of any operation.
#[derive(Debug, Clone, PartialEq)]
pub enum Response {
    /// To a conversation or a text completion.
    Chat(Box<Answer>),
    /// Vectors.
    Embeddings(Box<EmbeddingsAnswer>),
    /// Pictures.
    Images(Box<ImagesAnswer>),
    /// Documents in order.
    Ranking(Box<Ranking>),
    /// Sound.
    Speech(Box<SpeechAnswer>),
    /// What was said.
    Transcript(Box<Transcript>),
}

/// A whole generated answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// The upstream's id.
    pub id: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// Unix seconds.
    pub created: Option<i64>,
    /// The answers, one per choice.
    pub choices: Vec<Choice>,
    /// Tokens, when the upstream counted them.
    pub usage: Option<Usage>,
    /// Identifies the upstream's configuration.
    pub system_fingerprint: Option<String>,
    /// Processing class, in OpenAI's words.
    pub service_tier: Option<String>,
}

/// One of the answers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choice {
    /// Its place among the choices.
    pub index: u32,
    /// What was generated, in order.
    pub parts: Vec<Part>,
    /// Why it ended.
    pub finish: Option<Finish>,
    /// Token probabilities, in OpenAI's chat shape.
    pub logprobs: Option<Json>,
}

/// Why an answer ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finish {
    /// In one vocabulary.
    pub reason: FinishReason,
    /// In the upstream's own word.
    pub native: Option<String>,
    /// The stop text that was met.
    pub stop_sequence: Option<String>,
}

/// Why an answer ended, in one vocabulary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FinishReason {
    /// The model was done.
    #[default]
    Stop,
    /// A stop text was met.
    StopSequence,
    /// The output limit was reached.
    Length,
    /// The context window is full.
    ContextWindow,
    /// The model called tools and waits for their results.
    ToolCalls,
    /// A filter cut the answer off.
    ContentFilter,
    /// The model declined.
    Refusal,
    /// The provider paused a long turn; the client sends it back to go on.
    PauseTurn,
    /// The upstream failed while it answered.
    Error,
}

/// Vectors.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EmbeddingsAnswer {
    /// The model that answered.
    pub model: Option<String>,
    /// One vector per input.
    pub data: Vec<Embedding>,
    /// Tokens, when the upstream counted them.
    pub usage: Option<Usage>,
    /// The form that the client asked for; absent: each vector as the upstream wrote it.
    pub format: Option<EmbeddingFormat>,
}

/// The vector of one input.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// The input's place.
    pub index: u64,
    /// Its vector.
    pub vector: Vector,
}

/// A vector in the form in which it came.
#[derive(Debug, Clone, PartialEq)]
pub enum Vector {
    /// Numbers.
    Floats(Vec<f32>),
    /// Little-endian 32-bit floats as base64.
    Base64(String),
}

impl Vector {
    /// The numbers, whatever they were at the provider; base64 that cannot be read holds none.
    pub fn floats(&self) -> Cow<'_, [f32]> {
        match self {
            Self::Floats(floats) => Cow::Borrowed(floats),
            Self::Base64(text) => {
                let bytes = STANDARD.decode(text).unwrap_or_default();
                bytes.as_chunks::<4>().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect()
            }
        }
    }
}

impl Answer {
    /// The same answer as a stream, for a client that asked for one when its upstream gave it whole.
    pub fn into_events(self) -> Vec<StreamEvent> {
        let Self { id, model, created, choices, usage, system_fingerprint, service_tier } = self;
        let start = Start { id, model, created, system_fingerprint, service_tier };
        let mut events = vec![StreamEvent::Start(Box::new(start))];
        for Choice { index: choice, parts, finish, mut logprobs } in choices {
            let mut calls = 0;
            let mut parts = parts.into_iter().map(|part| part.content).peekable();
            while let Some(content) = parts.next() {
                let is_told = part_events(choice, content, &mut calls, &mut logprobs, &mut events);
                // Sources belong to the part that they follow.
                let goes_on = matches!(parts.peek(), Some(Content::Citation(_)));
                events.extend((is_told && !goes_on).then_some(StreamEvent::PartEnd { choice }));
            }
            events.push(StreamEvent::Finish { choice, finish: finish.unwrap_or_default() });
        }
        events.extend(usage.map(StreamEvent::Usage));
        events.push(StreamEvent::End);
        events
    }
}

/// The events of one part, but for its end; gives whether there are any.
fn part_events(
    choice: u32,
    content: Content,
    calls: &mut u32,
    logprobs: &mut Option<Json>,
    events: &mut Vec<StreamEvent>,
) -> bool {
    match content {
        Content::Text(text) => events.push(StreamEvent::Text { choice, text, logprobs: logprobs.take() }),
        Content::Thinking { text, signature, format } => {
            events.push(StreamEvent::Thinking { choice, text });
            events.extend(signature.map(|signature| StreamEvent::Signature { choice, signature, format }));
        }
        Content::RedactedThinking { data, format } => {
            events.push(StreamEvent::RedactedThinking { choice, data, format });
        }
        Content::Refusal(text) => events.push(StreamEvent::Refusal { choice, text }),
        Content::ToolCall { id, name, arguments } => {
            let call = *calls;
            *calls += 1;
            events.push(StreamEvent::ToolCallStart { choice, call, id, name });
            if !arguments.is_empty() {
                events.push(StreamEvent::ToolCallArguments { choice, call, arguments });
            }
        }
        Content::Citation(citation) => events.push(StreamEvent::Citation { choice, citation }),
        Content::Image { source, .. } => events.push(StreamEvent::Image { choice, source }),
        // Models answer with none of these in the dialects that stream.
        _ => return false,
    }
    true
}
