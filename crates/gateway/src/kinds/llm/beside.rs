//! Calls beside the one that asks: pictures that are brought to a provider before it, and answers that go on at another
//! address. They belong to the try: with its credential, within its time, told in its record.
//!
//! In: a request with pictures that can only be named, or an answer that is only a beginning. Out: the request with their names,
//! or the answer. It asks the provider's own server, and of others only those that the provider's folder or the operator names.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use yumen_config::{Endpoint, FailureClass};
use yumen_llm::dialects::{Encoded, Onward, codec};
use yumen_llm::ir::{Content, OwnTools, Request};
use yumen_llm::json::Pieces;

use super::arrival::Reading;
use super::attempt::Try;
use super::classify::Failure;
use super::headers;
use crate::exchange::Exchange;
use crate::kinds::whole::read_whole;
use crate::rejection::Code;
use crate::upstream::{AnswerBody, Pass, RequestBody};

/// Most pictures that are brought for one request.
const BROUGHT_MOST: usize = 16;
/// How long an answer that is not ready is left alone, at first and at most.
const PAUSE_FIRST: Duration = Duration::from_millis(250);
const PAUSE_MOST: Duration = Duration::from_secs(4);

/// A response head and its body.
pub(super) type Reply = (StatusCode, HeaderMap, AnswerBody);

/// What is sent beside.
enum Sent {
    /// A form.
    Form(Bytes, HeaderValue),
    /// Nothing: an answer of this media type is fetched.
    Nothing(&'static str),
}

impl Try<'_> {
    /// Brings those pictures of a request that this provider takes only by name, and puts their names in their places.
    pub(super) async fn bring_pictures_first(
        &self,
        exchange: &mut Exchange,
        endpoint: &Endpoint,
        request: &mut Request,
    ) -> Result<(), Failure> {
        let codec = codec(self.step.dialect);
        let user = match request {
            Request::Chat(chat) => chat.user.clone(),
            _ => None,
        };
        let native_id = &self.step.deployment.model.native_id;
        let path = endpoint.upload_path.as_ref().and_then(|path| path.for_model(native_id));
        let Some(path) = path else { return Ok(()) };
        let mut pictures: Vec<(Content, Encoded)> = Vec::new();
        request.visit_contents(&mut |content| {
            let is_new = pictures.len() <= BROUGHT_MOST && pictures.iter().all(|(known, _)| known != content);
            if is_new && let Some(form) = codec.upload(content, user.as_deref()) {
                pictures.push((content.clone(), form));
            }
        });
        if pictures.len() > BROUGHT_MOST {
            let name = &self.step.provider().name;
            let message = format!(
                "{name} takes pictures one by one, and at most {BROUGHT_MOST} of a request are brought there."
            );
            return Err(Failure::unsayable(message, None));
        }
        for (content, form) in pictures {
            let id = self.bring(exchange, endpoint, &path, form).await?;
            request.visit_contents(&mut |other| {
                if *other == content {
                    other.name(id.clone());
                }
            });
        }
        Ok(())
    }

    /// Brings one picture; its name.
    async fn bring(
        &self,
        exchange: &mut Exchange,
        endpoint: &Endpoint,
        path: &PathAndQuery,
        form: Encoded,
    ) -> Result<String, Failure> {
        let kind = form.boundary.as_deref().and_then(headers::form).ok_or_else(|| self.not_told())?;
        let (pass, _) = self.pass(exchange).await?;
        let sent = Sent::Form(form.body.into(), kind);
        let (status, headers, body) = self.ask_beside(exchange, (endpoint, path), sent, &pass).await?;
        let said = self.whole_beside(exchange, body).await?;
        let codec = codec(self.step.dialect);
        let refused = codec.status_within(&said).filter(|_| status.is_success());
        if !status.is_success() || refused.is_some() {
            let reading = self.reading(Instant::now(), &headers, &pass);
            let status = refused.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(status);
            let failure = reading.refused(status, AnswerBody::memory(vec![said])).await;
            return Err(self.without_token(failure, &pass, exchange.worker()));
        }
        codec.uploaded(&said).ok_or_else(|| self.not_told())
    }

    fn not_told(&self) -> Failure {
        let message =
            format!("The answer of {} tells no id of a picture that was brought.", self.step.provider().name);
        Failure::silent(Code::UpstreamInvalid, FailureClass::AnswerInvalid, message)
    }

    /// The answer to which a first one leads; that one itself, where it leads nowhere.
    pub(super) async fn follow(
        &self,
        exchange: &mut Exchange,
        endpoint: &Endpoint,
        pass: &Pass<'_>,
        (mut status, mut headers, mut body): Reply,
    ) -> Result<Reply, Failure> {
        let codec = codec(self.step.dialect);
        let mut pause = PAUSE_FIRST;
        while status.is_success() && headers::is_json(&headers) {
            let said = self.whole_beside(exchange, body).await?;
            body = AnswerBody::memory(vec![said.clone()]);
            let (address, accept, is_later) = match codec.leads_on(&said, self.asks_stream()) {
                None => break,
                Some(Onward::Stream(address)) => (address, codec.outline().framing.media_type(), false),
                Some(Onward::Later(address)) => (address, "application/json", true),
            };
            let (place, path) = endpoint.led(&address).ok_or_else(|| self.led_astray())?;
            if is_later {
                let now = Instant::now();
                // What is not ready in time is told as it is.
                if now + pause >= self.deadline {
                    break;
                }
                tokio::time::sleep(pause).await;
                exchange.waited += now.elapsed();
                pause = (pause * 2).min(PAUSE_MOST);
            }
            (status, headers, body) =
                self.ask_beside(exchange, (place, &path), Sent::Nothing(accept), pass).await?;
            if !is_later {
                break;
            }
        }
        Ok((status, headers, body))
    }

    fn led_astray(&self) -> Failure {
        let provider = self.step.provider();
        let message = format!(
            "The answer of {} leads to an address that is not allowed: name its place in `providers.{}.dialects.{}.leads_to`.",
            provider.name,
            provider.id,
            codec(self.step.dialect).outline().name
        );
        Failure::silent(Code::UpstreamInvalid, FailureClass::AnswerInvalid, message)
    }

    async fn whole_beside(&self, exchange: &mut Exchange, body: AnswerBody) -> Result<Bytes, Failure> {
        let asked = Instant::now();
        let said = read_whole(self.step.provider(), self.settings, self.deadline, body).await;
        exchange.waited += asked.elapsed();
        said
    }

    /// Sends one call.
    async fn ask_beside(
        &self,
        exchange: &mut Exchange,
        (place, path): (&Endpoint, &PathAndQuery),
        sent: Sent,
        pass: &Pass<'_>,
    ) -> Result<Reply, Failure> {
        let mut headers = place.headers.clone();
        let (method, body, accept) = match sent {
            Sent::Form(form, kind) => {
                headers.insert(header::CONTENT_TYPE, kind);
                (Method::POST, Pieces::from_iter([form]), "application/json")
            }
            Sent::Nothing(accept) => {
                headers.remove(header::CONTENT_TYPE);
                (Method::GET, Pieces::new(), accept)
            }
        };
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        let make = || {
            let mut request = http::Request::new(RequestBody::new(body.clone()));
            *request.method_mut() = method.clone();
            *request.uri_mut() = path.clone().into();
            *request.headers_mut() = headers.clone();
            pass.put_on(&mut request, &body, SystemTime::now);
            request
        };
        self.sent(exchange, place, make).await
    }

    /// What reads an answer that is not yet the one to the request.
    fn reading<'r>(&'r self, sent: Instant, headers: &'r HeaderMap, pass: &Pass<'_>) -> Reading<'r> {
        Reading {
            attempt: self,
            sent,
            headers,
            withhold_usage: false,
            token: pass.token().cloned(),
            own_tools: OwnTools::default(),
            keep: None,
            lossy: &[],
        }
    }
}
