//! The intermediate representation between dialects: one request, one answer, one stream of events.
//!
//! In: what a dialect's decoder has understood. Out: what another dialect's encoder says. It holds meaning,
//! not wire shapes; JSON that no dialect interprets (schemas, tool arguments, unknown fields) is kept verbatim.
//! It never knows which dialect, provider or model it came from.

mod answer;
mod complaint;
mod content;
mod error;
mod files;
mod gather;
mod json;
mod media;
mod own_tools;
mod request;
mod search;
mod stream;

pub use answer::{Answer, Choice, Embedding, EmbeddingsAnswer, Finish, FinishReason, Response, Vector};
pub use complaint::Complaint;
pub use content::{CacheControl, Content, Message, Part, Role, Source};
pub use error::{ErrorFacts, ErrorKind};
pub use gather::{Gatherer, Ungathered};
pub use json::Json;
pub use media::{
    Counted, Images, ImagesAnswer, Picture, Ranked, Ranking, Rerank, Segment, Speech, SpeechAnswer,
    Transcript, Transcription,
};
pub use own_tools::{Namespace, NamespacedTool, OwnTools, OwnWord, OwnWords, function_name};
pub use request::{
    Chat, Completion, Effort, EmbeddingFormat, EmbeddingInput, Embeddings, Prompt, Reasoning, ReasoningMode,
    Request, ResponseFormat, Sampling, Tool, ToolChoice,
};
pub use search::{Citation, SearchContext, SearchLocation, SearchTool, WebSearch};
pub use stream::{Start, StreamEvent};
