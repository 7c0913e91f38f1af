//! Why a request gets no answer of a model: one table of codes and the value that carries one to the client.
//!
//! In: facts from the stage that failed. Out: a [`Rejection`]; only `pipeline` turns one into a response. It
//! never holds a secret: outer text is for the caller, the cause is for the log.

use std::fmt;
use std::ops::{Deref, DerefMut};

use yumen_llm::dialects::{ErrorFacts, ErrorKind};

/// Who is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Origin {
    Client,
    Upstream,
    Gateway,
}

/// What a retry may do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same request will fail again everywhere.
    Never,
    /// The same deployment may answer a second try.
    Same,
    /// Another deployment may answer.
    Next,
}

/// One row of the table of codes.
#[derive(Debug)]
pub struct CodeRow {
    /// The code itself.
    pub code: Code,
    /// Its public name, `error.code` on the OpenAI surface.
    pub name: &'static str,
    /// HTTP status; an upstream's own status takes its place where one was received.
    pub status: u16,
    /// Its class in the dialects.
    pub kind: ErrorKind,
    /// Who is to blame.
    pub origin: Origin,
    /// What a retry may do.
    pub retry: Retry,
    /// One sentence for the reference page.
    pub sentence: &'static str,
}

macro_rules! codes {
    ($($code:ident $name:literal $status:literal $kind:ident $origin:ident $retry:ident $sentence:literal;)*) => {
        /// Every code with which the gateway itself refuses or fails.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs)]
        pub enum Code { $($code),* }

        /// The table of codes, in the order of the enum; `docs/reference/errors.md` is generated from it.
        pub const CODES: &[CodeRow] = &[$(CodeRow {
            code: Code::$code, name: $name, status: $status, kind: ErrorKind::$kind,
            origin: Origin::$origin, retry: Retry::$retry, sentence: $sentence,
        }),*];

        impl Code {
            /// The row of this code.
            pub const fn row(self) -> &'static CodeRow {
                match self { $(Code::$code => &CodeRow {
                    code: Code::$code, name: $name, status: $status, kind: ErrorKind::$kind,
                    origin: Origin::$origin, retry: Retry::$retry, sentence: $sentence,
                }),* }
            }
        }
    };
}

codes! {
    InvalidJson "invalid_json" 400 InvalidRequest Client Never "The body is not one JSON object; the message names the byte at which reading stopped.";
    JsonTooDeep "json_too_deep" 400 InvalidRequest Client Never "The body is nested deeper than the limit.";
    InvalidRequest "invalid_request" 400 InvalidRequest Client Never "A field is missing, has the wrong type or cannot be said in the dialect of the only upstream; `param` names it.";
    AmbiguousField "ambiguous_field" 400 InvalidRequest Client Never "A field that the gateway acts on is repeated, spelt with escapes or equals one but for case, so an upstream could read it differently.";
    InvalidForm "invalid_form" 400 InvalidRequest Client Never "The body is no well-formed form (multipart/form-data), or two readers could take it apart differently; the message names what is wrong and where.";
    PathAmbiguous "path_ambiguous" 400 InvalidRequest Client Never "The path of a call that goes through to a provider could be read in two ways: empty segments, dots, or characters encoded that must not be.";
    BodyUnreadable "body_unreadable" 400 InvalidRequest Client Never "The body is not framed as its head says, or is not what its content-encoding says.";
    ConflictingLengths "conflicting_lengths" 400 InvalidRequest Client Never "The head says the body's length both by content-length and by transfer-encoding, so two readers could take different bytes for the next request.";
    FileNotFetched "file_not_fetched" 400 InvalidRequest Client Never "The provider takes files only whole, and the one at an address in the request could not be fetched, or may not be; `param` names the address, the message says why.";
    PreviousResponseNotFound "previous_response_not_found" 400 InvalidRequest Client Never "This virtual key has no kept response with the id in `previous_response_id`, or what came before it was deleted; the message says how one is kept.";
    PreviousResponseElsewhere "previous_response_elsewhere" 400 InvalidRequest Client Never "The provider that keeps what the request continues or names (`param` says by which field), or the credential it was made with, is not in the configuration any more, or does not serve the model asked for.";
    MissingKey "missing_key" 401 Authentication Client Never "No virtual key was sent.";
    InvalidKey "invalid_key" 401 Authentication Client Never "The virtual key is not known, is switched off or has expired.";
    ModelNotAllowed "model_not_allowed" 403 PermissionDenied Client Never "The virtual key may not use this model.";
    DeniedByRule "denied_by_rule" 403 PermissionDenied Client Never "A rule of the operator refuses this request; the message is the operator's, `metadata.rule` names the rule.";
    AccessDenied "access_denied" 403 PermissionDenied Client Never "The virtual key may not do this; the message says which `access` it lacks.";
    PathNotAllowed "path_not_allowed" 403 PermissionDenied Client Never "No rule of the provider's `passthrough` lets this call through.";
    RouteNotFound "route_not_found" 404 NotFound Client Never "There is nothing at this path.";
    ModelNotFound "model_not_found" 404 NotFound Client Never "No configured provider serves this model; the message lists the nearest names.";
    NoEndpoints "no_endpoints" 404 NotFound Client Never "Deployments serve this model, but what the request, its key or the settings demand rules all of them out; the message and `availability.excluded_by` say why.";
    GenerationNotFound "generation_not_found" 404 NotFound Client Never "There is no record with this id for this key.";
    FilesNotConfigured "files_not_configured" 404 NotFound Client Never "The configuration names no provider that keeps files and batches (`files.provider`).";
    ObjectNotFound "object_not_found" 404 NotFound Client Never "This virtual key has no file, batch, video, response, conversation or item with this id; `param` names the field.";
    MethodNotAllowed "method_not_allowed" 405 InvalidRequest Client Never "The path exists, but not for this method.";
    BodyTimeout "body_timeout" 408 Timeout Client Same "The client took too long to send its body.";
    CredentialGone "credential_gone" 409 InvalidRequest Client Never "The credential with which this file, batch, video or response was made is not in the configuration any more; another account would not know it.";
    BodyTooLarge "body_too_large" 413 PayloadTooLarge Client Never "The body, or what it expands to, is larger than the limit.";
    UnsupportedEncoding "unsupported_encoding" 415 InvalidRequest Client Never "The body's content-encoding is not one of gzip, deflate, br, zstd and identity.";
    UnsupportedMedia "unsupported_media_type" 415 InvalidRequest Client Never "The body is not written as this path takes it; the message names what its content-type may be.";
    UpgradeRequired "upgrade_required" 426 InvalidRequest Client Never "This path is a WebSocket, and the request does not ask for one, or not over HTTP/1.1.";
    RateLimited "rate_limited" 429 RateLimited Client Same "The virtual key has used up its requests per minute; Retry-After says when to come back.";
    ConcurrencyLimited "concurrency_limited" 429 RateLimited Client Same "The virtual key has as many exchanges open as it may have.";
    ClientGone "client_gone" 499 InvalidRequest Client Never "The client left before its body was whole; only the record can show this.";
    Internal "internal" 500 Server Gateway Same "The gateway made a mistake; the log has its cause under the generation id.";
    UpstreamUnreachable "upstream_unreachable" 502 Server Upstream Next "No connection to the provider could be made, or it broke before an answer.";
    UpstreamAuthFailed "upstream_auth_failed" 502 Server Upstream Next "The token with which to ask the provider could not be had: its token server refused the credential, or did not answer.";
    UpstreamInvalid "upstream_invalid" 502 Server Upstream Next "The provider's answer could not be read.";
    UpstreamBroken "upstream_broken" 502 Server Upstream Never "The provider's answer broke off after it had begun.";
    UpstreamTooLarge "upstream_too_large" 502 Server Upstream Never "The provider's answer, or one event of its stream, is larger than the limit.";
    UpstreamError "upstream_error" 502 Server Upstream Next "The provider answered with an error; status and message are its own.";
    LedgerUnavailable "ledger_unavailable" 503 Overloaded Gateway Same "The ledger cannot be read at the moment.";
    FilesCrowded "files_crowded" 503 Overloaded Gateway Same "The files that are fetched for all requests take as many bytes as they may (`gateway.fetch.max_total_bytes`), and none were freed in time.";
    SpoolFull "spool_full" 503 Overloaded Gateway Same "Records wait for the database and their spool is full: new work is refused until it drains.";
    Draining "draining" 503 Overloaded Gateway Same "The gateway is stopping and takes no new work.";
    UpstreamTimeout "upstream_timeout" 504 Timeout Upstream Next "The provider did not answer within the time-out of this phase.";
}

/// A refusal or failure on its way to the client. It is as small as a pointer, because every result of every stage has room
/// for one, and nearly none has one.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", .0.message)]
pub struct Rejection(Box<Refused>);

/// What a [`Rejection`] says.
#[derive(Debug, Clone)]
pub struct Refused {
    /// What happened.
    pub code: Code,
    /// HTTP status: the code's, or the upstream's own.
    pub status: u16,
    /// What the caller reads.
    pub message: String,
    /// The request field at fault.
    pub param: Option<String>,
    /// Seconds after which to come back, for `Retry-After`.
    pub retry_after_s: Option<u64>,
    /// What the log reads beside the message.
    pub cause: Option<String>,
    /// Further facts for the client (a JSON object).
    pub metadata: Option<serde_json::Value>,
    /// The upstream's error as it was said; boxed, as it is rare and large.
    pub upstream: Option<Box<UpstreamSaid>>,
}

/// An upstream's error answer.
#[derive(Debug, Clone)]
pub struct UpstreamSaid {
    /// The error, decoded.
    pub facts: ErrorFacts,
    /// Its body, when it is already in the client's dialect.
    pub body: Option<bytes::Bytes>,
    /// The class by which the attempt is recorded, such as `rate_limited`.
    pub cause: &'static str,
    /// The provider that said it.
    pub provider: std::sync::Arc<str>,
    /// Those of its headers that client libraries read.
    pub headers: http::HeaderMap,
}

impl Rejection {
    /// A rejection with the code's own status.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Refused {
            code,
            status: code.row().status,
            message: message.into(),
            param: None,
            retry_after_s: None,
            cause: None,
            metadata: None,
            upstream: None,
        }))
    }

    /// Names the request field at fault.
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Adds what only the log should read.
    pub fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// Says when to come back.
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// What the client's dialect encodes.
    pub fn facts(&self, generation_id: &str) -> ErrorFacts {
        if let Some(said) = &self.upstream {
            let mut facts = said.facts.clone();
            facts.request_id.get_or_insert_with(|| generation_id.to_owned());
            return facts;
        }
        let row = self.code.row();
        ErrorFacts {
            status: self.status,
            kind: row.kind,
            message: self.message.clone(),
            code: Some(row.name.to_owned()),
            param: self.param.clone(),
            metadata: self.metadata.clone(),
            request_id: Some(generation_id.to_owned()),
        }
    }
}

impl Deref for Rejection {
    type Target = Refused;

    fn deref(&self) -> &Refused {
        &self.0
    }
}

impl DerefMut for Rejection {
    fn deref_mut(&mut self) -> &mut Refused {
        &mut self.0
    }
}

/// The generated page `docs/reference/errors.md`.
pub fn reference_markdown() -> String {
    let mut page = String::from(
        "# Error codes\n\nEvery code with which the gateway itself answers. On the OpenAI surface it is `error.code`; an \
         Anthropic client sees the class that belongs to the status. When a provider has answered with an error, its own \
         status and message are passed on instead.\n\n| code | status | whose fault | retry | meaning |\n| --- | --- | --- | --- | --- |\n",
    );
    for row in CODES {
        let origin = match row.origin {
            Origin::Client => "client",
            Origin::Upstream => "provider",
            Origin::Gateway => "gateway",
        };
        let retry = match row.retry {
            Retry::Never => "never",
            Retry::Same => "later",
            Retry::Next => "another deployment",
        };
        page.push_str(&format!(
            "| `{}` | {} | {origin} | {retry} | {} |\n",
            row.name, row.status, row.sentence
        ));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_statuses_are_errors() {
        let mut names: Vec<_> = CODES.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CODES.len());
        assert!(CODES.iter().all(|row| (400..600).contains(&row.status)));
    }
}
