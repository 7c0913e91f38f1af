//! What a request can be for: the vocabulary of the `route` stage.
//!
//! In: a request's head. Out: names for what it asks. It never looks at a body or at settings.

use http::{HeaderMap, request};
use yumen_llm::dialects::Dialect;
use yumen_llm::percent::percent_decode;
use yumen_telemetry::ObjectKind;

/// What serves a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// A model is asked.
    Llm(LlmRoute),
    /// A call that goes through to a provider as it is.
    Http(HttpRoute),
    /// `GET /v1/models`, or one model of the list.
    Models {
        /// The one asked for.
        id: Option<String>,
    },
    /// `GET /api/tags`, Ollama's list of models.
    Tags,
    /// `POST /api/show`, Ollama's facts of a model.
    Show,
    /// `GET /api/version` of Ollama.
    Version,
    /// `GET /api/ps`: models that are loaded, of which a gateway has none.
    Loaded,
    /// OpenRouter's catalogue and account.
    OpenRouter(Lookup),
    /// `GET /v4/ai/config`, the AI SDK's list of models.
    AiSdkConfig {
        /// The version of the specification in which it is read.
        version: u8,
    },
    /// `GET /v1/generation?id=`, also below `/api`.
    Generation {
        /// Whether it is asked for as Vercel's clients do, who read some fields more strictly.
        vercel: bool,
    },
    /// `GET /v1/credits`, as Vercel's gateway has it.
    Credits,
    /// `GET /healthz`.
    Health,
    /// `GET /readyz`.
    Ready,
    /// `GET /` and `HEAD /`.
    Root,
}

/// What OpenRouter's clients look up, all of it at `/api/v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// `GET /models`.
    Models,
    /// `GET /embeddings/models`.
    EmbeddingModels,
    /// `GET /models/user`.
    UserModels,
    /// `GET /models/count`.
    ModelsCount,
    /// `GET /model/{author}/{slug}`.
    Model(String),
    /// `GET /models/{author}/{slug}/endpoints`.
    Endpoints(String),
    /// `GET /endpoints/zdr`.
    ZdrEndpoints,
    /// `GET /providers`.
    Providers,
    /// `GET /key`, also `/auth/key`, as it was called before.
    Key,
    /// `GET /credits`.
    Credits,
}

/// A request to a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LlmRoute {
    /// The client's dialect.
    pub dialect: Dialect,
    /// What is asked.
    pub task: Task,
    /// How answers are dressed.
    pub skin: Skin,
    /// What the path or headers say, in dialects whose bodies do not.
    pub in_path: Option<InPath>,
}

/// A call that goes through to a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpRoute {
    /// Any call at `/providers/{id}/{path…}`.
    Through {
        /// The provider that is named.
        provider: String,
        /// The path behind it, as it was sent, with its slash.
        path: String,
    },
    /// Files, batches and videos, as OpenAI has them.
    Files(FilesPath),
    /// A response that is kept, here or at a provider.
    Responses(ResponsesPath),
}

/// What of a response is asked, at `/v1/responses`; the method says for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponsesPath {
    /// `/responses/{id}`.
    One(String),
    /// `/responses/{id}/input_items`.
    InputItems(String),
    /// `/responses/{id}/cancel`.
    Cancel(String),
}

impl ResponsesPath {
    /// The id of the response.
    pub fn id(&self) -> &str {
        match self {
            Self::One(id) | Self::InputItems(id) | Self::Cancel(id) => id,
        }
    }
}

/// What of files, batches and videos is asked, at `/v1/files` and so on; the method says for what. A video that is to be
/// made is asked of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilesPath {
    /// `/files`, `/batches`, or `/videos`.
    All(ObjectKind),
    /// `/files/{id}`, `/batches/{id}`, or `/videos/{id}`.
    One(ObjectKind, String),
    /// `/files/{id}/content`, or `/videos/{id}/content`.
    Content(ObjectKind, String),
    /// `/batches/{id}/cancel`.
    Cancel(String),
    /// `/videos/{id}/remix`.
    Remix(String),
}

impl FilesPath {
    /// The kind of what is asked for.
    pub fn kind(&self) -> ObjectKind {
        match self {
            Self::All(kind) | Self::One(kind, _) | Self::Content(kind, _) => *kind,
            Self::Cancel(_) => ObjectKind::Batch,
            Self::Remix(_) => ObjectKind::Video,
        }
    }

    /// The id of what is asked for, if it is a single one.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::All(_) => None,
            Self::One(_, id) | Self::Content(_, id) | Self::Cancel(id) | Self::Remix(id) => Some(id),
        }
    }
}

/// How answers are dressed for clients of another gateway.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Skin {
    /// As the dialect says, and as the provider said it.
    #[default]
    Plain,
    /// As OpenRouter does.
    OpenRouter,
    /// As Vercel's gateway does, for requests that address it.
    Vercel,
}

impl Skin {
    /// The skin of a path: OpenRouter's own clients have its prefix in their base URL.
    pub fn of(path: &str) -> Self {
        if path.starts_with("/api/v1/") { Self::OpenRouter } else { Self::Plain }
    }
}

/// What some dialects say in the path, or in headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InPath {
    /// The model asked for.
    pub model: String,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// Whether that stream is read as one JSON array and not as events.
    pub json_array: bool,
    /// The version of the AI SDK's specification that the client speaks; 0 in other dialects.
    pub ai_sdk_version: u8,
}

/// What is asked of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Task {
    Generate,
    CountTokens,
    /// A session is opened, over a connection that is switched.
    Converse,
    /// Nothing: only what would be done is to be told.
    Explain,
}

/// The dialect and the dress in which a path's errors are said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Surface {
    /// The dialect.
    pub dialect: Dialect,
    /// The dress.
    pub skin: Skin,
}

impl Surface {
    /// The surface of a request: known from its path and headers before anything else.
    pub fn of(head: &request::Parts) -> Self {
        if below_ollama(head.uri.path()).is_some() {
            return Self { dialect: Dialect::OllamaChat, skin: Skin::Plain };
        }
        if below_ai_sdk(head.uri.path()).is_some() {
            return Self { dialect: Dialect::AiSdk, skin: Skin::Plain };
        }
        let path = below_version(head.uri.path());
        let speaks_google = || speaks_google(&head.headers, &head.uri);
        let is_list = path.is_some_and(|path| path == "/models" || path.starts_with("/models/"));
        if google_model(head.uri.path()).is_some() || (is_list && speaks_google()) {
            return Self { dialect: Dialect::Gemini, skin: Skin::Plain };
        }
        let anthropic = path.is_some_and(|path| path == "/messages" || path.starts_with("/messages/"))
            || (path.is_some_and(|path| path.starts_with("/models")) && speaks_anthropic(&head.headers));
        let dialect = if anthropic { Dialect::AnthropicMessages } else { Dialect::OpenAiChat };
        Self { dialect, skin: Skin::of(head.uri.path()) }
    }
}

/// Whether the client says that it is an Anthropic one.
pub fn speaks_anthropic(headers: &HeaderMap) -> bool {
    headers.contains_key("anthropic-version")
}

/// Whether the client says that it is a Google one: by where it puts its key.
pub fn speaks_google(headers: &HeaderMap, uri: &http::Uri) -> bool {
    let in_query = || uri.query().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("key=")));
    uri.path().starts_with("/v1beta") || headers.contains_key("x-goog-api-key") || in_query()
}

/// Model and verb of a path as Google's clients build it: `/v1beta/models/{model}:{verb}`, `/v1/…` or, as for Vertex AI,
/// below `/v1/projects/…/publishers/google`. A model's name may hold slashes.
pub fn google_model(path: &str) -> Option<(String, &str)> {
    let path = ["/v1beta1/", "/v1beta/", "/v1/"].iter().find_map(|version| path.strip_prefix(version))?;
    let named = match path.strip_prefix("models/") {
        Some(named) => named,
        None => path.strip_prefix("projects/").and_then(|path| Some(path.split_once("/models/")?.1))?,
    };
    let (model, verb) = named.rsplit_once(':')?;
    Some((percent_decode(model), verb)).filter(|(model, _)| !model.is_empty())
}

/// The path below `/v1` or `/api/v1`.
pub fn below_version(path: &str) -> Option<&str> {
    path.strip_prefix("/v1").or_else(|| path.strip_prefix("/api/v1")).filter(|rest| rest.starts_with('/'))
}

/// The path below `/api`, where that is Ollama's and not another client's prefix of a version.
pub fn below_ollama(path: &str) -> Option<&str> {
    path.strip_prefix("/api/").filter(|rest| *rest != "v1" && !rest.starts_with("v1/"))
}

/// The path below the AI SDK's base, and the version of the specification that the base is for: it was `/v1/ai` for
/// version 2, and has had the version's own number since.
pub fn below_ai_sdk(path: &str) -> Option<(u8, &str)> {
    const BASES: [(&str, u8); 4] = [("/v4/ai/", 4), ("/v3/ai/", 3), ("/v2/ai/", 2), ("/v1/ai/", 2)];
    BASES.iter().find_map(|(base, version)| Some((*version, path.strip_prefix(base)?)))
}
