//! A client that shows a test everything: one connection for each request, heads, frames and events as they come.
//!
//! In: an address and what to send. Out: answers. A broken transport panics with what was asked, except where a test
//! wants to see the break itself ([`Incoming::next_frame`], [`Client::try_send`]).

mod event;
mod raw;
mod session;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming as Body;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpStream;

pub use event::Event;
use event::Form;
pub use raw::raw_exchange;
pub use session::Talk;

use crate::patience::{PATIENCE, within};

/// Whom to ask and with which headers.
#[derive(Debug, Clone)]
pub struct Client {
    address: SocketAddr,
    headers: HeaderMap,
    http2: bool,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body, not decoded.
    pub body: Bytes,
}

/// An answer that is still coming. Dropping it closes the connection.
#[derive(Debug)]
pub struct Incoming {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    body: Body,
    pending: BytesMut,
}

impl Client {
    /// A client without a key.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, headers: HeaderMap::new(), http2: false }
    }

    /// The same in HTTP/2, without TLS and without asking first.
    pub fn http2(self) -> Self {
        Self { http2: true, ..self }
    }

    /// The same with a virtual key as a bearer token.
    pub fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    /// The same with one more header (or another value for it).
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("a header name");
        self.headers.insert(name, HeaderValue::from_str(value).expect("a header value"));
        self
    }

    /// `GET` of a path.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, Bytes::new()).await
    }

    /// `POST` of a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, body.to_string()).await
    }

    /// Any request, to its whole answer.
    pub async fn send(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Answer {
        self.begin(method, path, body).await.collect().await
    }

    /// `POST` of a JSON body, giving the answer as soon as its head is there.
    pub async fn open(&self, path: &str, body: &Value) -> Incoming {
        self.begin(Method::POST, path, body.to_string()).await
    }

    /// Any request, to the head of its answer.
    pub async fn begin(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Incoming {
        let what = format!("{method} {path}");
        within(&what, self.request(method, path, body.into()))
            .await
            .unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// Any request; `None` when there was no whole answer (refused, reset, cut off, or nothing in time).
    pub async fn try_send(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Option<Answer> {
        let whole = async { self.request(method, path, body.into()).await.ok()?.try_collect().await };
        tokio::time::timeout(PATIENCE, whole).await.ok().flatten()
    }

    async fn request(&self, method: Method, path: &str, body: Bytes) -> Result<Incoming, String> {
        let stream = TcpStream::connect(self.address).await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let mut request = Request::builder().method(method);
        request = match self.http2 {
            true => request.uri(format!("http://{}{path}", self.address)),
            false => request.uri(path).header("host", self.address.to_string()),
        };
        if !body.is_empty() && !self.headers.contains_key("content-type") {
            request = request.header("content-type", "application/json");
        }
        let mut request = request.body(Full::new(body)).map_err(|error| error.to_string())?;
        request.headers_mut().extend(self.headers.clone());
        let answer = self.exchange(TokioIo::new(stream), request).await.map_err(|error| error.to_string())?;
        let (head, body) = answer.into_parts();
        Ok(Incoming { status: head.status.as_u16(), headers: head.headers, body, pending: BytesMut::new() })
    }

    async fn exchange(
        &self,
        io: TokioIo<TcpStream>,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Body>> {
        if self.http2 {
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
            tokio::spawn(connection);
            return sender.send_request(request).await;
        }
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
        tokio::spawn(connection);
        sender.send_request(request).await
    }
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).expect("a body in UTF-8")
    }

    /// A header's value, empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a readable header"))
    }

    /// The body as the events, or lines, of a stream.
    pub fn events(&self) -> Vec<Event> {
        let (form, mut pending) = (Form::of(&self.headers), BytesMut::from(self.body.as_ref()));
        let mut events = Vec::new();
        while let Some(event) = event::next(form, &mut pending) {
            events.push(event);
        }
        assert!(pending.is_empty(), "the stream ends within an event: {pending:?}");
        events
    }

    /// Panics unless the status is this one; shows the body.
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "body: {}", String::from_utf8_lossy(&self.body));
        self
    }
}

impl Incoming {
    /// The next piece of the body; `None` at its end, an error when it broke off.
    pub async fn next_frame(&mut self) -> Option<Result<Bytes, String>> {
        loop {
            let frame = within("the next piece of an answer", self.body.frame()).await?;
            match frame {
                Ok(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Some(Ok(data));
                    }
                }
                Err(error) => return Some(Err(error.to_string())),
            }
        }
    }

    /// The next event or line; `None` at the end of the body. Panics when the body breaks off.
    pub async fn next_event(&mut self) -> Option<Event> {
        let form = Form::of(&self.headers);
        loop {
            if let Some(event) = event::next(form, &mut self.pending) {
                return Some(event);
            }
            match self.next_frame().await {
                Some(Ok(data)) => self.pending.extend_from_slice(&data),
                Some(Err(error)) => panic!("the stream broke off: {error}"),
                None => return None,
            }
        }
    }

    /// Whether the next event has come within this time.
    pub async fn has_event_within(&mut self, time: Duration) -> bool {
        let form = Form::of(&self.headers);
        loop {
            if event::complete(form, &self.pending) {
                return true;
            }
            match tokio::time::timeout(time, self.next_frame()).await {
                Ok(Some(Ok(data))) => self.pending.extend_from_slice(&data),
                _ => return false,
            }
        }
    }

    /// The rest of the answer.
    pub async fn collect(self) -> Answer {
        within("the rest of an answer", self.try_collect()).await.expect("a whole answer")
    }

    /// The rest of the answer; `None` when it breaks off.
    pub async fn try_collect(self) -> Option<Answer> {
        let rest = self.body.collect().await.ok()?.to_bytes();
        let mut body = self.pending;
        body.extend_from_slice(&rest);
        Some(Answer { status: self.status, headers: self.headers, body: body.freeze() })
    }
}
