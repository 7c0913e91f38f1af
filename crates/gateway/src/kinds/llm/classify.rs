//! What a failed try means: for the credential, for the next step of the plan, and for the client.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use yumen_config::{FailureClass, Word as _};
use yumen_llm::dialects::{Dialect, ErrorFacts, codec};
use yumen_llm::ir::Complaint;

use crate::allowances::limited_for;
use crate::rejection::{Code, Rejection, UpstreamSaid};
use crate::upstream::{Phase, REST_LIMITED, REST_REFUSED, REST_UNPAID, SendError, TokenError};

/// DeepL's status for an account whose characters are used up.
const QUOTA_EXCEEDED: u16 = 456;

/// The longest pause before something is tried anew: a client would rather hear of the failure.
pub const PAUSE_MOST: Duration = Duration::from_secs(5);

/// How a credential rests after a failed try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    /// Whether it goes on serving other models: a limit is often one model's, and 403 may mean one model or one
    /// request, so no client can rest a shared credential for everything.
    pub model_only: bool,
    /// How long.
    pub for_how_long: Duration,
}

/// A failed try.
#[derive(Debug)]
pub struct Failure {
    /// What the client is told when nothing else helps.
    pub rejection: Rejection,
    /// How it failed, by which the attempt is recorded and the next one chosen.
    pub class: FailureClass,
    /// Whether the same credential may be answered with a fresh token.
    pub renewable: bool,
    /// Whether and how the credential rests.
    pub rest: Option<Rest>,
    /// The upstream's status, when it answered.
    pub status: Option<u16>,
}

/// An upstream's error answer.
pub struct Said<'a> {
    pub status: u16,
    pub headers: &'a HeaderMap,
    pub body: Bytes,
    /// The upstream's dialect.
    pub dialect: Dialect,
    /// The client's dialect.
    pub client: Dialect,
    /// The provider's id.
    pub provider: &'a std::sync::Arc<str>,
}

impl Failure {
    /// The upstream answered with an error.
    pub fn said(said: Said<'_>) -> Self {
        let facts = codec(said.dialect).decode_error(said.status, &said.body);
        // Its own bytes go on when they already are what the client expects.
        let shape = |dialect| codec(dialect).outline().errors;
        let readable = shape(said.dialect) == shape(said.client);
        let body = (readable && is_error_object(&said.body)).then_some(said.body);
        let wait = retry_after(said.headers).or_else(|| limited_for(said.status, said.headers));
        let mut failure = Self::from_facts(facts, body, wait, said.provider);
        if let Some(upstream) = &mut failure.rejection.upstream {
            upstream.headers = super::headers::to_client(said.headers);
        }
        failure
    }

    /// The upstream said an error, in an answer or inside a stream before any content.
    pub fn from_facts(
        facts: ErrorFacts,
        body: Option<Bytes>,
        retry_after: Option<Duration>,
        provider: &std::sync::Arc<str>,
    ) -> Self {
        let retry_after = retry_after.or_else(|| retry_delay(&facts));
        let (status, class) = class_of_said(&facts);
        let whole = Rest { model_only: false, for_how_long: REST_REFUSED };
        let model = |for_how_long| Some(Rest { model_only: true, for_how_long });
        let rest = match class {
            FailureClass::Unauthorized => Some(whole),
            // OpenRouter and others answer so to one request that asks for more tokens than there is money for.
            FailureClass::PaymentRequired => model(REST_UNPAID),
            FailureClass::Forbidden => model(REST_REFUSED),
            FailureClass::RateLimited => model(retry_after.unwrap_or(REST_LIMITED)),
            _ => None,
        };
        let mut rejection = Rejection::new(Code::UpstreamError, facts.message.clone());
        rejection.status = status;
        // Whoever comes back too early is refused again.
        rejection.retry_after_s = retry_after.map(|wait| (wait.as_secs_f64().ceil() as u64).max(1));
        let said = UpstreamSaid {
            facts,
            body,
            cause: class.word(),
            provider: std::sync::Arc::clone(provider),
            headers: HeaderMap::new(),
        };
        rejection.upstream = Some(Box::new(said));
        Self { rejection, class, renewable: false, rest, status: Some(status) }
    }

    /// There was no answer, or none that could be read.
    pub fn silent(code: Code, class: FailureClass, message: String) -> Self {
        Self { rejection: Rejection::new(code, message), class, renewable: false, rest: None, status: None }
    }

    /// A stream came to this before any of its content.
    pub fn of_stream(rejection: Rejection) -> Self {
        let class = Self::of_break(&rejection, None);
        Self { rejection, class, renewable: false, rest: None, status: None }
    }

    /// How a stream has failed that came to this, or in which the upstream said an error.
    pub fn of_break(rejection: &Rejection, said: Option<&ErrorFacts>) -> FailureClass {
        match (said, rejection.code) {
            (Some(facts), _) => class_of_said(facts).1,
            (None, Code::UpstreamInvalid) => FailureClass::AnswerInvalid,
            (None, Code::UpstreamTooLarge) => FailureClass::AnswerTooLarge,
            (None, Code::UpstreamTimeout) => FailureClass::IdleTimeout,
            (None, _) => FailureClass::AnswerBroken,
        }
    }

    /// The first byte's time-out has passed.
    pub fn slow(provider: &str) -> Self {
        let message = format!("{provider} did not begin its answer within the first-byte time-out.");
        Self::silent(Code::UpstreamTimeout, FailureClass::FirstByteTimeout, message)
    }

    /// The request got no response head.
    pub fn unsent(provider: &str, error: &SendError) -> Self {
        let (code, class, message, cause) = match error {
            SendError::Timeout(Phase::Connect) => {
                let message = format!("No connection to {provider} within the connect time-out.");
                return Self::silent(Code::UpstreamTimeout, FailureClass::ConnectTimeout, message);
            }
            SendError::Timeout(Phase::FirstByte) => return Self::slow(provider),
            SendError::Connect(cause) => {
                let message = format!("{provider} cannot be reached.");
                (Code::UpstreamUnreachable, FailureClass::ConnectFailed, message, cause.to_string())
            }
            SendError::Broken(cause) => {
                let message = format!("The connection to {provider} broke before an answer.");
                (Code::UpstreamUnreachable, FailureClass::ConnectionBroken, message, cause.to_string())
            }
        };
        let mut failure = Self::silent(code, class, message);
        failure.rejection = failure.rejection.cause(cause);
        failure
    }

    /// There is no token with which to ask. A refused credential rests as one that the provider itself refuses; what could
    /// not be reached is tried again soon.
    pub fn unauthenticated(provider: &str, error: TokenError) -> Self {
        let message = format!("{provider} could not be asked, for there is no token: {error}.");
        let mut rejection = Rejection::new(Code::UpstreamAuthFailed, message);
        rejection.cause = error.detail;
        let for_how_long = if error.refused { REST_REFUSED } else { REST_LIMITED };
        let rest = Some(Rest { model_only: false, for_how_long });
        Self { rejection, class: FailureClass::AuthFailed, renewable: false, rest, status: None }
    }

    /// Whether it tells of the deployment itself, and not of the request, its size or a credential.
    pub fn is_of_deployment(&self) -> bool {
        matches!(
            self.class,
            FailureClass::Overloaded
                | FailureClass::ServerError
                | FailureClass::UpstreamTimeout
                | FailureClass::ConnectFailed
                | FailureClass::ConnectTimeout
                | FailureClass::ConnectionBroken
                | FailureClass::FirstByteTimeout
                | FailureClass::IdleTimeout
                | FailureClass::AnswerBroken
                | FailureClass::AnswerInvalid
        )
    }

    /// Whether another credential of the same provider may be answered.
    pub fn is_of_credential(&self) -> bool {
        matches!(
            self.class,
            FailureClass::RateLimited
                | FailureClass::PaymentRequired
                | FailureClass::Unauthorized
                | FailureClass::Forbidden
                | FailureClass::AuthFailed
        )
    }

    /// Whether nothing was sent, so that it is no try.
    pub fn is_unsaid(&self) -> bool {
        matches!(self.class, FailureClass::NotConvertible | FailureClass::FileNotFetched)
    }

    /// The request cannot be said to this upstream.
    pub fn unsayable(message: String, param: Option<String>) -> Self {
        let mut rejection = Rejection::new(Code::InvalidRequest, message);
        rejection.param = param;
        Self { rejection, class: FailureClass::NotConvertible, renewable: false, rest: None, status: None }
    }
}

/// The status that an upstream's error counts as, and how it has failed.
fn class_of_said(facts: &ErrorFacts) -> (u16, FailureClass) {
    // Redirects and the like are no answer that a client could use.
    let status = if (400..600).contains(&facts.status) { facts.status } else { 502 };
    (status, class_of(status, facts.complaint()))
}

/// How an upstream has failed that answered with this status. Many say everything with 400, and what they say then counts.
fn class_of(status: u16, complaint: Option<Complaint>) -> FailureClass {
    match (status, complaint) {
        // Groq says 413 to more tokens than a minute may have.
        (413, _) | (_, Some(Complaint::TooLong)) => FailureClass::ContextTooLong,
        (_, Some(Complaint::Content)) => FailureClass::ContentPolicy,
        (402 | QUOTA_EXCEEDED, _) | (_, Some(Complaint::Unpaid)) => FailureClass::PaymentRequired,
        (401, _) | (400, Some(Complaint::Credential)) => FailureClass::Unauthorized,
        (403, _) => FailureClass::Forbidden,
        (429, _) => FailureClass::RateLimited,
        (404, _) | (400, Some(Complaint::Model)) => FailureClass::ModelGone,
        (408 | 504, _) => FailureClass::UpstreamTimeout,
        (503 | 529, _) => FailureClass::Overloaded,
        (400..500, _) => FailureClass::BadRequest,
        _ => FailureClass::ServerError,
    }
}

fn is_error_object(body: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Shape<'a> {
        #[serde(borrow)]
        error: Option<&'a serde_json::value::RawValue>,
    }
    serde_json::from_slice::<Shape<'_>>(body)
        .is_ok_and(|shape| shape.error.is_some_and(|error| error.get().starts_with('{')))
}

/// `retry-after-ms`, or `Retry-After` in seconds or as a date (RFC 9110).
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| {
        headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok().filter(|number| *number >= 0.0)
    };
    let wait = number("retry-after-ms").map(|ms| ms / 1000.0).or_else(|| number("retry-after"));
    match wait {
        Some(wait) => Duration::try_from_secs_f64(wait).ok(),
        None => {
            let date = headers.get("retry-after")?.to_str().ok()?;
            let date = jiff::fmt::rfc2822::parse(date.trim()).ok()?.timestamp();
            let wait = date.duration_since(jiff::Timestamp::now());
            Some(Duration::try_from(wait).unwrap_or_default())
        }
    }
}

/// Google says in the error itself when to come back, as in `"retryDelay":"34.07s"`.
fn retry_delay(facts: &ErrorFacts) -> Option<Duration> {
    let details = facts.metadata.as_ref()?.get("details")?.as_array()?;
    let delay = details.iter().find_map(|detail| detail.get("retryDelay")?.as_str())?;
    Duration::try_from_secs_f64(delay.strip_suffix('s')?.parse().ok()?).ok()
}
