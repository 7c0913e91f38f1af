//! route: head → Route. Matches method and path; never reads the body.

use http::{HeaderValue, Method, Uri, request};
use yumen_llm::dialects::Dialect;
use yumen_llm::percent::percent_decode;
use yumen_telemetry::ObjectKind;

use crate::rejection::{Code, Rejection};
use crate::route::{
    FilesPath, HttpRoute, InPath, LlmRoute, Lookup, ResponsesPath, Route, Skin, Task, below_ai_sdk,
    below_ollama, below_version, google_model,
};

/// Finds what serves a request.
pub fn route(head: &request::Parts) -> Result<Route, Rejection> {
    let path = head.uri.path();
    if let Some(route) = through(path) {
        return Ok(route);
    }
    let (allowed, route) = google(&head.uri).or_else(|| find(path)).ok_or_else(|| {
        Rejection::new(Code::RouteNotFound, format!("There is nothing at {} {path}.", head.method))
    })?;
    if allowed.contains(&head.method) {
        return match route {
            Route::Llm(route) => match ai_sdk_kind(route.dialect) {
                Some(kind) => in_headers(route, kind, head).map(Route::Llm),
                None => Ok(Route::Llm(route)),
            },
            Route::Http(HttpRoute::Files(FilesPath::All(ObjectKind::Video)))
                if head.method == Method::POST =>
            {
                let (dialect, task, skin) = (Dialect::OpenAiVideos, Task::Generate, Skin::Plain);
                Ok(Route::Llm(LlmRoute { dialect, task, skin, in_path: None }))
            }
            route => Ok(route),
        };
    }
    let allowed: Vec<_> = allowed.iter().map(Method::as_str).collect();
    let message = format!("{path} is there for {}, not for {}.", allowed.join(" and "), head.method);
    Err(Rejection::new(Code::MethodNotAllowed, message))
}

/// The methods of a path, as the header `Allow` says them.
pub fn allowed(path: &str) -> HeaderValue {
    HeaderValue::from_static(match find(path) {
        Some((READ, _)) => "GET, HEAD",
        Some((MADE, _)) => "GET, POST",
        Some((KEPT, _)) => "GET, DELETE",
        Some((LOOKED_AT, _)) => "GET",
        Some(_) => "POST",
        None => "",
    })
}

const READ: &[Method] = &[Method::GET, Method::HEAD];
const POST: &[Method] = &[Method::POST];
const MADE: &[Method] = &[Method::GET, Method::POST];
const KEPT: &[Method] = &[Method::GET, Method::DELETE];
const LOOKED_AT: &[Method] = &[Method::GET];

/// A call that goes through to a provider: whatever stands behind the provider's name, by any method.
fn through(path: &str) -> Option<Route> {
    let rest = path.strip_prefix("/providers/")?;
    let (provider, path) = rest.split_at_checked(rest.find('/')?)?;
    Some(Route::Http(HttpRoute::Through { provider: provider.to_owned(), path: path.to_owned() }))
}

/// Files, batches and videos.
fn files(path: &str) -> Option<(&'static [Method], Route)> {
    let mut segments = path.strip_prefix("/v1/")?.split('/');
    let kind = match segments.next()? {
        "files" => ObjectKind::File,
        "batches" => ObjectKind::Batch,
        "videos" => ObjectKind::Video,
        _ => return None,
    };
    let (id, more, end) = (segments.next(), segments.next(), segments.next());
    let (methods, path) = match (kind, id.map(str::to_owned), more, end) {
        (kind, None, None, None) => (MADE, FilesPath::All(kind)),
        (ObjectKind::File | ObjectKind::Video, Some(id), None, None) => (KEPT, FilesPath::One(kind, id)),
        (ObjectKind::Batch, Some(id), None, None) => (LOOKED_AT, FilesPath::One(kind, id)),
        (ObjectKind::File | ObjectKind::Video, Some(id), Some("content"), None) => {
            (LOOKED_AT, FilesPath::Content(kind, id))
        }
        (ObjectKind::Video, Some(id), Some("remix"), None) => (POST, FilesPath::Remix(id)),
        (ObjectKind::Batch, Some(id), Some("cancel"), None) => (POST, FilesPath::Cancel(id)),
        _ => return None,
    };
    Some((methods, Route::Http(HttpRoute::Files(path)))).filter(|_| id != Some(""))
}

/// What are no ids of responses but words of the same API.
const NO_RESPONSES: [&str; 2] = ["compact", "input_tokens"];

/// A response that is kept.
fn responses(path: &str) -> Option<(&'static [Method], Route)> {
    let mut segments = below_version(path)?.strip_prefix("/responses/")?.split('/');
    let id = segments.next().filter(|id| !id.is_empty() && !NO_RESPONSES.contains(id))?.to_owned();
    let (methods, path) = match (segments.next(), segments.next()) {
        (None, None) => (KEPT, ResponsesPath::One(id)),
        (Some("input_items"), None) => (LOOKED_AT, ResponsesPath::InputItems(id)),
        (Some("cancel"), None) => (POST, ResponsesPath::Cancel(id)),
        _ => return None,
    };
    Some((methods, Route::Http(HttpRoute::Responses(path))))
}

fn find(path: &str) -> Option<(&'static [Method], Route)> {
    let skin = Skin::of(path);
    match path {
        "/v1beta/models" => return Some((READ, Route::Models { id: None })),
        "/" | "/api" | "/v1" | "/api/v1" => return Some((READ, Route::Root)),
        "/healthz" => return Some((READ, Route::Health)),
        "/readyz" => return Some((READ, Route::Ready)),
        _ => {}
    }
    if let Some(id) = path.strip_prefix("/v1beta/models/") {
        return Some((READ, Route::Models { id: Some(percent_decode(id)) }));
    }
    if let Some(path) = below_ollama(path) {
        return ollama(path);
    }
    if let Some((version, path)) = below_ai_sdk(path) {
        let llm = |dialect| {
            let route = LlmRoute { dialect, task: Task::Generate, skin: Skin::Plain, in_path: None };
            Some((POST, Route::Llm(route)))
        };
        return match path {
            "language-model" => llm(Dialect::AiSdk),
            "embedding-model" => llm(Dialect::AiSdkEmbeddings),
            "image-model" => llm(Dialect::AiSdkImages),
            "reranking-model" => llm(Dialect::AiSdkRerank),
            "speech-model" => llm(Dialect::AiSdkSpeech),
            "transcription-model" => llm(Dialect::AiSdkTranscriptions),
            "config" => Some((READ, Route::AiSdkConfig { version })),
            _ => None,
        };
    }
    if let Some(files) = files(path) {
        return Some(files);
    }
    if let Some(responses) = responses(path) {
        return Some(responses);
    }
    // Cohere's own clients have a version of their own.
    let path = if path == "/v2/rerank" { "/rerank" } else { below_version(path)? };
    if let Some(lookup) = looked_up(path).filter(|_| skin == Skin::OpenRouter) {
        return Some((READ, Route::OpenRouter(lookup)));
    }
    let llm = |dialect, task| Some((POST, Route::Llm(LlmRoute { dialect, task, skin, in_path: None })));
    match path {
        "/chat/completions" => llm(Dialect::OpenAiChat, Task::Generate),
        "/responses" => llm(Dialect::OpenAiResponses, Task::Generate),
        "/completions" => llm(Dialect::OpenAiCompletions, Task::Generate),
        "/embeddings" => llm(Dialect::OpenAiEmbeddings, Task::Generate),
        "/messages" => llm(Dialect::AnthropicMessages, Task::Generate),
        "/messages/count_tokens" => llm(Dialect::AnthropicMessages, Task::CountTokens),
        "/images/generations" => llm(Dialect::OpenAiImages, Task::Generate),
        // OpenRouter's clients ask for them here.
        "/images" if skin == Skin::OpenRouter => llm(Dialect::OpenAiImages, Task::Generate),
        "/images/edits" => llm(Dialect::OpenAiImageEdits, Task::Generate),
        "/images/variations" => llm(Dialect::OpenAiImageVariations, Task::Generate),
        "/audio/speech" => llm(Dialect::OpenAiSpeech, Task::Generate),
        "/audio/transcriptions" => llm(Dialect::OpenAiTranscriptions, Task::Generate),
        "/audio/translations" => llm(Dialect::OpenAiTranslations, Task::Generate),
        "/moderations" => llm(Dialect::OpenAiModerations, Task::Generate),
        "/rerank" => llm(Dialect::Rerank, Task::Generate),
        "/realtime" => {
            let (dialect, task) = (Dialect::OpenAiRealtime, Task::Converse);
            Some((LOOKED_AT, Route::Llm(LlmRoute { dialect, task, skin, in_path: None })))
        }
        "/models" => Some((READ, Route::Models { id: None })),
        "/generation" => Some((READ, Route::Generation { vercel: skin == Skin::Plain })),
        "/credits" => Some((READ, Route::Credits)),
        _ => {
            let id = path.strip_prefix("/models/").filter(|id| !id.is_empty())?;
            Some((READ, Route::Models { id: Some(percent_decode(id)) }))
        }
    }
}

/// A path of Ollama's.
fn ollama(path: &str) -> Option<(&'static [Method], Route)> {
    let llm = |dialect| {
        let route = LlmRoute { dialect, task: Task::Generate, skin: Skin::Plain, in_path: None };
        Some((POST, Route::Llm(route)))
    };
    match path {
        "chat" => llm(Dialect::OllamaChat),
        "generate" => llm(Dialect::OllamaGenerate),
        "embed" | "embeddings" => llm(Dialect::OllamaEmbeddings),
        "tags" => Some((READ, Route::Tags)),
        "show" => Some((POST, Route::Show)),
        "version" => Some((READ, Route::Version)),
        "ps" => Some((READ, Route::Loaded)),
        _ => None,
    }
}

/// The AI SDK's word for a kind of model, in the dialects in which its clients ask.
fn ai_sdk_kind(dialect: Dialect) -> Option<&'static str> {
    Some(match dialect {
        Dialect::AiSdk => "language",
        Dialect::AiSdkEmbeddings => "embedding",
        Dialect::AiSdkImages => "image",
        Dialect::AiSdkRerank => "reranking",
        Dialect::AiSdkSpeech => "speech",
        Dialect::AiSdkTranscriptions => "transcription",
        _ => return None,
    })
}

/// The AI SDK says in headers which model it wants, whether as a stream, and which version of its specification it speaks.
fn in_headers(route: LlmRoute, kind: &str, head: &request::Parts) -> Result<LlmRoute, Rejection> {
    let said = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let wrong = |name: &str, wanted: &str| {
        Rejection::new(Code::InvalidRequest, format!("The header `{name}` must be {wanted}.")).param(name)
    };
    let streams = route.dialect == Dialect::AiSdk;
    let name = if streams { "ai-language-model-id" } else { "ai-model-id" };
    let model = said(name).filter(|model| !model.is_empty()).ok_or_else(|| wrong(name, "a model's name"))?;
    let name = format!("ai-{kind}-model-specification-version");
    let ai_sdk_version = match said(&name) {
        None => below_ai_sdk(head.uri.path()).map_or(4, |(version, _)| version),
        Some("4") => 4,
        Some("3") => 3,
        Some("2") => 2,
        Some(_) => return Err(wrong(&name, "2, 3 or 4")),
    };
    let name = "ai-language-model-streaming";
    let stream = match said(name) {
        Some("true") => streams,
        None | Some("false") => false,
        Some(_) => return Err(wrong(name, "true or false")),
    };
    let in_path = Some(InPath { model: model.to_owned(), stream, json_array: false, ai_sdk_version });
    Ok(LlmRoute { in_path, ..route })
}

/// What a path below `/api/v1` looks up.
fn looked_up(path: &str) -> Option<Lookup> {
    Some(match path {
        "/models" => Lookup::Models,
        "/embeddings/models" => Lookup::EmbeddingModels,
        "/models/user" => Lookup::UserModels,
        "/models/count" => Lookup::ModelsCount,
        "/endpoints/zdr" => Lookup::ZdrEndpoints,
        "/providers" => Lookup::Providers,
        "/key" | "/auth/key" => Lookup::Key,
        "/credits" => Lookup::Credits,
        _ => {
            let model = |id: &str| Some(percent_decode(id)).filter(|id| !id.is_empty());
            if let Some(id) = path.strip_prefix("/models/").and_then(|id| id.strip_suffix("/endpoints")) {
                return model(id).map(Lookup::Endpoints);
            }
            return model(path.strip_prefix("/model/")?).map(Lookup::Model);
        }
    })
}

/// A path of Google's, which says the model and what is asked of it.
fn google(uri: &Uri) -> Option<(&'static [Method], Route)> {
    let (model, verb) = google_model(uri.path())?;
    let (dialect, task, stream) = match verb {
        "generateContent" => (Dialect::Gemini, Task::Generate, false),
        "streamGenerateContent" => (Dialect::Gemini, Task::Generate, true),
        "countTokens" => (Dialect::Gemini, Task::CountTokens, false),
        "embedContent" | "batchEmbedContents" => (Dialect::GeminiEmbeddings, Task::Generate, false),
        _ => return None,
    };
    let as_events = uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "alt=sse"));
    let in_path = Some(InPath { model, stream, json_array: stream && !as_events, ai_sdk_version: 0 });
    Some((POST, Route::Llm(LlmRoute { dialect, task, skin: Skin::Plain, in_path })))
}

#[cfg(test)]
mod tests;
