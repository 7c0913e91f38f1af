//! The life of a request on one screen: nine stages, called in order, and the one place that turns an error into
//! a response.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version, header, request};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use yumen_config::{Snapshot, VirtualKey};
use yumen_llm::dialects::{Dialect, codec};
use yumen_llm::skins::openrouter::{self, ErrorContext};
use yumen_telemetry::Outcome;

use crate::answers;
use crate::body::Body;
use crate::exchange::{EXPLAIN, Exchange};
use crate::kinds::http;
use crate::kinds::llm::{self, Answer};
use crate::rejection::{Code, Origin, Rejection};
use crate::route::{HttpRoute, LlmRoute, Route, Skin, Surface, Task};
use crate::stages;
use crate::worker::{Gateway, Worker};

/// The stages in their order; ARCHITECTURE.md and the concepts page are compared with it.
pub const STAGES: [&str; 9] =
    ["route", "identify", "decode", "admit", "inspect", "resolve", "dispatch", "relay", "record"];

/// How much of a refused request's body is read and dropped, and for how long: a connection closed over unread
/// bytes is reset, and most clients send their whole body before they look for an answer.
const UNREAD_BYTES_MOST: usize = 64 << 20;
const UNREAD_TIME_MOST: Duration = Duration::from_secs(2);

/// Answers one request; `two_lengths` says that its head told the body's length in two ways.
pub async fn answer(worker: Arc<Worker>, request: Request<Incoming>, two_lengths: bool) -> Response<Body> {
    let (head, mut body) = request.into_parts();
    let snapshot = worker.gateway.snapshot.load_full();
    let mut exchange = Box::new(Exchange::open(&worker));
    exchange.explains = llm::asks(&head.headers, EXPLAIN.as_str());
    let route = if two_lengths { Err(conflicting_lengths()) } else { stages::route(&head) };
    let answered = match route {
        // Boxed, so that a stream does not keep the room that its beginning needed.
        Ok(Route::Llm(route)) => {
            match Box::pin(serve(&mut exchange, &snapshot, route, &head, &mut body)).await {
                // relay owns the exchange from here on; record runs when the answer's last byte is released.
                Ok((call, arrival)) => Ok(llm::relay(exchange, call, arrival)),
                Err(rejection) => Err((exchange, rejection)),
            }
        }
        Ok(Route::Http(route)) => {
            match Box::pin(serve_through(&mut exchange, &snapshot, route, &head, &mut body)).await {
                Ok(arrival) => Ok(http::relay(exchange, arrival)),
                Err(rejection) => Err((exchange, rejection)),
            }
        }
        Ok(local) => {
            exchange.discard();
            let answered = answers::answer(&worker, &snapshot, &local, &head, &mut body).await;
            let headers = stamp(&mut exchange);
            answered.map(|answer| answer.with(headers)).map_err(|rejection| (exchange, rejection))
        }
        Err(rejection) => {
            exchange.discard();
            Err((exchange, rejection))
        }
    };
    let answer = answered.unwrap_or_else(|(exchange, rejection)| {
        leave_unread(&head, body, &rejection);
        refuse(exchange, &head, rejection)
    });
    let mut response = Response::new(answer.body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

/// The stages up to the first content.
async fn serve(
    exchange: &mut Exchange,
    snapshot: &Arc<Snapshot>,
    route: LlmRoute,
    head: &request::Parts,
    body: &mut Incoming,
) -> Result<(Box<llm::Call>, Box<llm::Arrival>), Rejection> {
    let worker = Arc::clone(exchange.worker());
    let gateway = &worker.gateway;
    exchange.routed(&route);
    takes_work(gateway)?;
    let consumer = stages::identify(gateway, snapshot, &head.headers, &head.uri)?;
    exchange.identified(&consumer);
    let call = llm::decode(exchange, snapshot, route, head, body).await?;
    exchange.record.model_requested.clone_from(&call.model);
    exchange.record.streamed = call.stream;
    llm::permit_nested(&consumer, &call)?;
    let mut call = llm::chosen(snapshot, &consumer, call, &head.headers)?;
    call.decide_healing(snapshot, &consumer);
    exchange.permit = Some(stages::admit(gateway, snapshot, &consumer, call.to_permit(&consumer))?);
    let settings = &snapshot.gateway;
    let call = llm::recall(exchange, settings, &consumer, call).await?;
    let call = stages::inspect(call)?;
    let looked = look(exchange, snapshot, &consumer, &call, head).await;
    exchange.chosen(looked.record(&call));
    let mut call = looked.obeyed(snapshot, call)?;
    let plan = llm::choose(&worker, snapshot, &consumer, &looked.ask(snapshot, &call, &head.headers))?;
    exchange.chosen(plan.decision.record(looked.record(&call)));
    call.rescue = llm::Rescue::of(&call, &plan);
    if let Some(arrival) = llm::dry_run(snapshot, &call, &head.headers, &looked, &plan) {
        return Ok((call, arrival));
    }
    if let Some(arrival) = llm::load(exchange, &call, &plan) {
        return Ok((call, arrival));
    }
    let call = llm::drawn(exchange, snapshot, &consumer, call, &plan, &looked, &head.headers);
    let arrival = match call.task {
        Task::Generate | Task::Converse => {
            llm::dispatch(exchange, settings, &call, &plan, &head.headers).await?
        }
        Task::CountTokens | Task::Explain => {
            Box::pin(llm::count_tokens(exchange, settings, &call, &plan, &head.headers)).await?
        }
    };
    if let Some(job) = llm::job(exchange, &call, &arrival)? {
        // Rare, so that it takes no room in the many exchanges that end with their answer.
        Box::pin(llm::remember(exchange, &consumer, &call, job)).await?;
    }
    let arrival = llm::keep(exchange, settings, &call, arrival).await;
    let arrival = llm::Prospect::keep(settings, plan, &head.headers, arrival);
    Ok((call, arrival))
}

/// The rule that decides, if one does. Only where one wants to know what the message is about does a request wait.
async fn look<'s>(
    exchange: &mut Exchange,
    snapshot: &'s Snapshot,
    consumer: &VirtualKey,
    call: &llm::Call,
    head: &request::Parts,
) -> llm::Looked<'s> {
    if snapshot.rules.list.is_empty() {
        return llm::Looked::default();
    }
    let drawn = exchange.worker().below(llm::PARTS);
    let mut looked = llm::look(snapshot, &llm::Request::new(call, consumer, head, drawn, None));
    if looked.wants_category {
        let category = Box::pin(llm::category(exchange, snapshot, consumer, call)).await;
        looked = llm::look(snapshot, &llm::Request::new(call, consumer, head, drawn, Some(&category)));
        looked.category = Some(category);
    }
    for (rule, why) in &looked.failed {
        exchange.worker().gateway.rule_faults.note(rule, why, Instant::now());
    }
    looked
}

/// The same for a call that goes through as it is. What its head alone tells is looked at before its body is read.
async fn serve_through(
    exchange: &mut Exchange,
    snapshot: &Snapshot,
    route: HttpRoute,
    head: &request::Parts,
    body: &mut Incoming,
) -> Result<http::Arrival, Rejection> {
    let worker = Arc::clone(exchange.worker());
    let gateway = &worker.gateway;
    exchange.routed_through(&route);
    takes_work(gateway)?;
    let consumer = stages::identify(gateway, snapshot, &head.headers, &head.uri)?;
    exchange.identified(&consumer);
    http::permit(snapshot, &consumer, &head.method, &route)?;
    let call = http::decode(exchange, &snapshot.gateway, route, head, body).await?;
    exchange.permit = Some(stages::admit(gateway, snapshot, &consumer, std::iter::empty())?);
    let call = stages::inspect(call)?;
    let plan = http::resolve(&worker, snapshot, &consumer, &call).await?;
    http::dispatch(exchange, &snapshot.gateway, &consumer, &call, &plan).await
}

fn takes_work(gateway: &Gateway) -> Result<(), Rejection> {
    if gateway.draining.load(Ordering::Relaxed) {
        let message = "The gateway is stopping and takes no new work.";
        return Err(Rejection::new(Code::Draining, message).retry_after(1));
    }
    Ok(())
}

fn conflicting_lengths() -> Rejection {
    let message = "The head has both a content-length and a transfer-encoding; the connection is closed.";
    Rejection::new(Code::ConflictingLengths, message)
}

/// Reads and drops what is left of a refused request's body while the answer goes out. A client that waits to be
/// asked for its body has sent none, and HTTP/2 can end one request alone.
fn leave_unread(head: &request::Parts, mut body: Incoming, rejection: &Rejection) {
    let asked_for =
        || rejection.code == Code::BodyTooLarge && !head.headers.contains_key(header::CONTENT_LENGTH);
    let waits = head.headers.contains_key(header::EXPECT) && !asked_for();
    if body.is_end_stream() || waits || head.version > Version::HTTP_11 {
        return;
    }
    tokio::spawn(tokio::time::timeout(UNREAD_TIME_MOST, async move {
        let mut left = UNREAD_BYTES_MOST;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, bytes::Bytes::len);
            let Some(rest) = left.checked_sub(length) else { return };
            left = rest;
        }
    }));
}

/// Says a rejection in the client's dialect and closes the exchange.
fn refuse(mut exchange: Box<Exchange>, head: &request::Parts, rejection: Rejection) -> Answer {
    let surface = Surface::of(head);
    let row = rejection.code.row();
    let upstream = rejection.upstream.as_deref();
    exchange.record.status = rejection.status;
    exchange.record.error_code = Some(upstream.map_or(row.name, |said| said.cause).to_owned());
    exchange.record.provider = upstream.map(|said| said.provider.to_string());
    if let Some(cause) = &rejection.cause {
        tracing::warn!(id = exchange.record.id, code = row.name, cause, "{}", rejection.message);
    }
    let facts = rejection.facts(&exchange.record.id);
    let body = match (surface.skin, upstream.and_then(|said| said.body.clone())) {
        (Skin::OpenRouter, said) if surface.dialect != Dialect::AnthropicMessages => {
            let raw = said.as_deref().map(String::from_utf8_lossy);
            let provider = upstream.map(|said| &*said.provider);
            let context = ErrorContext { provider, raw: raw.as_deref() };
            openrouter::error(&facts, &context).into()
        }
        (_, Some(body)) => body,
        (_, None) => codec(surface.dialect).encode_error(&facts).into(),
    };
    let mut headers = stamp(&mut exchange);
    if let Some(said) = upstream {
        headers.extend(said.headers.clone());
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(seconds) = rejection.retry_after_s {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    match rejection.code {
        Code::MethodNotAllowed => drop(headers.insert(header::ALLOW, stages::allowed(head.uri.path()))),
        Code::MissingKey | Code::InvalidKey => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"yumen\""));
        }
        Code::UpgradeRequired => {
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        Code::Draining | Code::ConflictingLengths => {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
    let refused = row.origin == Origin::Client || rejection.status == 503;
    exchange.close(match rejection.code {
        Code::ClientGone => Outcome::ClientGone,
        _ if upstream.is_some() || !refused => Outcome::Failed,
        _ => Outcome::Refused,
    });
    let status = StatusCode::from_u16(rejection.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Answer { status, headers, body: Body::full(body) }
}

/// The headers that every response carries.
fn stamp(exchange: &mut Exchange) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    exchange.stamp(&mut headers);
    headers
}
