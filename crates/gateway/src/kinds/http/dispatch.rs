//! dispatch: Plan, Call → the provider's answer. One try; another credential only where nothing could be sent.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use yumen_config::{
    Base, Credential, FailureClass, GatewaySettings, PlainPath, Provider, VirtualKey, Word as _,
};
use yumen_llm::dialects::Dialect;
use yumen_llm::json::Pieces;
use yumen_telemetry::{AttemptRecord, ObjectKind};

use super::call::Call;
use super::resolve::{LOAD, NO_MODEL, Plan, Step};
use super::{files, headers, query, responses};
use crate::allowances::limited_for;
use crate::clock::micros;
use crate::exchange::{Asked, Exchange, Trying};
use crate::kinds::llm::{Failure, retry_after, token};
use crate::kinds::mask::Mask;
use crate::kinds::scrub::Scrub;
use crate::kinds::whole::read_whole;
use crate::rejection::{Code, Rejection};
use crate::route::HttpRoute;
use crate::upstream::{AnswerBody, Pass, REST_LIMITED, REST_REFUSED, RequestBody};

/// A provider's answer.
pub struct Arrival {
    /// Its status.
    pub status: StatusCode,
    /// Those of its headers that the client sees.
    pub headers: HeaderMap,
    /// The length that its head has told, where its body comes as it was sent.
    pub length: Option<u64>,
    /// Its body.
    pub answer: Answered,
    /// What takes our secrets out of a body that flows.
    pub mask: Mask,
    /// Who gave it; none when the gateway did it itself.
    pub provider: Option<Arc<Provider>>,
    /// With which credential.
    pub credential: Option<Arc<Credential>>,
    /// The class of its error, if it is one.
    pub cause: Option<&'static str>,
}

impl Arrival {
    /// An answer that the gateway gives itself: JSON.
    pub(super) fn own(json: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self {
            status: StatusCode::OK,
            headers,
            length: None,
            answer: Answered::Whole(json.into()),
            mask: Mask::default(),
            provider: None,
            credential: None,
            cause: None,
        }
    }
}

/// A body, read or to be read.
pub enum Answered {
    /// All of it.
    Whole(Bytes),
    /// As it comes.
    Flow(AnswerBody),
}

/// Sends a call where its plan says.
pub async fn dispatch(
    exchange: &mut Exchange,
    settings: &GatewaySettings,
    key: &VirtualKey,
    call: &Call,
    plan: &Plan,
) -> Result<Arrival, Rejection> {
    match &call.route {
        HttpRoute::Files(path) => files::dispatch(exchange, settings, key, call, path, plan).await,
        HttpRoute::Responses(path) => responses::dispatch(exchange, settings, key, call, path, plan).await,
        HttpRoute::Through { path, .. } => {
            let step = plan.steps.first();
            let step = step.ok_or_else(|| Rejection::new(Code::Internal, "The plan had no step."))?;
            let mut arrival = send(exchange, settings, call, step, &call.query).await?;
            // Requests to models name it later.
            let begins_conversation = call.method == Method::POST && path == "/conversations";
            if begins_conversation && arrival.status.is_success() && knows_responses(&step.provider) {
                let said = files::whole(exchange, settings, &mut arrival).await?;
                files::seen::created(exchange, key, &arrival, ObjectKind::Conversation, "", &said).await?;
            }
            Ok(arrival)
        }
    }
}

fn knows_responses(provider: &Provider) -> bool {
    provider.endpoints.contains_key(&Dialect::OpenAiResponses)
}

/// Sends a call to one place, with this query.
pub(super) async fn send(
    exchange: &mut Exchange,
    settings: &GatewaySettings,
    call: &Call,
    step: &Step,
    query: &str,
) -> Result<Arrival, Rejection> {
    let mut last = None;
    for credential in step.credentials.iter().take(settings.max_attempts) {
        let deadline = exchange.started + step.provider.timeouts.total;
        let attempt = Attempt { settings, call, step, query, credential: credential.as_ref(), deadline };
        let began = Instant::now();
        exchange.trying = Some(attempt.trying(exchange, began));
        let result = attempt.run(exchange).await;
        attempt.note(exchange, &result);
        match result {
            Ok(arrival) => return Ok(arrival),
            Err(failure) => {
                // Without a token nothing was sent: another credential may have one.
                let unsent = failure.rejection.code == Code::UpstreamAuthFailed;
                last = Some(failure.rejection);
                if !unsent {
                    break;
                }
            }
        }
    }
    Err(last.unwrap_or_else(|| Rejection::new(Code::Internal, "The plan had no credential.")))
}

struct Attempt<'a> {
    settings: &'a GatewaySettings,
    call: &'a Call,
    step: &'a Step,
    query: &'a str,
    credential: Option<&'a Arc<Credential>>,
    deadline: Instant,
}

impl Attempt<'_> {
    async fn run(&self, exchange: &mut Exchange) -> Result<Arrival, Failure> {
        let provider = &self.step.provider;
        let (base, uri) = self.target()?;
        let own = self.credential.map(|credential| &**credential);
        let asked = Instant::now();
        let worker = Arc::clone(exchange.worker());
        let pass = match Pass::at_once(own, &worker.gateway.access_tokens) {
            Some(pass) => Ok(pass),
            None => token(&worker, provider, own, self.deadline).await,
        };
        exchange.waited += asked.elapsed();
        let pass = pass?;
        let body: Pieces = Pieces::from_iter([self.call.body.clone()]);
        let make = || {
            let mut request = http::Request::new(RequestBody::new(body.clone()));
            *request.method_mut() = self.call.method.clone();
            *request.uri_mut() = uri.clone();
            *request.headers_mut() = headers::to_upstream(&base.endpoint, provider, &self.call.headers);
            pass.put_on(&mut request, &body, SystemTime::now);
            request
        };
        let mut timeouts = provider.timeouts;
        timeouts.connect = self.remaining(timeouts.connect);
        timeouts.first_byte = self.remaining(timeouts.first_byte);
        let allowances = &worker.gateway.allowances;
        exchange.sent = own.map(|own| allowances.send(own, LOAD.deployment, LOAD.tokens));
        let asked = Instant::now();
        let reply = worker.pool.send(&base.endpoint, &timeouts, make).await;
        exchange.waited += asked.elapsed();
        let reply = reply.map_err(|error| Failure::unsent(&provider.name, &error))?;
        let (head, body) = AnswerBody::from_reply(&worker.pool, reply, self.settings.max_answer_bytes);
        if head.status.is_informational() || body.is_unreadable() {
            let why = "it switches protocols, or its content-encoding is not known";
            let message = format!("The answer of {} cannot be passed on: {why}.", provider.name);
            return Err(Failure::silent(Code::UpstreamInvalid, FailureClass::AnswerInvalid, message));
        }
        if let Some(sent) = &exchange.sent {
            allowances.tell(sent, (LOAD.deployment, LOAD.model), &head.headers);
        }
        self.rest(exchange, head.status, &head.headers, &pass);
        let scrub = Scrub::new(provider, self.credential, pass.token());
        let length = head.headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        // A body that is known to be empty is never asked for by the client's connection.
        let empty = matches!(head.status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT);
        let answer = if self.call.method == Method::HEAD {
            Answered::Whole(Bytes::new())
        } else if head.status.is_success() && !empty && length != Some(0) {
            Answered::Flow(body)
        } else {
            // Errors and redirects may repeat what they were told.
            Answered::Whole(scrub.bytes(self.whole(exchange, body).await?))
        };
        Ok(Arrival {
            status: head.status,
            headers: headers::to_client(&head.headers, &base.endpoint, &scrub),
            length,
            answer,
            mask: scrub.mask(),
            provider: Some(Arc::clone(provider)),
            credential: self.credential.map(Arc::clone),
            cause: cause(head.status),
        })
    }

    /// The URL: the base's path and then the call's as it was sent.
    fn target(&self) -> Result<(&Base, http::Uri), Failure> {
        let provider = &self.step.provider;
        let unsayable = |message: &str| Failure::unsayable(message.to_owned(), None);
        let base = provider.base.as_ref().ok_or_else(|| unsayable("The provider has no base URL."))?;
        let path =
            PlainPath::parse(&self.step.path).map_err(|fault| unsayable(&format!("The path {fault}.")))?;
        let query = query::without_ours(self.query, base, self.credential.map(|credential| &**credential));
        let target = base.target(path, &query);
        Ok((
            base,
            target.ok_or_else(|| unsayable("The query has characters that must be percent-encoded."))?.into(),
        ))
    }

    fn remaining(&self, most: Duration) -> Duration {
        most.min(self.deadline.saturating_duration_since(Instant::now()))
    }

    /// A credential that is refused or limited rests, but for calls like this alone.
    fn rest(&self, exchange: &Exchange, status: StatusCode, headers: &HeaderMap, pass: &Pass<'_>) {
        let gateway = &exchange.worker().gateway;
        let Some(credential) = self.credential else { return };
        let for_how_long = match status.as_u16() {
            401 => REST_REFUSED,
            429 => retry_after(headers).or_else(|| limited_for(429, headers)).unwrap_or(REST_LIMITED),
            _ => return,
        };
        if let (401, Some(token)) = (status.as_u16(), pass.token()) {
            gateway.access_tokens.forget(credential.id, token);
            return;
        }
        gateway.resting.rest(credential.id, Some(NO_MODEL), for_how_long);
    }

    /// Reads a whole body that is to be held.
    async fn whole(&self, exchange: &mut Exchange, body: AnswerBody) -> Result<Bytes, Failure> {
        let asked = Instant::now();
        let read = read_whole(&self.step.provider, self.settings, self.deadline, body).await;
        exchange.waited += asked.elapsed();
        read
    }

    fn trying(&self, exchange: &Exchange, began: Instant) -> Box<Trying> {
        let credential = self.credential.map(|credential| credential.label.to_string());
        let attempt = AttemptRecord {
            provider: self.step.provider.id.to_string(),
            model: String::new(),
            credential: credential.unwrap_or_default(),
            status: None,
            cause: None,
            started_us: micros(began.saturating_duration_since(exchange.started)),
            duration_us: 0,
            ..AttemptRecord::default()
        };
        Box::new(Trying { attempt, began, asked: Asked::default(), price: None })
    }

    fn note(&self, exchange: &mut Exchange, result: &Result<Arrival, Failure>) {
        let Some(trying) = exchange.trying.take() else { return };
        let Trying { mut attempt, began, .. } = *trying;
        (attempt.status, attempt.cause) = match result {
            Ok(arrival) => (Some(arrival.status.as_u16()), arrival.cause.map(str::to_owned)),
            Err(failure) => (failure.status, Some(failure.class.word().to_owned())),
        };
        attempt.duration_us = micros(began.elapsed());
        exchange.attempted(attempt);
    }
}

/// The class of an error answer, for the record.
fn cause(status: StatusCode) -> Option<&'static str> {
    match status.as_u16() {
        401 => Some("unauthorized"),
        403 => Some("forbidden"),
        404 => Some("not_found"),
        429 => Some("rate_limited"),
        400..500 => Some("bad_request"),
        500.. => Some("server_error"),
        _ => None,
    }
}
