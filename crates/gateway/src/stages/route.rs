//! route: head → Route. Matches method and path; never reads the body.

use http::{HeaderValue, Method, Uri, request};
use yumen_llm::dialects::Dialect;

use crate::rejection::{Code, Rejection};
use crate::route::{
    InPath, LlmRoute, Route, Skin, Task, below_ollama, below_version, google_model, percent_decode,
};

/// Finds what serves a request.
pub fn route(head: &request::Parts) -> Result<Route, Rejection> {
    let path = head.uri.path();
    let (allowed, route) = google(&head.uri).or_else(|| find(path)).ok_or_else(|| {
        Rejection::new(Code::RouteNotFound, format!("There is nothing at {} {path}.", head.method))
    })?;
    if allowed.contains(&head.method) {
        return Ok(route);
    }
    let allowed: Vec<_> = allowed.iter().map(Method::as_str).collect();
    let message = format!("{path} is there for {}, not for {}.", allowed.join(" and "), head.method);
    Err(Rejection::new(Code::MethodNotAllowed, message))
}

/// The methods of a path, as the header `Allow` says them.
pub fn allowed(path: &str) -> HeaderValue {
    HeaderValue::from_static(match find(path) {
        Some((methods, _)) if methods.contains(&Method::POST) => "POST",
        Some(_) => "GET, HEAD",
        None => "",
    })
}

const READ: &[Method] = &[Method::GET, Method::HEAD];
const POST: &[Method] = &[Method::POST];

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
    let path = below_version(path)?;
    let llm = |dialect, task| Some((POST, Route::Llm(LlmRoute { dialect, task, skin, in_path: None })));
    match path {
        "/chat/completions" => llm(Dialect::OpenAiChat, Task::Generate),
        "/responses" => llm(Dialect::OpenAiResponses, Task::Generate),
        "/completions" => llm(Dialect::OpenAiCompletions, Task::Generate),
        "/embeddings" => llm(Dialect::OpenAiEmbeddings, Task::Generate),
        "/messages" => llm(Dialect::AnthropicMessages, Task::Generate),
        "/messages/count_tokens" => llm(Dialect::AnthropicMessages, Task::CountTokens),
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
    let in_path = Some(InPath { model, stream, json_array: stream && !as_events });
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
            ("GET", "/api/v1/models", Route::Models { id: None }),
        ] {
            assert_eq!(ask(method, path).unwrap(), route, "{path}");
        }
        assert_eq!(ask("GET", "/api/chat").unwrap_err().code, Code::MethodNotAllowed);
        assert_eq!(ask("POST", "/api/pull").unwrap_err().code, Code::RouteNotFound);
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
