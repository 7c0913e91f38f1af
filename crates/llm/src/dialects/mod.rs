//! The wire dialects: one folder each, one line each in [`ALL`].
//!
//! A dialect decodes its requests, answers, streams and errors into the IR and encodes them from it. It never
//! knows which provider or model is meant, and never another dialect.

mod about;
mod ai_sdk;
mod ai_sdk_embeddings;
mod ai_sdk_media;
mod anthropic_messages;
mod balance;
mod bedrock_converse;
mod bedrock_embeddings;
mod calls;
mod citations;
mod claude;
mod cohere_chat;
mod cohere_embeddings;
mod coze_chat;
mod dashscope_chat;
mod deepl_translate;
mod dify_chat;
mod fault;
mod gemini;
mod gemini_embeddings;
mod held_calls;
mod json_mode;
mod losses;
mod no_stream;
mod ollama;
mod ollama_chat;
mod ollama_embeddings;
mod ollama_generate;
mod openai;
mod openai_chat;
mod openai_completions;
mod openai_embeddings;
mod openai_realtime;
mod openai_responses;
mod operation;
mod outline;
mod passing;
mod plain;
mod read;
mod replicate_predictions;
mod seal;
mod search;
mod stopwatch;
mod tally;
mod tap;
mod target;
mod texts;
mod tier;
mod triton_generate;
mod vertex_embeddings;
mod write;

use serde::{Deserialize, Serialize};

use crate::ir;
pub use crate::ir::{ErrorFacts, ErrorKind};
use crate::json::Object;
use crate::price::Price;

pub use about::{Answers, Asking, ErrorShape, Onward, Outline, Prefill, Upstream};
pub use anthropic_messages::{count_tokens_answer, read_count_tokens};
pub use gemini::{JsonArray, gemini_count_tokens_answer, proves_what_follows, read_gemini_count_tokens};
pub use openai_embeddings::recode_embeddings;
pub use openai_realtime::{Counted, Heard, ModelPlace, NamedModel, named_models, read_event, realtime_error};
pub use openai_responses::memory;
pub use passing::{BodyForm, Passing, Pictures};
pub use seal::holds_sealed;
pub use search::{SearchForm, WEB_PLUGIN, encode_request, read_plugins, search_edits, tools_search};
pub use stopwatch::Stopwatch;
pub use tap::Tap;
pub use target::{Quirk, Target, Thinking};
pub use texts::{End, Span, TextId, Texts, texts};

use calls::{CallIds, Calls};
use held_calls::write_arguments;
use losses::Losses;
use no_stream::NoStream;
pub use operation::Operation;
use operation::{as_chat, as_chat_with, one_sided, refuse};
use tally::{raise, raise_tap_usage};

use crate::usage::Units;

/// The name of a wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// OpenAI Chat Completions, `POST /v1/chat/completions`.
    #[serde(rename = "openai_chat")]
    OpenAiChat,
    /// OpenAI Responses, `POST /v1/responses`.
    #[serde(rename = "openai_responses")]
    OpenAiResponses,
    /// OpenAI's legacy text completions, `POST /v1/completions`.
    #[serde(rename = "openai_completions")]
    OpenAiCompletions,
    /// OpenAI Embeddings, `POST /v1/embeddings`.
    #[serde(rename = "openai_embeddings")]
    OpenAiEmbeddings,
    /// Anthropic Messages, `POST /v1/messages`.
    #[serde(rename = "anthropic_messages")]
    AnthropicMessages,
    /// Google's `models/{model}:generateContent`, in AI Studio and Vertex AI.
    #[serde(rename = "gemini")]
    Gemini,
    /// Amazon Bedrock's Converse, `POST /model/{model}/converse` and `/converse-stream`.
    #[serde(rename = "bedrock_converse")]
    BedrockConverse,
    /// Google's `models/{model}:embedContent` and `:batchEmbedContents`.
    #[serde(rename = "gemini_embeddings")]
    GeminiEmbeddings,
    /// Ollama's own chat, `POST /api/chat`.
    OllamaChat,
    /// Ollama's `POST /api/generate`: one prompt, one answer.
    OllamaGenerate,
    /// Ollama's `POST /api/embed`, and `POST /api/embeddings` before it.
    OllamaEmbeddings,
    /// Cohere's second chat API, `POST /v2/chat`.
    CohereChat,
    /// Cohere's embeddings, `POST /v2/embed`.
    CohereEmbeddings,
    /// DashScope's own chat, `POST /services/aigc/text-generation/generation`; providers only, as are the next seven.
    #[serde(rename = "dashscope_chat")]
    DashScopeChat,
    /// Dify's apps, `POST /chat-messages` and `/completion-messages`.
    DifyChat,
    /// Coze's agents, `POST /v3/chat`.
    CozeChat,
    /// Triton's generate extension, `POST /v2/models/{model}/generate`.
    TritonGenerate,
    /// Replicate's predictions, `POST /models/{owner}/{name}/predictions`.
    ReplicatePredictions,
    /// DeepL's translations, `POST /v2/translate`.
    #[serde(rename = "deepl_translate")]
    DeepLTranslate,
    /// Embeddings of the makers on Amazon Bedrock, `POST /model/{model}/invoke`.
    BedrockEmbeddings,
    /// Embeddings of Google's Vertex AI, `POST …/models/{model}:predict`.
    VertexEmbeddings,
    /// The AI SDK's gateway protocol, `POST /v4/ai/language-model`; clients only.
    #[serde(rename = "ai_sdk")]
    AiSdk,
    /// The same, `POST /v4/ai/embedding-model`; clients only.
    #[serde(rename = "ai_sdk_embeddings")]
    AiSdkEmbeddings,
    /// The same, `POST /v4/ai/image-model`, for pictures from a text; clients only.
    #[serde(rename = "ai_sdk_images")]
    AiSdkImages,
    /// The same path, for pictures from pictures; clients only.
    #[serde(rename = "ai_sdk_image_edits")]
    AiSdkImageEdits,
    /// The same, `POST /v4/ai/reranking-model`; clients only.
    #[serde(rename = "ai_sdk_rerank")]
    AiSdkRerank,
    /// The same, `POST /v4/ai/speech-model`; clients only.
    #[serde(rename = "ai_sdk_speech")]
    AiSdkSpeech,
    /// The same, `POST /v4/ai/transcription-model`; clients only.
    #[serde(rename = "ai_sdk_transcriptions")]
    AiSdkTranscriptions,
    /// OpenAI's pictures from a text, `POST /v1/images/generations`.
    #[serde(rename = "openai_images")]
    OpenAiImages,
    /// OpenAI's pictures from pictures, `POST /v1/images/edits`.
    #[serde(rename = "openai_image_edits")]
    OpenAiImageEdits,
    /// OpenAI's former `POST /v1/images/variations`, which other servers still have.
    #[serde(rename = "openai_image_variations")]
    OpenAiImageVariations,
    /// OpenAI's speech from a text, `POST /v1/audio/speech`.
    #[serde(rename = "openai_speech")]
    OpenAiSpeech,
    /// OpenAI's texts from speech, `POST /v1/audio/transcriptions`.
    #[serde(rename = "openai_transcriptions")]
    OpenAiTranscriptions,
    /// OpenAI's English texts from speech, `POST /v1/audio/translations`.
    #[serde(rename = "openai_translations")]
    OpenAiTranslations,
    /// OpenAI's moderations, `POST /v1/moderations`.
    #[serde(rename = "openai_moderations")]
    OpenAiModerations,
    /// Rerankings as Cohere made them and many servers know them, `POST /v1/rerank` and `/v2/rerank`.
    #[serde(rename = "rerank")]
    Rerank,
    /// OpenAI's conversations by voice and text over a WebSocket, `GET /v1/realtime`.
    #[serde(rename = "openai_realtime")]
    OpenAiRealtime,
    /// OpenAI's moving pictures, made while the client asks again, `POST /v1/videos`.
    #[serde(rename = "openai_videos")]
    OpenAiVideos,
}

/// What a request body could not be read as, in terms its sender understands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DecodeError {
    /// What is wrong and what is expected, naming the field.
    pub message: String,
    /// Path of the field at fault, such as `messages[2].content`, when one can be named.
    pub param: Option<String>,
}

/// An encoded request or answer and what it could not carry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encoded {
    /// The body: JSON, unless `boundary` says that it is a form.
    pub body: Vec<u8>,
    /// What divides the parts of a form.
    pub boundary: Option<String>,
    /// Names of IR fields the dialect cannot say, such as `seed`; empty when nothing was lost.
    pub lossy: Vec<String>,
}

/// What the encoder of a client's answer needs to know beside the answer itself.
#[derive(Debug, Clone, Default)]
pub struct AnswerContext {
    /// The generation id; used as the answer's id when the upstream gave none.
    pub id: String,
    /// The model name to report when the upstream gave none.
    pub model: String,
    /// Unix seconds, for dialects that carry a creation time.
    pub created: i64,
    /// Whether an OpenAI client asked for usage in its stream.
    pub include_usage: bool,
    /// Whether a Gemini client reads its stream as one JSON array and not as events (it left out `alt=sse`).
    pub json_array: bool,
    /// Whether the request was of its dialect's form for several inputs, also if it holds one only: [`Codec::is_second_form`].
    pub embeds_batch: bool,
    /// How long the client has been waiting, for dialects that say it.
    pub stopwatch: Stopwatch,
    /// What the client calls its tools: [`ir::Chat::own_tools`].
    pub own_tools: ir::OwnTools,
    /// The version of the AI SDK's specification in which its client is answered.
    pub ai_sdk_version: u8,
    /// Who answers, for dialects that say so.
    pub provider: Option<String>,
    /// The provider's own name of the model, for the same.
    pub native_model: Option<String>,
    /// What it charges, for the same.
    pub price: Option<Price>,
    /// What the request told by itself of what was used, for the same.
    pub asked: Units,
    /// Names of what the request could not carry, for dialects that say so.
    pub lossy: Vec<String>,
    /// Whether the answer is kept, for dialects that say so.
    pub kept: bool,
    /// The kept answer that the request continues, for the same.
    pub previous: Option<String>,
}

/// One dialect. Implementations are stateless; streams have their own state objects.
pub trait Codec: Sync + Send {
    /// What holds for everything that is said in it.
    fn outline(&self) -> &'static Outline;
    /// Which dialect this is.
    fn dialect(&self) -> Dialect {
        self.outline().dialect
    }

    /// What is known of a dialect that only passes through; none for those that can be converted.
    fn passing(&self) -> Option<&'static Passing> {
        None
    }

    /// The member of a request whose characters are spoken.
    fn spoken(&self) -> Option<&'static str> {
        self.passing().and_then(|passing| passing.spoken)
    }
    /// Of which dialect a request is that came to this one's path, where two share one: its members tell.
    fn dialect_of(&self, _object: &Object, _body: &[u8]) -> Dialect {
        self.outline().dialect
    }

    /// Reads a client's request. The body is known to be valid JSON with bounded nesting. Refused in a dialect without a
    /// client's side.
    fn decode_request(&self, _body: &[u8]) -> Result<ir::Request, DecodeError> {
        Err(one_sided(self.outline()))
    }
    /// Writes an upstream's request. Refused, as are upstreams' answers, in a dialect that is spoken with clients alone.
    fn encode_request(&self, _request: &ir::Request, _target: &Target<'_>) -> Result<Encoded, DecodeError> {
        Err(one_sided(self.outline()))
    }
    /// Whether a picture or document that lies on the web is said in it only by its bytes, so that somebody has to fetch
    /// them before a request is written.
    fn needs_bytes(&self, _content: &ir::Content) -> bool {
        false
    }
    /// The form by which a picture is brought to the provider before a request that can only name it; `user` is who asks.
    /// None where there is no such thing.
    fn upload(&self, _content: &ir::Content, _user: Option<&str>) -> Option<Encoded> {
        None
    }
    /// The id by which it is named, as the provider's answer tells it.
    fn uploaded(&self, _body: &[u8]) -> Option<String> {
        None
    }
    /// Where an answer leads that is only the beginning: to the stream that was asked for, or to where it is ready later.
    fn leads_on(&self, _body: &[u8], _stream: bool) -> Option<Onward> {
        None
    }
    /// Whether a request's body, a client's or one for an upstream, is of the second form, in dialects that have two, such
    /// as one for several inputs or one for pictures: it may go to a path of its own, and be answered otherwise.
    fn is_second_form(&self, _body: &[u8]) -> bool {
        false
    }
    /// Reads an upstream's whole answer.
    fn decode_response(&self, _body: &[u8]) -> Result<ir::Response, DecodeError> {
        Err(one_sided(self.outline()))
    }
    /// Writes a client's whole answer. No answer comes here in a dialect without a client's side.
    fn encode_response(&self, _response: &ir::Response, _context: &AnswerContext) -> Vec<u8> {
        self.encode_error(&fault::plain(500, &one_sided(self.outline()).message))
    }

    /// A reader for one upstream stream.
    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(NoStream(self.outline().errors))
    }
    /// A writer for one client stream.
    fn stream_encoder(&self, _context: AnswerContext) -> Box<dyn StreamEncoder> {
        Box::new(NoStream(self.outline().errors))
    }

    /// The status of an error that has come as a success, in dialects whose providers do that in a way of their own.
    fn status_within(&self, _body: &[u8]) -> Option<u16> {
        None
    }
    /// Reads an upstream's error answer of any shape; never fails and never drops the message.
    fn decode_error(&self, status: u16, body: &[u8]) -> ErrorFacts {
        fault::read(status, body)
    }
    /// Writes an error answer's JSON body.
    fn encode_error(&self, error: &ErrorFacts) -> Vec<u8> {
        self.outline().errors.encode(error)
    }
    /// Writes the bytes of the frame that tells of an error after a stream has begun, terminator included.
    fn encode_error_event(&self, error: &ErrorFacts) -> Vec<u8> {
        self.outline().errors.encode_event(error)
    }

    /// Reads what the record needs from a whole answer that passes through. Never fails: unreadable is empty.
    fn tap_response(&self, _body: &[u8], _tap: &mut Tap) {}
    /// Reads what the record needs from one event of a stream that passes through. `event` is the event's
    /// name (empty when absent), `data` its payload.
    fn tap_event(&self, _event: &[u8], _data: &[u8], _tap: &mut Tap) {}
}

/// Every dialect, one line each; where several can say the same, the earlier is taken.
pub const ALL: [&dyn Codec; 38] = [
    &openai_chat::OpenAiChat,
    &openai_responses::OpenAiResponses,
    &openai_completions::OpenAiCompletions,
    &openai_embeddings::OpenAiEmbeddings,
    &anthropic_messages::AnthropicMessages,
    &gemini::Gemini,
    &bedrock_converse::BedrockConverse,
    &gemini_embeddings::GeminiEmbeddings,
    &ai_sdk::AiSdk,
    &ai_sdk_embeddings::AiSdkEmbeddings,
    &ai_sdk_media::IMAGES,
    &ai_sdk_media::IMAGE_EDITS,
    &ai_sdk_media::RERANK,
    &ai_sdk_media::SPEECH,
    &ai_sdk_media::TRANSCRIPTIONS,
    &ollama_chat::OllamaChat,
    &ollama_generate::OllamaGenerate,
    &ollama_embeddings::OllamaEmbeddings,
    &cohere_chat::CohereChat,
    &cohere_embeddings::CohereEmbeddings,
    &dashscope_chat::DashScopeChat,
    &dify_chat::DifyChat,
    &coze_chat::CozeChat,
    &triton_generate::TritonGenerate,
    &replicate_predictions::ReplicatePredictions,
    &deepl_translate::DeepLTranslate,
    &bedrock_embeddings::BedrockEmbeddings,
    &vertex_embeddings::VertexEmbeddings,
    &passing::IMAGES,
    &passing::IMAGE_EDITS,
    &passing::IMAGE_VARIATIONS,
    &passing::SPEECH,
    &passing::TRANSCRIPTIONS,
    &passing::TRANSLATIONS,
    &passing::MODERATIONS,
    &passing::RERANK,
    &passing::REALTIME,
    &passing::VIDEOS,
];

/// The codec of `dialect`.
pub fn codec(dialect: Dialect) -> &'static dyn Codec {
    match dialect {
        Dialect::OpenAiChat => &openai_chat::OpenAiChat,
        Dialect::OpenAiResponses => &openai_responses::OpenAiResponses,
        Dialect::OpenAiCompletions => &openai_completions::OpenAiCompletions,
        Dialect::OpenAiEmbeddings => &openai_embeddings::OpenAiEmbeddings,
        Dialect::AnthropicMessages => &anthropic_messages::AnthropicMessages,
        Dialect::Gemini => &gemini::Gemini,
        Dialect::BedrockConverse => &bedrock_converse::BedrockConverse,
        Dialect::GeminiEmbeddings => &gemini_embeddings::GeminiEmbeddings,
        Dialect::AiSdk => &ai_sdk::AiSdk,
        Dialect::AiSdkEmbeddings => &ai_sdk_embeddings::AiSdkEmbeddings,
        Dialect::AiSdkImages => &ai_sdk_media::IMAGES,
        Dialect::AiSdkImageEdits => &ai_sdk_media::IMAGE_EDITS,
        Dialect::AiSdkRerank => &ai_sdk_media::RERANK,
        Dialect::AiSdkSpeech => &ai_sdk_media::SPEECH,
        Dialect::AiSdkTranscriptions => &ai_sdk_media::TRANSCRIPTIONS,
        Dialect::OllamaChat => &ollama_chat::OllamaChat,
        Dialect::OllamaGenerate => &ollama_generate::OllamaGenerate,
        Dialect::OllamaEmbeddings => &ollama_embeddings::OllamaEmbeddings,
        Dialect::CohereChat => &cohere_chat::CohereChat,
        Dialect::CohereEmbeddings => &cohere_embeddings::CohereEmbeddings,
        Dialect::DashScopeChat => &dashscope_chat::DashScopeChat,
        Dialect::DifyChat => &dify_chat::DifyChat,
        Dialect::CozeChat => &coze_chat::CozeChat,
        Dialect::TritonGenerate => &triton_generate::TritonGenerate,
        Dialect::ReplicatePredictions => &replicate_predictions::ReplicatePredictions,
        Dialect::DeepLTranslate => &deepl_translate::DeepLTranslate,
        Dialect::BedrockEmbeddings => &bedrock_embeddings::BedrockEmbeddings,
        Dialect::VertexEmbeddings => &vertex_embeddings::VertexEmbeddings,
        Dialect::OpenAiImages => &passing::IMAGES,
        Dialect::OpenAiImageEdits => &passing::IMAGE_EDITS,
        Dialect::OpenAiImageVariations => &passing::IMAGE_VARIATIONS,
        Dialect::OpenAiSpeech => &passing::SPEECH,
        Dialect::OpenAiTranscriptions => &passing::TRANSCRIPTIONS,
        Dialect::OpenAiTranslations => &passing::TRANSLATIONS,
        Dialect::OpenAiModerations => &passing::MODERATIONS,
        Dialect::Rerank => &passing::RERANK,
        Dialect::OpenAiRealtime => &passing::REALTIME,
        Dialect::OpenAiVideos => &passing::VIDEOS,
    }
}

/// The dialects in which a request of a `client` can be said: its own, in which bytes pass through, before all others.
pub fn sayable_in(client: Dialect) -> impl Iterator<Item = &'static Outline> {
    let own = codec(client).outline();
    // What asks for the very same comes before what is only near to it.
    let same = move |other: &&'static Outline| own.operation == other.operation;
    let others = || {
        let all = ALL.iter().map(|codec| codec.outline());
        all.filter(move |other| other.dialect != client && other.upstream == Upstream::ForAll)
    };
    let near = move |other: &&'static Outline| !same(other) && own.operation.can_be(other.operation);
    let asks = |own: &&'static Outline| own.upstream != Upstream::Never;
    std::iter::once(own).filter(asks).chain(others().filter(same)).chain(others().filter(near))
}

/// Reads one upstream stream, event by event.
pub trait StreamDecoder: Send {
    /// Reads one event and appends what it says to `out`. An event that cannot be read is an error; the
    /// stream is then broken.
    fn decode(
        &mut self,
        event: &[u8],
        data: &[u8],
        out: &mut Vec<ir::StreamEvent>,
    ) -> Result<(), DecodeError>;
    /// The upstream's stream has ended (cleanly, at the transport): says what is still to be said.
    fn finish(&mut self, out: &mut Vec<ir::StreamEvent>);
}

/// Writes one client stream, event by event.
pub trait StreamEncoder: Send {
    /// Appends the bytes of `event` (whole events, framed) to `out`.
    fn encode(&mut self, event: &ir::StreamEvent, out: &mut Vec<u8>);
    /// Another provider goes on with the answer: what the first one said of usage and costs holds no longer.
    fn goes_on(&mut self) {}
    /// Appends what closes the stream properly (`[DONE]`, `message_stop` …), once.
    fn finish(&mut self, out: &mut Vec<u8>);
}
