//! route: head → Route. Matches method and path; never reads the body.

use http::{HeaderValue, Method, request};
use yumen_llm::dialects::Dialect;

use crate::rejection::{Code, Rejection};
use crate::route::{LlmRoute, Route, Skin, Task, below_version, percent_decode};

/// Finds what serves a request.
pub fn route(head: &request::Parts) -> Result<Route, Rejection> {
    let path = head.uri.path();
    let (allowed, route) = find(path).ok_or_else(|| {
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
        "/" | "/api" | "/v1" | "/api/v1" => return Some((READ, Route::Root)),
        "/healthz" => return Some((READ, Route::Health)),
        "/readyz" => return Some((READ, Route::Ready)),
        _ => {}
    }
    let path = below_version(path)?;
    let llm = |dialect, task| Some((POST, Route::Llm(LlmRoute { dialect, task, skin, in_path: None })));
    match path {
        "/chat/completions" => llm(Dialect::OpenAiChat, Task::Generate),
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
    fn wrong_methods_and_paths_are_told_apart() {
        assert_eq!(ask("GET", "/v1/chat/completions").unwrap_err().code, Code::MethodNotAllowed);
        for path in
            ["/v1chat/completions", "/v1/chat/completions/", "/v2/models", "/v1/../healthz", "/api/messages"]
        {
            assert_eq!(ask("POST", path).unwrap_err().code, Code::RouteNotFound, "{path}");
        }
    }
}
