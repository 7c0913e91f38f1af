//! One worker's connections to providers, and the sending of one request.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::error::Error as _;
use std::future::{Future as _, poll_fn};
use std::io::ErrorKind;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use foldhash::HashMap;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::coop::unconstrained;
use yumen_config::{Endpoint, Scheme, Timeouts};
use yumen_llm::json::Pieces;

use super::connect::{Stream, connect};
use crate::gauges::Gauges;

/// A body up to this size is sent in one piece.
const SMALL_BODY_BYTES: u64 = 2048;
/// Idle connections kept for one endpoint by one worker.
const IDLE_MOST: usize = 64;
/// An idle connection older than this is not used again: many servers close theirs after a minute.
const IDLE_AGE: Duration = Duration::from_secs(45);
/// A used connection that breaks within this time was closed before the request came; one that breaks later may
/// have been at work on it.
const STALE_MOST: Duration = Duration::from_secs(1);

type Connection = http1::Connection<TokioIo<Stream>, RequestBody>;
type Key = (Scheme, Arc<str>, u16);

/// One worker's connections.
pub struct Pool {
    idle: Mutex<HashMap<Key, VecDeque<(Line, Instant)>>>,
    gauges: Arc<Gauges>,
    stale_most: Duration,
}

/// In which phase a try failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Name, TCP or TLS.
    Connect,
    /// From the request sent to the response head.
    FirstByte,
}

/// A request got no response head.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No connection.
    #[error("connect: {0}")]
    Connect(#[source] std::io::Error),
    /// The time-out of this phase.
    #[error("timed out: {0:?}")]
    Timeout(Phase),
    /// The connection broke, or what came was not HTTP.
    #[error("{0}")]
    Broken(#[source] hyper::Error),
}

/// A request got no response head, and whether any of it was written.
struct Missed {
    error: SendError,
    unsent: bool,
}

impl Missed {
    /// Whether the peer closed the connection, as far as can be told.
    fn is_closed(&self) -> bool {
        let SendError::Broken(error) = &self.error else { return false };
        let closed = |kind| {
            matches!(
                kind,
                ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::BrokenPipe
                    | ErrorKind::NotConnected
                    // TLS that ends without a word.
                    | ErrorKind::UnexpectedEof
            )
        };
        let cause = error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>());
        error.is_incomplete_message() || cause.is_some_and(|cause| closed(cause.kind()))
    }
}

/// A response head, its body and the connection it comes on.
pub struct Reply {
    /// Status and headers.
    pub head: http::response::Parts,
    /// The body as it comes.
    pub body: Incoming,
    /// Takes the connection back when the body has ended.
    pub lease: Lease,
}

/// A connection that is in use.
pub struct Lease {
    key: Key,
    line: Line,
}

impl Lease {
    /// Moves the connection on; to be called whenever its body has nothing to give.
    pub fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.line.connection, cx);
    }
}

/// A connection and the state machine that reads and writes it. The exchange that uses it drives it: no other task
/// has to be woken, and what one read brings reaches the client in one write.
struct Line {
    sender: http1::SendRequest<RequestBody>,
    connection: Option<Pin<Box<Connection>>>,
    gauges: Arc<Gauges>,
}

impl Line {
    fn new(sender: http1::SendRequest<RequestBody>, connection: Connection, gauges: &Arc<Gauges>) -> Self {
        gauges.upstream_open.fetch_add(1, Ordering::Relaxed);
        Self { sender, connection: Some(Box::pin(connection)), gauges: Arc::clone(gauges) }
    }

    /// Whether it can carry another request now. Nobody is to be woken: whoever takes it drives it next.
    fn is_ready(&mut self) -> bool {
        let cx = &mut Context::from_waker(Waker::noop());
        drive(&mut self.connection, cx);
        self.connection.is_some() && matches!(self.sender.poll_ready(cx), Poll::Ready(Ok(())))
    }
}

fn drive(slot: &mut Option<Pin<Box<Connection>>>, cx: &mut Context<'_>) {
    let Some(connection) = slot else { return };
    if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
        if let Err(error) = ended {
            tracing::debug!(%error, "an upstream connection ended");
        }
        *slot = None;
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.gauges.upstream_open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    /// An empty pool.
    pub fn new(gauges: Arc<Gauges>) -> Self {
        Self { idle: Mutex::default(), gauges, stale_most: STALE_MOST }
    }

    pub(super) fn gauges(&self) -> &Arc<Gauges> {
        &self.gauges
    }

    /// Sends one request and waits for the response head. A connection that turns out to have been closed
    /// while it was idle is replaced by a fresh one, once; what an upstream may have begun to serve is not sent again.
    pub async fn send(
        &self,
        endpoint: &Endpoint,
        timeouts: &Timeouts,
        make: impl Fn() -> http::Request<RequestBody>,
    ) -> Result<Reply, SendError> {
        let key = (endpoint.scheme, Arc::clone(&endpoint.host), endpoint.port);
        let mut first_byte = timeouts.first_byte;
        if let Some(line) = self.checkout(&key) {
            let sent = Instant::now();
            match self.exchange(key.clone(), line, first_byte, make()).await {
                Ok(reply) => return Ok(reply),
                Err(missed) => {
                    let elapsed = sent.elapsed();
                    let is_stale = missed.is_closed() && elapsed < self.stale_most;
                    if !missed.unsent && !is_stale {
                        return Err(missed.error);
                    }
                    tracing::debug!(error = %missed.error, "an idle connection was closed; taking a fresh one");
                    first_byte = first_byte.saturating_sub(elapsed);
                }
            }
        }
        // Rare, so that it takes no room in the exchanges that find a connection.
        let line = Box::pin(self.open(endpoint, timeouts.connect)).await?;
        self.exchange(key, line, first_byte, make()).await.map_err(|missed| missed.error)
    }

    /// Takes a connection back whose answer has been read to its end.
    pub fn give_back(&self, lease: Lease) {
        if lease.line.connection.is_none() || lease.line.sender.is_closed() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = idle.entry(lease.key).or_default();
        if queue.len() >= IDLE_MOST {
            queue.pop_front();
            self.gauges.upstream_idle.fetch_sub(1, Ordering::Relaxed);
        }
        queue.push_back((lease.line, Instant::now()));
        self.gauges.upstream_idle.fetch_add(1, Ordering::Relaxed);
    }

    /// Closes connections that have been idle for long.
    pub fn sweep(&self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut closed = 0;
        for queue in idle.values_mut() {
            let before = queue.len();
            queue.retain(|(_, since)| since.elapsed() < IDLE_AGE);
            closed += before - queue.len();
        }
        idle.retain(|_, queue| !queue.is_empty());
        self.gauges.upstream_idle.fetch_sub(i64::try_from(closed).unwrap_or(0), Ordering::Relaxed);
    }

    /// The connection used last that is still good.
    fn checkout(&self, key: &Key) -> Option<Line> {
        loop {
            let (mut line, since) = {
                let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                idle.get_mut(key).and_then(VecDeque::pop_back)?
            };
            self.gauges.upstream_idle.fetch_sub(1, Ordering::Relaxed);
            if since.elapsed() < IDLE_AGE && line.is_ready() {
                return Some(line);
            }
        }
    }

    async fn open(&self, endpoint: &Endpoint, timeout: Duration) -> Result<Line, SendError> {
        let dial = async {
            let stream = connect(endpoint).await.map_err(SendError::Connect)?;
            let (sender, connection) = http1::Builder::new()
                .ignore_invalid_headers_in_responses(true)
                .handshake(TokioIo::new(stream))
                .await
                .map_err(SendError::Broken)?;
            Ok(Line::new(sender, connection, &self.gauges))
        };
        tokio::time::timeout(timeout, dial).await.map_err(|_| SendError::Timeout(Phase::Connect))?
    }

    async fn exchange(
        &self,
        key: Key,
        mut line: Line,
        timeout: Duration,
        request: http::Request<RequestBody>,
    ) -> Result<Reply, Missed> {
        // Only the connection, driven here, can complete it: it need not wake this task. Without a budget either, for
        // a budget that is used up is told through the waker too.
        let mut response = pin!(unconstrained(line.sender.try_send_request(request)));
        let answered = poll_fn(|cx| {
            drive(&mut line.connection, cx);
            response.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        });
        let response = tokio::time::timeout(timeout, answered)
            .await
            .map_err(|_| Missed { error: SendError::Timeout(Phase::FirstByte), unsent: false })?
            .map_err(|error| Missed {
                unsent: error.message().is_some(),
                error: SendError::Broken(error.into_error()),
            })?;
        let (head, body) = response.into_parts();
        Ok(Reply { head, body, lease: Lease { key, line } })
    }
}

/// A request body in pieces of known length. It is moved some ten times on its way to the socket, so it is small.
pub struct RequestBody {
    first: Option<Bytes>,
    rest: std::vec::IntoIter<Bytes>,
    left: u64,
}

impl RequestBody {
    /// A body of these pieces.
    pub fn new(pieces: Pieces) -> Self {
        let left = pieces.iter().map(|piece| piece.len() as u64).sum();
        // Copying a small body costs less than handing its pieces to the socket one by one.
        if pieces.len() > 1 && left <= SMALL_BODY_BYTES {
            let first = Some(Bytes::from(pieces.concat()));
            return Self { first, rest: Vec::new().into_iter(), left };
        }
        let mut pieces = pieces.into_iter();
        let first = pieces.next();
        Self { first, rest: pieces.collect::<Vec<_>>().into_iter(), left }
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let body = self.get_mut();
        let next = body.first.take().into_iter().chain(body.rest.by_ref()).find(|piece| !piece.is_empty());
        Poll::Ready(next.map(|piece| {
            body.left = body.left.saturating_sub(piece.len() as u64);
            Ok(Frame::data(piece))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests;
