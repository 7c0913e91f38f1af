//! Asking a server for a token, and what it answers.
//!
//! In: what is to be asked, and the connections to ask through. Out: a token and how long it is good, or why there is none.
//! What the server says of an error is for the log, without what it was told; the client hears of it only its code.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use serde_json::Value;
use smallvec::SmallVec;
use yumen_config::{Endpoint, Secret, Timeouts, push_encoded};

use crate::upstream::answer::AnswerBody;
use crate::upstream::pool::{Phase, Pool, RequestBody, SendError};

/// An answer with a token is far smaller.
const ANSWER_BYTES_MOST: usize = 64 * 1024;
/// How long a token is taken to be good when the server does not say.
const LIFETIME_USUAL: Duration = Duration::from_secs(300);
const LIFETIME_MOST: Duration = Duration::from_secs(30 * 24 * 3600);
/// Shorter "secrets" are no secrets, and would be found everywhere.
const SECRET_BYTES_LEAST: usize = 4;
/// What is told of an error's description.
const DETAIL_CHARS_MOST: usize = 300;

/// Through what tokens are asked for.
pub struct Door<'a> {
    /// The worker's connections.
    pub pool: &'a Arc<Pool>,
    /// How long the provider is waited for.
    pub timeouts: Timeouts,
    /// The provider's name, for the log.
    pub provider: &'a str,
}

/// What is to be asked.
pub(super) struct Ask<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) method: Method,
    pub(super) headers: SmallVec<[(HeaderName, HeaderValue); 2]>,
    pub(super) query: Option<Form>,
    pub(super) form: Form,
    /// A header that only the right server answers with.
    pub(super) answers_with: Option<(HeaderName, HeaderValue)>,
}

impl<'a> Ask<'a> {
    /// Sends a form.
    pub(super) fn form(endpoint: &'a Endpoint, form: Form) -> Self {
        let headers = SmallVec::new();
        Self { endpoint, method: Method::POST, headers, query: None, form, answers_with: None }
    }
}

/// Names and values as a form has them.
#[derive(Default)]
pub(super) struct Form(String);

impl Form {
    /// The same with one more.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
        push_encoded(&mut self.0, value.as_bytes());
        self
    }
}

/// A token as it was given.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) token: String,
    pub(super) lifetime: Duration,
}

/// There is no token.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{summary}")]
pub struct TokenError {
    /// Whether the server has refused: it will not get better by itself soon.
    pub refused: bool,
    /// What anyone may read, a part of a sentence.
    pub summary: String,
    /// What the log may read.
    pub detail: Option<String>,
}

impl TokenError {
    fn new(summary: &str) -> Self {
        Self { refused: false, summary: summary.to_owned(), detail: None }
    }

    /// Whoever waited for it had no more time.
    pub fn slow() -> Self {
        Self::new("its token server did not answer in time")
    }

    /// Nothing could be signed.
    pub(super) fn unsigned() -> Self {
        Self { refused: true, ..Self::new("the credential's key cannot sign") }
    }

    /// The token cannot be sent on.
    pub(super) fn unfit() -> Self {
        Self::new("its token server gave something that no header can carry")
    }
}

/// Asks for a token. `secrets` are left out of what is told of an error.
pub(super) async fn exchange(
    ask: &Ask<'_>,
    door: &Door<'_>,
    secrets: &[Secret],
) -> Result<Grant, TokenError> {
    let path = ask.endpoint.path.for_model("").and_then(|path| with_query(&path, ask.query.as_ref()));
    let path = path.ok_or_else(|| TokenError::new("its token server has no address that can be asked"))?;
    let body = Bytes::from(ask.form.0.clone());
    let make = || {
        let mut request = Request::new(RequestBody::new(SmallVec::from_iter([body.clone()])));
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = path.clone().into();
        *request.headers_mut() = headers(ask, body.is_empty());
        request
    };
    let sent = door.pool.send(ask.endpoint, &door.timeouts, make).await;
    let reply = sent.map_err(|error| unsent(&error))?;
    let (head, mut body) = AnswerBody::from_reply(door.pool, reply, ANSWER_BYTES_MOST);
    let mut text = BytesMut::new();
    let read = tokio::time::timeout(door.timeouts.idle, body.read_up_to(ANSWER_BYTES_MOST, &mut text)).await;
    read.map_err(|_| TokenError::slow())?.map_err(|error| broken(&error))?;
    if let Some((name, value)) = &ask.answers_with
        && head.headers.get(name) != Some(value)
    {
        return Err(TokenError::new("what answered is not its token server"));
    }
    let sent = ask.headers.iter().filter(|(_, value)| value.is_sensitive());
    let sent = sent.filter_map(|(_, value)| value.to_str().ok()?.split_once(' ').map(|(_, text)| text));
    let secrets: Vec<&str> = secrets.iter().map(Secret::expose).chain(sent).collect();
    granted(head.status, &text, &secrets)
}

fn with_query(path: &PathAndQuery, query: Option<&Form>) -> Option<PathAndQuery> {
    let Some(query) = query else { return Some(path.clone()) };
    let separator = if path.query().is_some() { '&' } else { '?' };
    PathAndQuery::try_from(format!("{path}{separator}{}", query.0)).ok()
}

fn headers(ask: &Ask<'_>, is_empty: bool) -> HeaderMap {
    let mut headers = ask.endpoint.headers.clone();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    if is_empty {
        headers.remove(header::CONTENT_TYPE);
    } else {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form);
    }
    headers.extend(ask.headers.iter().cloned());
    headers
}

fn unsent(error: &SendError) -> TokenError {
    let summary = match error {
        SendError::Timeout(Phase::FirstByte) => return TokenError::slow(),
        SendError::Timeout(Phase::Connect) | SendError::Connect(_) => "its token server cannot be reached",
        SendError::Broken(_) => return broken(error),
    };
    TokenError { detail: Some(error.to_string()), ..TokenError::new(summary) }
}

fn broken(error: &dyn std::error::Error) -> TokenError {
    let summary = "the connection to its token server broke";
    TokenError { detail: Some(error.to_string()), ..TokenError::new(summary) }
}

/// Reads the answer (RFC 6749, sections 5.1 and 5.2).
fn granted(status: StatusCode, text: &[u8], secrets: &[&str]) -> Result<Grant, TokenError> {
    let answer: Value = serde_json::from_slice(text).unwrap_or_default();
    let field = |name: &str| answer.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let (true, Some(token)) = (status.is_success(), field("access_token")) {
        // Some servers give the number as a text.
        let seconds = answer.get("expires_in").and_then(|value| match value {
            Value::String(text) => text.trim().parse::<f64>().ok(),
            value => value.as_f64(),
        });
        let lifetime = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok());
        let lifetime = lifetime.unwrap_or(LIFETIME_USUAL).min(LIFETIME_MOST);
        return Ok(Grant { token: token.to_owned(), lifetime });
    }
    let secrets = || secrets.iter().filter(|secret| secret.len() >= SECRET_BYTES_LEAST);
    let shows_secret = |text: &str| secrets().any(|secret| text.contains(secret));
    let is_code = |code: &&str| {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        code.len() <= 64 && code.bytes().all(word) && !shows_secret(code)
    };
    let code = field("error").filter(is_code).map(|code| format!(" ({code})")).unwrap_or_default();
    let summary = match status.is_success() {
        true => format!("its token server answered without a token{code}"),
        false => format!("its token server answered {}{code}", status.as_u16()),
    };
    let mut detail = field("error_description").or_else(|| field("message")).unwrap_or_default().to_owned();
    for secret in secrets() {
        detail = detail.replace(secret, "[redacted]");
    }
    let detail: String = detail.chars().take(DETAIL_CHARS_MOST).collect();
    // What the server could not do may work in a moment; what it would not do will not.
    let refused = status.is_success() || (status.is_client_error() && status.as_u16() != 429);
    Err(TokenError { refused, summary, detail: Some(detail).filter(|detail| !detail.is_empty()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, text: &str) -> Result<Grant, TokenError> {
        granted(StatusCode::from_u16(status).unwrap(), text.as_bytes(), &["hunter2", "t", ""])
    }

    #[test]
    fn tokens_are_read_with_their_lifetime() {
        for (text, seconds) in [
            (r#"{"access_token":"t","expires_in":3599,"token_type":"Bearer"}"#, 3599),
            (r#"{"access_token":"t","expires_in":"120"}"#, 120),
            (r#"{"access_token":"t"}"#, 300),
            (r#"{"access_token":"t","expires_in":-5}"#, 0),
            (r#"{"access_token":"t","expires_in":1e300}"#, 300),
            (r#"{"access_token":"t","expires_in":99999999}"#, 2_592_000),
        ] {
            let grant = read(200, text).unwrap();
            assert_eq!((&*grant.token, grant.lifetime.as_secs()), ("t", seconds), "{text}");
        }
    }

    #[test]
    fn refusals_are_told_without_what_was_sent() {
        for (status, text, refused, summary, detail) in [
            (
                401,
                r#"{"error":"invalid_client","error_description":"secret hunter2 is wrong"}"#,
                true,
                "its token server answered 401 (invalid_client)",
                Some("secret [redacted] is wrong"),
            ),
            (400, r#"{"error":"hunter2"}"#, true, "its token server answered 400", None),
            (400, r#"{"error":"has spaces <b>"}"#, true, "its token server answered 400", None),
            (
                200,
                r#"{"error":"unknown_app"}"#,
                true,
                "its token server answered without a token (unknown_app)",
                None,
            ),
            (200, "<html>", true, "its token server answered without a token", None),
            (503, "", false, "its token server answered 503", None),
            (429, "{}", false, "its token server answered 429", None),
            (302, r#"{"access_token":"t"}"#, false, "its token server answered 302", None),
        ] {
            let error = read(status, text).unwrap_err();
            assert_eq!(
                (error.refused, &*error.summary, error.detail.as_deref()),
                (refused, summary, detail),
                "{text}"
            );
        }
    }
}
