//! Error answers of every shape that upstreams are known to send, read into one set of facts.
//!
//! A gateway cannot trust an upstream to use its dialect's own error shape: proxies, load balancers and web
//! frameworks answer in theirs. So all dialects read errors here; each writes its own.

use serde_json::{Map, Value};

use super::{ErrorFacts, ErrorKind};

/// How much of an answer that is not JSON is kept.
const TEXT_LIMIT: usize = 4096;

/// Amazon's status for a model that has failed itself: it is nothing that the client has asked wrongly.
const MODEL_FAILED: u16 = 424;

/// DeepL's status for an account whose characters are used up.
pub const QUOTA_EXCEEDED: u16 = 456;

/// What the model's own server said, where that is told.
fn original_status(body: &[u8]) -> u16 {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Shape {
        original_status_code: u16,
    }
    let told = serde_json::from_slice(body).ok().map(|shape: Shape| shape.original_status_code);
    told.filter(|status| (400..600).contains(status)).unwrap_or(502)
}

/// Reads an error answer of any shape; never fails and never drops the message.
pub(super) fn read(status: u16, body: &[u8]) -> ErrorFacts {
    let status = if status == MODEL_FAILED { original_status(body) } else { status };
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return plain(status, &String::from_utf8_lossy(body));
    };
    match value {
        Value::Object(object) => from_object(status, &object),
        Value::String(text) => plain(status, &text),
        // Some servers wrap the error object in a list.
        Value::Array(items) => match items.into_iter().next() {
            Some(Value::Object(object)) => from_object(status, &object),
            Some(Value::String(text)) => plain(status, &text),
            _ => plain(status, ""),
        },
        _ => plain(status, ""),
    }
}

/// Facts for a status and a sentence of our own.
pub(super) fn plain(status: u16, text: &str) -> ErrorFacts {
    ErrorFacts {
        status,
        kind: kind(status, None, None),
        message: message_or_default(status, bounded(text)),
        code: None,
        param: None,
        metadata: None,
        request_id: None,
    }
}

fn from_object(status: u16, object: &Map<String, Value>) -> ErrorFacts {
    let inner = match object.get("error") {
        Some(Value::Object(inner)) => inner,
        _ => object,
    };
    let kind_word = inner.get("type").or_else(|| inner.get("status")).and_then(word);
    let code = inner.get("code").and_then(word).or_else(|| object.get("code").and_then(word));
    // The status is missing when the error came inside a stream; a numeric code or a class says what it would be.
    let kind = kind(status, kind_word.as_deref(), code.as_deref());
    let status = if status >= 400 {
        status
    } else {
        code.as_deref().and_then(status_of_code).unwrap_or(status_of(kind))
    };
    let message = message(object, inner).unwrap_or_default();
    let mut facts = ErrorFacts {
        status,
        kind,
        message: message_or_default(status, bounded(&message)),
        code: code.or_else(|| kind_word.filter(|word| word != "error" && word != "invalid_request_error")),
        param: inner.get("param").and_then(word),
        metadata: inner.get("metadata").filter(|value| value.is_object()).cloned(),
        request_id: object.get("request_id").and_then(word),
    };
    if let Some(word) = inner.get("status").and_then(Value::as_str).filter(|word| is_google_word(word)) {
        read_google(word, inner, &mut facts);
    }
    facts
}

/// Google's errors: the status is a word, the code repeats the HTTP status, and details of known types say more.
fn read_google(word: &str, error: &Map<String, Value>, facts: &mut ErrorFacts) {
    facts.code = Some(word.to_owned());
    let Some(details) = error.get("details").filter(|details| details.is_array()) else { return };
    for detail in details.as_array().into_iter().flatten() {
        let violation = detail.get("fieldViolations").and_then(|list| list.get(0)?.get("field")?.as_str());
        facts.param = facts.param.take().or(violation.map(bounded));
        // A key that is not valid is said to be an invalid argument.
        if detail.get("reason").and_then(Value::as_str) == Some("API_KEY_INVALID") {
            facts.status = 401;
            facts.kind = ErrorKind::Authentication;
        }
    }
    facts.metadata = Some(Value::Object(Map::from_iter([("details".to_owned(), details.clone())])));
}

/// Whether `word` is one of the statuses of Google's interfaces.
pub(super) fn is_google_word(word: &str) -> bool {
    const WORDS: [&str; 16] = [
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "UNAUTHENTICATED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
    ];
    WORDS.contains(&word)
}

/// The sentence, wherever it stands.
fn message(object: &Map<String, Value>, inner: &Map<String, Value>) -> Option<String> {
    ["message", "Message", "error", "detail", "details", "error_description", "msg", "title", "errors"]
        .iter()
        .find_map(|name| inner.get(*name).or_else(|| object.get(*name)).and_then(sentence))
        .or_else(|| serde_json::to_string(inner).ok().filter(|text| text != "{}"))
}

/// A value as a sentence: a string, an object's message, or the items of a list (FastAPI's `detail`) joined.
fn sentence(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Object(object) => {
            let text =
                ["message", "msg", "detail", "error"].iter().find_map(|name| object.get(*name)?.as_str())?;
            let place = object.get("loc").and_then(Value::as_array).map(|steps| {
                steps.iter().filter_map(word).filter(|step| step != "body").collect::<Vec<_>>().join(".")
            });
            Some(
                place
                    .filter(|place| !place.is_empty())
                    .map_or_else(|| text.to_owned(), |place| format!("{place}: {text}")),
            )
        }
        Value::Array(items) => {
            let sentences: Vec<String> = items.iter().take(16).filter_map(sentence).collect();
            (!sentences.is_empty()).then(|| sentences.join("; "))
        }
        _ => None,
    }
}

/// A string or number as a word (pitfall 24: codes may be numbers).
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(bounded(text)),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn bounded(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().find(|(start, letter)| start + letter.len_utf8() > TEXT_LIMIT) {
        Some((cut, _)) => text.split_at_checked(cut).map_or_else(String::new, |(kept, _)| format!("{kept}…")),
        None => text.to_owned(),
    }
}

fn message_or_default(status: u16, message: String) -> String {
    if message.is_empty() {
        format!("The provider answered with status {status} and no message.")
    } else {
        message
    }
}

fn kind(status: u16, kind_word: Option<&str>, code: Option<&str>) -> ErrorKind {
    let by_word = |word: &str| match word {
        "invalid_request_error"
        | "invalid_request"
        | "invalid_prompt"
        | "context_length_exceeded"
        | "BadRequestError"
        | "INVALID_ARGUMENT" => Some(ErrorKind::InvalidRequest),
        "authentication_error" | "invalid_api_key" | "UNAUTHENTICATED" => Some(ErrorKind::Authentication),
        "permission_error" | "permission_denied" | "PERMISSION_DENIED" => Some(ErrorKind::PermissionDenied),
        "not_found_error" | "model_not_found" | "NotFoundError" | "NOT_FOUND" => Some(ErrorKind::NotFound),
        "request_too_large" => Some(ErrorKind::PayloadTooLarge),
        "billing_error" | "insufficient_quota" => Some(ErrorKind::PaymentRequired),
        "rate_limit_error" | "rate_limit_exceeded" | "RateLimitError" | "RESOURCE_EXHAUSTED" => {
            Some(ErrorKind::RateLimited)
        }
        "overloaded_error" | "server_is_overloaded" | "UNAVAILABLE" => Some(ErrorKind::Overloaded),
        "timeout_error" | "DEADLINE_EXCEEDED" => Some(ErrorKind::Timeout),
        "api_error" | "server_error" | "internal_server_error" | "INTERNAL" => Some(ErrorKind::Server),
        word => of_aws_exception(word),
    };
    let status = if status >= 400 { Some(status) } else { code.and_then(status_of_code) };
    // The status decides, except where words are finer: OpenAI says `invalid_request_error` for a bad key.
    match status {
        Some(400 | 422) | None => {
            kind_word.and_then(by_word).or_else(|| code.and_then(by_word)).unwrap_or(match status {
                None => ErrorKind::Server,
                Some(_) => ErrorKind::InvalidRequest,
            })
        }
        Some(429) if [kind_word, code].contains(&Some("insufficient_quota")) => ErrorKind::PaymentRequired,
        Some(status) => kind_of_status(status),
    }
}

/// Amazon's exceptions. Their names begin with a capital letter in answers, and with a small one in streams.
fn of_aws_exception(word: &str) -> Option<ErrorKind> {
    const KINDS: [(&str, ErrorKind); 11] = [
        ("Validation", ErrorKind::InvalidRequest),
        ("AccessDenied", ErrorKind::PermissionDenied),
        ("ResourceNotFound", ErrorKind::NotFound),
        ("Throttling", ErrorKind::RateLimited),
        ("ServiceQuotaExceeded", ErrorKind::RateLimited),
        ("ServiceUnavailable", ErrorKind::Overloaded),
        ("ModelNotReady", ErrorKind::Overloaded),
        ("ModelTimeout", ErrorKind::Timeout),
        ("InternalServer", ErrorKind::Server),
        ("ModelError", ErrorKind::Server),
        ("ModelStreamError", ErrorKind::Server),
    ];
    let name = word.strip_suffix("Exception")?;
    KINDS.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, kind)| kind)
}

fn status_of_code(code: &str) -> Option<u16> {
    code.parse().ok().filter(|status| (400..600).contains(status))
}

/// The class that a status means.
pub(super) fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        401 => ErrorKind::Authentication,
        402 | QUOTA_EXCEEDED => ErrorKind::PaymentRequired,
        403 => ErrorKind::PermissionDenied,
        404 => ErrorKind::NotFound,
        408 | 504 | 524 => ErrorKind::Timeout,
        413 => ErrorKind::PayloadTooLarge,
        429 => ErrorKind::RateLimited,
        503 | 529 => ErrorKind::Overloaded,
        400..500 => ErrorKind::InvalidRequest,
        _ => ErrorKind::Server,
    }
}

/// The status that a class would have had.
fn status_of(kind: ErrorKind) -> u16 {
    match kind {
        ErrorKind::InvalidRequest => 400,
        ErrorKind::Authentication => 401,
        ErrorKind::PaymentRequired => 402,
        ErrorKind::PermissionDenied => 403,
        ErrorKind::NotFound => 404,
        ErrorKind::PayloadTooLarge => 413,
        ErrorKind::RateLimited => 429,
        ErrorKind::Overloaded => 529,
        ErrorKind::Timeout => 504,
        ErrorKind::Server => 500,
    }
}

/// The same facts in another class, for dialects whose own codes are finer than a status, which then is the class's.
pub(super) fn of_kind(facts: ErrorFacts, kind: ErrorKind) -> ErrorFacts {
    ErrorFacts { status: status_of(kind), kind, ..facts }
}

/// A stream that ended before the answer was complete.
pub(super) fn truncated() -> ErrorFacts {
    let mut facts = plain(502, "The provider's stream ended before its answer was complete.");
    facts.code = Some("upstream_stream_truncated".to_owned());
    facts
}
