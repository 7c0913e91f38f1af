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
            Route::Llm(route) if is_ai_sdk(route.dialect) => in_headers(route, head).map(Route::Llm),
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
        "/generation" => Some((READ, Route::Generation)),
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

fn is_ai_sdk(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::AiSdk | Dialect::AiSdkEmbeddings)
}

/// The AI SDK says in headers which model it wants, whether as a stream, and which version of its specification it speaks.
fn in_headers(route: LlmRoute, head: &request::Parts) -> Result<LlmRoute, Rejection> {
    let embeds = route.dialect == Dialect::AiSdkEmbeddings;
    let kind = if embeds { "embedding" } else { "language" };
    let said = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let wrong = |name: &str, wanted: &str| {
        Rejection::new(Code::InvalidRequest, format!("The header `{name}` must be {wanted}.")).param(name)
    };
    let name = if embeds { "ai-model-id" } else { "ai-language-model-id" };
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
        Some("true") => !embeds,
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
mod tests {
    use super::*;

    fn ask(method: &str, path: &str) -> Result<Route, Rejection> {
        let (head, ()) = http::Request::builder().method(method).uri(path).body(()).unwrap().into_parts();
        route(&head)
    }

    #[test]
    fn both_prefixes_lead_to_the_same_place() {
        let chat = |skin| {
            let (dialect, task) = (Dialect::OpenAiChat, Task::Generate);
            Route::Llm(LlmRoute { dialect, task, skin, in_path: None })
        };
        assert_eq!(ask("POST", "/v1/chat/completions").unwrap(), chat(Skin::Plain));
        assert_eq!(ask("POST", "/api/v1/chat/completions?x=1").unwrap(), chat(Skin::OpenRouter));
        assert_eq!(
            ask("GET", "/v1/models/anthropic%2Fclaude-sonnet-4.5").unwrap(),
            Route::Models { id: Some("anthropic/claude-sonnet-4.5".into()) }
        );
    }

    #[test]
    fn what_openrouters_clients_look_up_is_there_below_its_prefix_alone() {
        let name = || "a/b:free".to_owned();
        for (path, lookup) in [
            ("/models", Lookup::Models),
            ("/embeddings/models", Lookup::EmbeddingModels),
            ("/models/user", Lookup::UserModels),
            ("/models/count?output_modalities=all", Lookup::ModelsCount),
            ("/model/a/b:free", Lookup::Model(name())),
            ("/models/a/b%3Afree/endpoints", Lookup::Endpoints(name())),
            ("/endpoints/zdr", Lookup::ZdrEndpoints),
            ("/providers", Lookup::Providers),
            ("/key", Lookup::Key),
            ("/auth/key", Lookup::Key),
            ("/credits", Lookup::Credits),
        ] {
            assert_eq!(ask("GET", &format!("/api/v1{path}")).unwrap(), Route::OpenRouter(lookup), "{path}");
            assert_eq!(ask("POST", &format!("/api/v1{path}")).unwrap_err().code, Code::MethodNotAllowed);
        }
        assert_eq!(ask("GET", "/v1/models").unwrap(), Route::Models { id: None });
        assert_eq!(ask("GET", "/v1/models/user").unwrap(), Route::Models { id: Some("user".into()) });
        for path in ["/v1/key", "/api/v1/model/", "/api/v1/endpoints"] {
            assert_eq!(ask("GET", path).unwrap_err().code, Code::RouteNotFound, "{path}");
        }
        assert_eq!(
            ask("GET", "/api/v1/models//endpoints").unwrap(),
            Route::Models { id: Some("/endpoints".into()) }
        );
    }

    #[test]
    fn what_is_no_chat_has_paths_of_its_own() {
        let dialect = |path: &str| match ask("POST", path).unwrap() {
            Route::Llm(LlmRoute { dialect, task: Task::Generate, in_path: None, .. }) => dialect,
            other => panic!("{other:?}"),
        };
        for prefix in ["/v1", "/api/v1"] {
            for (path, expected) in [
                ("/images/generations", Dialect::OpenAiImages),
                ("/images/edits", Dialect::OpenAiImageEdits),
                ("/images/variations", Dialect::OpenAiImageVariations),
                ("/audio/speech", Dialect::OpenAiSpeech),
                ("/audio/transcriptions", Dialect::OpenAiTranscriptions),
                ("/audio/translations", Dialect::OpenAiTranslations),
                ("/moderations", Dialect::OpenAiModerations),
                ("/rerank", Dialect::Rerank),
            ] {
                assert_eq!(dialect(&format!("{prefix}{path}")), expected);
            }
        }
        assert_eq!(dialect("/v2/rerank"), Dialect::Rerank);
        assert_eq!(dialect("/api/v1/images"), Dialect::OpenAiImages);
        for path in ["/v2/chat", "/v2/rerank/", "/v2/embeddings"] {
            assert_eq!(ask("POST", path).unwrap_err().code, Code::RouteNotFound, "{path}");
        }
    }

    #[test]
    fn googles_paths_say_model_and_task() {
        let said = |path: &str| match ask("POST", path).unwrap() {
            Route::Llm(LlmRoute { dialect, task, in_path: Some(in_path), .. }) => {
                (dialect, task, in_path.model, in_path.stream, in_path.json_array)
            }
            other => panic!("{other:?}"),
        };
        let generate =
            |model: &str, stream, array| (Dialect::Gemini, Task::Generate, model.to_owned(), stream, array);
        for (path, expected) in [
            ("/v1beta/models/gemini-2.5-pro:generateContent?key=x", generate("gemini-2.5-pro", false, false)),
            ("/v1/models/author%2Fslug:streamGenerateContent?alt=sse", generate("author/slug", true, false)),
            (
                "/v1beta/models/author/slug:free:streamGenerateContent",
                generate("author/slug:free", true, true),
            ),
            (
                "/v1/projects/p/locations/l/publishers/google/models/gemini:generateContent",
                generate("gemini", false, false),
            ),
        ] {
            assert_eq!(said(path), expected, "{path}");
        }
        assert_eq!(said("/v1beta/models/m:countTokens").1, Task::CountTokens);
        assert_eq!(said("/v1beta/models/m:batchEmbedContents").0, Dialect::GeminiEmbeddings);
        // What is asked of them is not known: they can only be looked at, like any model.
        for path in ["/v1beta/models/:generateContent", "/v1beta/models/m:predict"] {
            assert_eq!(ask("POST", path).unwrap_err().code, Code::MethodNotAllowed, "{path}");
        }
        assert_eq!(ask("POST", "/v1beta/m:generateContent").unwrap_err().code, Code::RouteNotFound);
        assert_eq!(ask("GET", "/v1beta/models/gemini").unwrap(), Route::Models { id: Some("gemini".into()) });
    }

    #[test]
    fn ollamas_paths_are_beside_the_versions_of_others() {
        for (path, dialect) in [
            ("/api/chat", Dialect::OllamaChat),
            ("/api/generate", Dialect::OllamaGenerate),
            ("/api/embed", Dialect::OllamaEmbeddings),
            ("/api/embeddings", Dialect::OllamaEmbeddings),
            ("/api/v1/embeddings", Dialect::OpenAiEmbeddings),
            ("/api/v1/messages", Dialect::AnthropicMessages),
        ] {
            let Route::Llm(route) = ask("POST", path).unwrap() else { panic!("{path}") };
            assert_eq!(route.dialect, dialect, "{path}");
        }
        for (method, path, route) in [
            ("GET", "/api/tags", Route::Tags),
            ("POST", "/api/show", Route::Show),
            ("GET", "/api/version", Route::Version),
            ("GET", "/api/ps", Route::Loaded),
            ("HEAD", "/", Route::Root),
            ("GET", "/api/v1/models", Route::OpenRouter(Lookup::Models)),
        ] {
            assert_eq!(ask(method, path).unwrap(), route, "{path}");
        }
        assert_eq!(ask("GET", "/api/chat").unwrap_err().code, Code::MethodNotAllowed);
        assert_eq!(ask("POST", "/api/pull").unwrap_err().code, Code::RouteNotFound);
    }

    #[test]
    fn the_ai_sdk_says_in_headers_what_it_wants() {
        let ask = |path: &str, headers: &[(&str, &str)]| {
            let mut request = http::Request::builder().method("POST").uri(path);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let (head, ()) = request.body(()).unwrap().into_parts();
            route(&head).map(|route| match route {
                Route::Llm(LlmRoute { dialect, in_path: Some(said), .. }) => {
                    (dialect, said.model, said.stream, said.ai_sdk_version)
                }
                other => panic!("{other:?}"),
            })
        };
        let model = ("ai-language-model-id", "openai/gpt-5");
        let said = |stream, version| (Dialect::AiSdk, "openai/gpt-5".to_owned(), stream, version);
        assert_eq!(ask("/v4/ai/language-model", &[model]).unwrap(), said(false, 4));
        assert_eq!(ask("/v1/ai/language-model", &[model]).unwrap(), said(false, 2));
        let version = ("ai-language-model-specification-version", "3");
        let stream = ("ai-language-model-streaming", "true");
        assert_eq!(ask("/v1/ai/language-model", &[model, version, stream]).unwrap(), said(true, 3));
        let embeds = ask("/v3/ai/embedding-model", &[("ai-model-id", "e")]).unwrap();
        assert_eq!(embeds, (Dialect::AiSdkEmbeddings, "e".to_owned(), false, 3));
        for headers in [
            &[][..],
            &[("ai-language-model-id", "")],
            &[model, ("ai-language-model-specification-version", "5")],
            &[model, ("ai-language-model-streaming", "yes")],
        ] {
            assert_eq!(ask("/v4/ai/language-model", headers).unwrap_err().code, Code::InvalidRequest);
        }
        assert_eq!(ask("/v4/ai/video-model", &[model]).unwrap_err().code, Code::RouteNotFound);
    }

    #[test]
    fn calls_go_through_by_any_method_and_as_they_were_sent() {
        let through = |provider: &str, path: &str| {
            let (provider, path) = (provider.to_owned(), path.to_owned());
            Route::Http(HttpRoute::Through { provider, path })
        };
        for method in ["GET", "DELETE", "PURGE"] {
            assert_eq!(ask(method, "/providers/openai/x?y=z").unwrap(), through("openai", "/x"));
        }
        assert_eq!(ask("GET", "/providers/o%2Fx/%2e%2e/a//b").unwrap(), through("o%2Fx", "/%2e%2e/a//b"));
        assert_eq!(ask("GET", "/providers//x").unwrap(), through("", "/x"));
        for path in ["/providers/openai", "/providers", "/v1/providers/openai/x"] {
            assert_eq!(ask("GET", path).unwrap_err().code, Code::RouteNotFound, "{path}");
        }
    }

    #[test]
    fn files_and_batches_are_asked_by_path_and_method() {
        use ObjectKind::{Batch, File, Video};
        let id = || "x-1".to_owned();
        for (path, good, bad, expected) in [
            ("/v1/files", &["GET", "POST"][..], "DELETE", FilesPath::All(File)),
            ("/v1/files/x-1", &["GET", "DELETE"], "POST", FilesPath::One(File, id())),
            ("/v1/files/x-1/content", &["GET"], "POST", FilesPath::Content(File, id())),
            ("/v1/batches", &["GET", "POST"], "PUT", FilesPath::All(Batch)),
            ("/v1/batches/x-1", &["GET"], "DELETE", FilesPath::One(Batch, id())),
            ("/v1/batches/x-1/cancel", &["POST"], "GET", FilesPath::Cancel(id())),
            ("/v1/videos/x-1", &["GET", "DELETE"], "POST", FilesPath::One(Video, id())),
            ("/v1/videos/x-1/content", &["GET"], "DELETE", FilesPath::Content(Video, id())),
            ("/v1/videos/x-1/remix", &["POST"], "GET", FilesPath::Remix(id())),
        ] {
            for method in good {
                let found = ask(method, path).unwrap();
                assert_eq!(found, Route::Http(HttpRoute::Files(expected.clone())), "{method} {path}");
            }
            assert_eq!(ask(bad, path).unwrap_err().code, Code::MethodNotAllowed, "{bad} {path}");
            assert_eq!(allowed(path), good.join(", "), "{path}");
        }
        for path in
            ["/v1/files/", "/v1/files/x/y", "/v1/batches/x/content", "/v1/files//content", "/api/v1/files"]
        {
            assert_eq!(ask("GET", path).unwrap_err().code, Code::RouteNotFound, "{path}");
        }
    }

    #[test]
    fn responses_are_asked_for_below_both_prefixes() {
        let id = || "resp_1".to_owned();
        for (path, good, bad, expected) in [
            ("/responses/resp_1", &["GET", "DELETE"][..], "POST", ResponsesPath::One(id())),
            ("/responses/resp_1/input_items", &["GET"], "POST", ResponsesPath::InputItems(id())),
            ("/responses/resp_1/cancel", &["POST"], "GET", ResponsesPath::Cancel(id())),
        ] {
            for path in ["/v1", "/api/v1"].map(|prefix| format!("{prefix}{path}")) {
                for method in good {
                    let found = ask(method, &format!("{path}?limit=2")).unwrap();
                    assert_eq!(found, Route::Http(HttpRoute::Responses(expected.clone())), "{method} {path}");
                }
                assert_eq!(ask(bad, &path).unwrap_err().code, Code::MethodNotAllowed, "{bad} {path}");
                assert_eq!(allowed(&path), good.join(", "), "{path}");
            }
        }
        for path in
            ["/v1/responses/", "/v1/responses/x/y", "/v1/responses/x/cancel/", "/v1/responses/compact"]
        {
            assert_eq!(ask("GET", path).unwrap_err().code, Code::RouteNotFound, "{path}");
        }
        assert!(matches!(ask("POST", "/v1/responses").unwrap(), Route::Llm(_)));
    }

    #[test]
    fn wrong_methods_and_paths_are_told_apart() {
        assert_eq!(ask("GET", "/v1/chat/completions").unwrap_err().code, Code::MethodNotAllowed);
        for path in
            ["/v1chat/completions", "/v1/chat/completions/", "/v2/models", "/v1/../healthz", "/api/messages"]
        {
            assert_eq!(ask("POST", path).unwrap_err().code, Code::RouteNotFound, "{path}");
        }
    }
}
