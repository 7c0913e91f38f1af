//! One try to open a session at a deployment: encode, sign, send, and take the connection over when it is switched.

use std::time::{Instant, SystemTime};

use http::{Request, StatusCode, header};
use smallvec::SmallVec;
use yumen_config::{Endpoint, FailureClass, RequestPath, encoded};
use yumen_llm::ir::OwnTools;
use yumen_llm::json::Pieces;

use super::opening::Opening;
use crate::exchange::Exchange;
use crate::kinds::llm::arrival::{Arrival, Arrived, Earlier, Reading};
use crate::kinds::llm::attempt::Try;
use crate::kinds::llm::classify::Failure;
use crate::kinds::llm::headers;
use crate::kinds::scrub::Scrub;
use crate::rejection::Code;
use crate::upstream::{AnswerBody, Pass, RequestBody, Switched};
use crate::websocket::{self, Nonce};

impl Try<'_> {
    /// Asks for a session.
    pub(in crate::kinds::llm) async fn open_session(
        &self,
        exchange: &mut Exchange,
        endpoint: &Endpoint,
        opening: &Opening,
    ) -> Result<Box<Arrival>, Failure> {
        let (pass, sent) = self.pass(exchange).await?;
        let provider = self.step.provider();
        let nonce = Nonce::fresh().map_err(|error| {
            let message = "There is no random number to be had.".to_owned();
            let mut failure = Failure::silent(Code::Internal, FailureClass::NotConvertible, message);
            failure.rejection = failure.rejection.cause(error);
            failure
        })?;
        let request = self.asking(endpoint, opening, &nonce, &pass)?;
        let mut timeouts = provider.timeouts;
        timeouts.connect = self.remaining(timeouts.connect);
        timeouts.first_byte = self.remaining(timeouts.first_byte);
        self.count(exchange);
        let switched = exchange.worker().pool.switch(endpoint, &timeouts, request).await;
        exchange.waited += sent.elapsed();
        let (head, tunnel) = match switched.map_err(|error| Failure::unsent(&provider.name, &error))? {
            Switched::Over(head, tunnel) => (head, tunnel),
            Switched::Refused(head, said) => {
                let failure = self.no_session(head.status, &head.headers, said, &pass, sent).await;
                return Err(self.without_token(failure, &pass, exchange.worker()));
            }
        };
        let protocol = head.headers.get(websocket::PROTOCOL);
        let is_offered = protocol.is_none_or(|protocol| opening.has_offered(protocol));
        if !nonce.is_confirmed(&head.headers) || !is_offered {
            return Err(self.invalid_session("its handshake is not the standard's"));
        }
        let scrub = Scrub::new(&self.step.deployment.provider, self.credential, pass.token());
        Ok(Box::new(Arrival {
            status: head.status,
            headers: head.headers,
            dialect: self.step.dialect,
            step: Some(self.step.clone()),
            credential: self.credential.cloned(),
            answer: Arrived::Session(tunnel, scrub),
            lossy: Vec::new(),
            dress: None,
            keep: None,
            remembering: None,
            prospect: None,
            earlier: Earlier::default(),
        }))
    }

    fn asking(
        &self,
        endpoint: &Endpoint,
        opening: &Opening,
        nonce: &Nonce,
        pass: &Pass<'_>,
    ) -> Result<Request<RequestBody>, Failure> {
        let mut request = Request::new(RequestBody::new(Pieces::new()));
        *request.uri_mut() = self.session_uri(endpoint, opening)?;
        let mut headers =
            headers::to_upstream(endpoint, self.step.dialect, Some(self.client_headers), self.call, None);
        headers.remove(header::CONTENT_TYPE);
        websocket::beginning(nonce, &mut headers);
        if let Some(protocols) = opening.protocols() {
            headers.insert(websocket::PROTOCOL, protocols);
        }
        *request.headers_mut() = headers;
        pass.put_on(&mut request, &SmallVec::new(), SystemTime::now);
        Ok(request)
    }

    /// The path with the provider's own name of the model. A session for transcripts names its model later, and a provider
    /// takes none before.
    fn session_uri(&self, endpoint: &Endpoint, opening: &Opening) -> Result<http::Uri, Failure> {
        let native_id = &self.step.deployment.model.native_id;
        let has_place = matches!(endpoint.path, RequestPath::OfModel { .. });
        let path = endpoint.path.for_model(native_id).map(|path| path.as_str().to_owned());
        let uri = path.and_then(|mut target| {
            let mut add = |name: &str, value: &str| {
                target.push(if target.contains('?') { '&' } else { '?' });
                target.push_str(&format!("{name}={}", encoded(value)));
            };
            match (opening.transcribes, has_place) {
                (true, _) => add("intent", "transcription"),
                (false, false) => add("model", native_id),
                (false, true) => {}
            }
            target.try_into().ok()
        });
        uri.ok_or_else(|| {
            let name = &self.step.provider().name;
            let message = format!("{name} has no place for a session and the model `{native_id}`.");
            Failure::unsayable(message, None)
        })
    }

    async fn no_session(
        &self,
        status: StatusCode,
        headers: &http::HeaderMap,
        said: bytes::Bytes,
        pass: &Pass<'_>,
        sent: Instant,
    ) -> Failure {
        if status.is_success() || status.is_informational() {
            return self.invalid_session("it does not switch to a WebSocket");
        }
        let token = pass.token().cloned();
        let own_tools = OwnTools::default();
        let reading = Reading {
            attempt: self,
            sent,
            headers,
            withhold_usage: false,
            token,
            own_tools,
            keep: None,
            lossy: &[],
        };
        reading.refused(status, AnswerBody::memory(vec![said])).await
    }

    fn invalid_session(&self, why: &str) -> Failure {
        let message = format!("The answer of {} could not be read: {why}.", self.step.provider().name);
        Failure::silent(Code::UpstreamInvalid, FailureClass::AnswerInvalid, message)
    }
}
