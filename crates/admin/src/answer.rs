//! The answers.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Response, StatusCode};
use http_body_util::Full;

use crate::state::AdminState;

const JSON: &str = "application/json";

type Answer = Response<Full<Bytes>>;

/// Answers one request; its body is never read.
pub(crate) async fn answer(
    method: Method,
    path: String,
    state: Arc<AdminState>,
) -> Result<Answer, Infallible> {
    let known = matches!(path.as_str(), "/metrics" | "/healthz" | "/readyz" | "/status");
    if known && method != Method::GET && method != Method::HEAD {
        let mut refused = error(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are understood here");
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Ok(refused);
    }
    Ok(match path.as_str() {
        "/metrics" => metrics(state).await,
        "/healthz" => json(StatusCode::OK, r#"{"status":"ok"}"#.to_owned()),
        "/readyz" => ready(&state),
        "/status" => status(state).await,
        _ => {
            error(StatusCode::NOT_FOUND, "there is nothing here: see /metrics, /status, /healthz and /readyz")
        }
    })
}

/// With thousands of series the text takes a while, so it is not written where others wait for their turn.
async fn metrics(state: Arc<AdminState>) -> Answer {
    match tokio::task::spawn_blocking(move || state.metrics().render()).await {
        Ok(text) => respond(StatusCode::OK, yumen_telemetry::CONTENT_TYPE, text),
        Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written"),
    }
}

/// How deployments and credentials do.
async fn status(state: Arc<AdminState>) -> Answer {
    let written =
        tokio::task::spawn_blocking(move || serde_json::json!({ "health": state.health() }).to_string());
    match written.await {
        Ok(text) => json(StatusCode::OK, text),
        Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "the status cannot be written"),
    }
}

fn ready(state: &AdminState) -> Answer {
    let reasons = state.unready_reasons();
    if reasons.is_empty() {
        return json(StatusCode::OK, r#"{"status":"ready","reasons":[]}"#.to_owned());
    }
    let quoted: Vec<_> = reasons.iter().map(|reason| format!("\"{reason}\"")).collect();
    let body = format!(r#"{{"status":"unready","reasons":[{}]}}"#, quoted.join(","));
    json(StatusCode::SERVICE_UNAVAILABLE, body)
}

/// The sentence is one of ours, so it needs no escapes.
fn error(status: StatusCode, sentence: &'static str) -> Answer {
    json(status, format!(r#"{{"error":{{"message":"{sentence}","code":{}}}}}"#, status.as_u16()))
}

fn json(status: StatusCode, body: String) -> Answer {
    respond(status, JSON, body)
}

fn respond(status: StatusCode, content_type: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
