//! One try at one deployment: encode, sign, send, and read as far as a retry would still be invisible.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use smallvec::SmallVec;
use yumen_config::{Credential, Endpoint, GatewaySettings, Scheme};
use yumen_llm::dialects::{AnswerContext, Dialect, Tap, Target, codec};
use yumen_llm::json::{Edit, Kind, Pieces, edit_value, splice};

use super::call::Call;
use super::classify::{Failure, Said};
use super::headers;
use super::resolve::Step;
use super::stream::StreamRelay;
use crate::exchange::Exchange;
use crate::rejection::Code;
use crate::route::Task;
use crate::upstream::{AnswerBody, AnswerError, Phase, RequestBody, SendError, demo_answer};
use crate::worker::Worker;

/// A whole answer up to this size is read before its head is sent on, so that one that breaks off can still be
/// replaced by another deployment's.
const HOLD_BYTES: usize = 1 << 20;
/// An error answer is read up to this size.
const ERROR_BYTES_MOST: usize = 64 * 1024;

/// What a try that succeeded has brought.
pub struct Arrival {
    /// The upstream's status.
    pub status: StatusCode,
    /// The upstream's headers.
    pub headers: HeaderMap,
    /// The upstream's dialect.
    pub dialect: Dialect,
    /// The deployment that answered; none when the gateway did it itself.
    pub step: Option<Step>,
    /// The answer.
    pub answer: Arrived,
    /// Names of request fields that could not be carried.
    pub lossy: Vec<String>,
}

/// An answer as far as it has been read.
pub enum Arrived {
    /// All of it: as the upstream said it, and in the client's dialect.
    Whole {
        /// As the upstream said it.
        said: Bytes,
        /// In the client's dialect.
        told: Bytes,
    },
    /// The beginning of a large answer, and the rest as it comes.
    Large(Bytes, AnswerBody),
    /// A stream, read up to its first content.
    Stream(Box<StreamRelay>, SmallVec<[Bytes; 4]>),
}

/// What a try needs to know.
pub struct Try<'a> {
    pub settings: &'a GatewaySettings,
    pub call: &'a Call,
    pub client_headers: &'a HeaderMap,
    pub step: &'a Step,
    pub credential: Option<&'a Credential>,
    pub deadline: Instant,
}

impl Try<'_> {
    fn passes(&self) -> bool {
        self.call.dialect == self.step.dialect
    }

    fn remaining(&self, most: Duration) -> Duration {
        most.min(self.deadline.saturating_duration_since(Instant::now()))
    }

    /// Makes the try.
    pub async fn run(&self, exchange: &mut Exchange) -> Result<Arrival, Failure> {
        let provider = self.step.provider();
        let endpoint = provider.endpoints.get(&self.step.dialect).ok_or_else(|| {
            Failure::unsayable(format!("{} does not speak this dialect.", provider.name), None)
        })?;
        let (pieces, lossy, withhold_usage) = self.body()?;
        let sent = Instant::now();
        let result = self.send(exchange.worker(), endpoint, pieces).await;
        let (status, headers, body) = match result {
            Ok(reply) => reply,
            Err(failure) => {
                exchange.waited += sent.elapsed();
                return Err(failure);
            }
        };
        let answer = if status.is_success() {
            self.arrive(exchange, &headers, body, withhold_usage).await
        } else {
            Err(self.refused(status, &headers, body).await)
        };
        exchange.waited += sent.elapsed();
        Ok(Arrival { status, headers, dialect: self.step.dialect, step: Some(self.step.clone()), answer: answer?, lossy })
    }

    /// The body for this upstream: the client's own bytes with single values spliced, or a converted request.
    fn body(&self) -> Result<(Pieces, Vec<String>, bool), Failure> {
        let call = self.call;
        let model = &self.step.deployment.model;
        let quirks = &self.step.provider().quirks;
        let asks_usage = call.stream
            && self.step.dialect != Dialect::AnthropicMessages
            && !quirks.contains(&yumen_llm::catalogue::Quirk::NoStreamOptions);
        if self.passes() {
            let mut edits: SmallVec<[Edit; 3]> = SmallVec::new();
            edits.push(Edit::Set { name: "model", value: model.native_json.clone() });
            if call.object.get(&call.body, "models").is_some() {
                edits.push(Edit::Remove { name: "models" });
            }
            if asks_usage && !call.include_usage {
                edits.push(Edit::Set { name: "stream_options", value: with_usage(call) });
            }
            return Ok((splice(&call.body, &call.object, &edits), Vec::new(), asks_usage && !call.include_usage));
        }
        let unsayable = |error: yumen_llm::dialects::DecodeError| Failure::unsayable(error.message, error.param);
        let request = codec(call.dialect).decode_request(&call.body).map_err(unsayable)?;
        let target = Target { model: &model.native_id, max_output: model.max_output };
        let encoded = codec(self.step.dialect).encode_request(&request, &target).map_err(unsayable)?;
        Ok((SmallVec::from_iter([Bytes::from(encoded.body)]), encoded.lossy, false))
    }

    async fn send(
        &self,
        worker: &Arc<Worker>,
        endpoint: &Endpoint,
        pieces: Pieces,
    ) -> Result<(StatusCode, HeaderMap, AnswerBody), Failure> {
        if endpoint.scheme == Scheme::Builtin {
            let (status, headers, chunks) = demo_answer(self.step.dialect, &pieces.concat());
            return Ok((status, headers, AnswerBody::memory(chunks)));
        }
        let provider = self.step.provider();
        let client = self.passes().then_some(self.client_headers);
        let uri = self.uri(endpoint)?;
        let make = || {
            let mut request = http::Request::new(RequestBody::new(pieces.clone()));
            *request.method_mut() = http::Method::POST;
            *request.uri_mut() = uri.clone();
            *request.headers_mut() =
                headers::to_upstream(endpoint, provider, self.credential, client, self.call.stream);
            request
        };
        let mut timeouts = provider.timeouts;
        timeouts.connect = self.remaining(timeouts.connect);
        timeouts.first_byte = self.remaining(timeouts.first_byte);
        let reply = worker.pool.send(endpoint, &timeouts, make).await.map_err(|error| self.unsent(&error))?;
        let (head, body) = AnswerBody::from_reply(&worker.pool, reply, self.settings.max_answer_bytes);
        Ok((head.status, head.headers, body))
    }

    fn uri(&self, endpoint: &Endpoint) -> Result<http::Uri, Failure> {
        let parsed = match self.call.task {
            Task::Generate => endpoint.path.parse(),
            Task::CountTokens => match endpoint.path.split_once('?') {
                Some((path, query)) => format!("{path}/count_tokens?{query}").parse(),
                None => format!("{}/count_tokens", endpoint.path).parse(),
            },
        };
        parsed.map_err(|error: http::uri::InvalidUri| Failure::unsayable(error.to_string(), None))
    }

    fn unsent(&self, error: &SendError) -> Failure {
        let name = &self.step.provider().name;
        match error {
            SendError::Timeout(Phase::Connect) => {
                let message = format!("No connection to {name} within the connect time-out.");
                Failure::silent(Code::UpstreamTimeout, "connect_timeout", message)
            }
            SendError::Timeout(Phase::FirstByte) => self.slow(),
            SendError::Connect(cause) => {
                let mut failure = Failure::silent(Code::UpstreamUnreachable, "connect_failed", format!("{name} cannot be reached."));
                failure.rejection = failure.rejection.cause(cause);
                failure
            }
            SendError::Broken(cause) => {
                let message = format!("The connection to {name} broke before an answer.");
                let mut failure = Failure::silent(Code::UpstreamUnreachable, "connection_broken", message);
                failure.rejection = failure.rejection.cause(cause);
                failure
            }
        }
    }

    fn slow(&self) -> Failure {
        let name = &self.step.provider().name;
        let message = format!("{name} did not begin its answer within the first-byte time-out.");
        Failure::silent(Code::UpstreamTimeout, "first_byte_timeout", message)
    }

    fn broke(&self, error: &AnswerError) -> Failure {
        let name = &self.step.provider().name;
        let mut failure = Failure::silent(Code::UpstreamUnreachable, "answer_broken", format!("The answer of {name} broke off."));
        failure.rejection = failure.rejection.cause(error);
        failure
    }

    /// Reads an error answer.
    async fn refused(&self, status: StatusCode, headers: &HeaderMap, mut body: AnswerBody) -> Failure {
        let mut text = BytesMut::new();
        let read = async {
            while let Some(Ok(chunk)) = body.chunk().await {
                let room = ERROR_BYTES_MOST.saturating_sub(text.len());
                text.extend_from_slice(chunk.get(..room.min(chunk.len())).unwrap_or_default());
                if room <= chunk.len() {
                    break;
                }
            }
        };
        // What has come until then is what can be told.
        let _ = tokio::time::timeout(self.remaining(self.step.provider().timeouts.idle), read).await;
        self.said(status.as_u16(), headers, text.freeze())
    }

    fn said(&self, status: u16, headers: &HeaderMap, body: Bytes) -> Failure {
        let body = match self.credential {
            Some(credential) => scrub(credential, body),
            None => body,
        };
        let provider = &self.step.provider().id;
        Failure::said(Said { status, headers, body, dialect: self.step.dialect, client: self.call.dialect, provider })
    }

    /// Reads an answer as far as a retry would still be invisible to the client.
    async fn arrive(
        &self,
        exchange: &Exchange,
        headers: &HeaderMap,
        body: AnswerBody,
        withhold_usage: bool,
    ) -> Result<Arrived, Failure> {
        let is_stream = headers
            .get(http::header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.trim_start().starts_with("text/event-stream"));
        if is_stream {
            let stream = StreamRelay::new(self.settings, self.call, self.step, answer_context(self.call, exchange), body, withhold_usage);
            return self.hold(Box::new(stream)).await;
        }
        self.hold_whole(exchange, headers, body).await
    }

    async fn hold_whole(
        &self,
        exchange: &Exchange,
        headers: &HeaderMap,
        mut body: AnswerBody,
    ) -> Result<Arrived, Failure> {
        let idle = self.step.provider().timeouts.idle;
        let most = if self.passes() { HOLD_BYTES } else { self.settings.max_answer_bytes };
        let mut parts: SmallVec<[Bytes; 2]> = SmallVec::new();
        let mut size = 0;
        while !body.is_done() {
            let chunk = tokio::time::timeout(self.remaining(idle), body.chunk()).await.map_err(|_| self.slow())?;
            let Some(chunk) = chunk else { break };
            let chunk = chunk.map_err(|error| self.broke(&error))?;
            size += chunk.len();
            parts.push(chunk);
            if size > most {
                if self.passes() {
                    return Ok(Arrived::Large(joined(parts, size), body));
                }
                let message = format!("The provider's answer is larger than {most} bytes.");
                return Err(Failure::silent(Code::UpstreamTooLarge, "answer_too_large", message));
            }
        }
        let whole = joined(parts, size);
        if let Some(status) = error_in_success(&whole) {
            return Err(self.said(status, headers, whole));
        }
        let told = self.tell(exchange, &whole)?;
        Ok(Arrived::Whole { said: whole, told })
    }

    /// Says a whole answer in the client's dialect. One that is no answer at all may come from another deployment.
    fn tell(&self, exchange: &Exchange, whole: &Bytes) -> Result<Bytes, Failure> {
        let invalid = |why: &str| {
            let message = format!("The answer of {} could not be read: {why}.", self.step.provider().name);
            Failure::silent(Code::UpstreamInvalid, "answer_invalid", message)
        };
        if whole.trim_ascii_start().first() != Some(&b'{') {
            return Err(invalid("it is not a JSON object"));
        }
        if self.passes() {
            return Ok(whole.clone());
        }
        let response = codec(self.step.dialect).decode_response(whole).map_err(|error| invalid(&error.message))?;
        let context = answer_context(self.call, exchange);
        Ok(codec(self.call.dialect).encode_response(&response, &context).into())
    }

    /// Holds a stream's lifecycle frames until its first content, so that a fallback stays invisible.
    async fn hold(&self, mut stream: Box<StreamRelay>) -> Result<Arrived, Failure> {
        let mut held: SmallVec<[Bytes; 4]> = SmallVec::new();
        let first_byte = self.step.provider().timeouts.first_byte;
        let content = async {
            while !stream.has_begun() {
                match stream.next().await {
                    Some(Ok(bytes)) => held.push(bytes),
                    Some(Err(rejection)) => return Err(Some(rejection)),
                    None => break,
                }
            }
            Ok(())
        };
        let waited = tokio::time::timeout(self.remaining(first_byte), content).await;
        match waited.map_err(|_| self.slow())? {
            Ok(()) => {}
            Err(rejection) => {
                let mut failure = Failure::silent(Code::UpstreamUnreachable, "answer_broken", String::new());
                if let Some(rejection) = rejection {
                    failure.rejection = rejection;
                }
                return Err(failure);
            }
        }
        let Tap { error, content_seen, .. } = stream.tap();
        match error {
            Some(facts) if !content_seen => {
                Err(Failure::from_facts((**facts).clone(), None, None, &self.step.provider().id))
            }
            _ => Ok(Arrived::Stream(stream, held)),
        }
    }
}

/// What a converted answer takes from the exchange where the upstream says nothing.
pub fn answer_context(call: &Call, exchange: &Exchange) -> AnswerContext {
    AnswerContext {
        id: exchange.record.id.clone(),
        model: call.model.clone(),
        created: exchange.created(),
        include_usage: call.include_usage,
    }
}

fn joined(mut parts: SmallVec<[Bytes; 2]>, size: usize) -> Bytes {
    if parts.len() == 1 {
        return parts.pop().unwrap_or_default();
    }
    let mut whole = BytesMut::with_capacity(size);
    for part in &parts {
        whole.extend_from_slice(part);
    }
    whole.freeze()
}

/// Takes our credential out of an error that repeats it.
fn scrub(credential: &Credential, body: Bytes) -> Bytes {
    let header = credential.header.as_bytes();
    let secret = header.strip_prefix(b"Bearer ").unwrap_or(header);
    if secret.len() < 4 || memchr::memmem::find(&body, secret).is_none() {
        return body;
    }
    let mut clean = Vec::with_capacity(body.len());
    let mut rest = &body[..];
    while let Some((before, after)) = memchr::memmem::find(rest, secret).and_then(|at| rest.split_at_checked(at)) {
        clean.extend_from_slice(before);
        clean.extend_from_slice(b"[redacted]");
        rest = after.get(secret.len()..).unwrap_or_default();
    }
    clean.extend_from_slice(rest);
    clean.into()
}

/// `stream_options` of the client, with usage asked for.
fn with_usage(call: &Call) -> Bytes {
    let edit = Edit::Set { name: "include_usage", value: Bytes::from_static(b"true") };
    let field = call.object.get(&call.body, "stream_options").filter(|field| field.kind == Kind::Object);
    let options = field.and_then(|field| edit_value(&call.body, field, &[edit]));
    options.unwrap_or_else(|| Bytes::from_static(br#"{"include_usage":true}"#))
}

/// Some providers answer errors with status 200 and a body that only has an `error`.
fn error_in_success(body: &[u8]) -> Option<u16> {
    #[derive(serde::Deserialize)]
    struct Shape<'a> {
        #[serde(borrow)]
        error: Option<&'a serde_json::value::RawValue>,
        choices: Option<serde::de::IgnoredAny>,
        content: Option<serde::de::IgnoredAny>,
        data: Option<serde::de::IgnoredAny>,
    }
    // An answer names its error early or is short; the probe spares large answers a parse.
    let probe = body.get(..body.len().min(512)).unwrap_or_default();
    memchr::memmem::find(probe, b"\"error\"")?;
    let shape: Shape<'_> = serde_json::from_slice(body).ok()?;
    if shape.choices.is_some() || shape.content.is_some() || shape.data.is_some() {
        return None;
    }
    let error = shape.error.filter(|error| error.get() != "null")?;
    let code = serde_json::from_str::<serde_json::Value>(error.get()).ok()?.get("code").and_then(serde_json::Value::as_u64);
    Some(code.and_then(|code| u16::try_from(code).ok()).filter(|code| (400..600).contains(code)).unwrap_or(502))
}
