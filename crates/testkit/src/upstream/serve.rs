//! The server behind a fake upstream: hyper on a free port, one task for each connection.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

use super::tls::Identity;
use super::{Received, Reply, Shared, Step, realtime};

pub(super) async fn start(
    shared: Arc<Shared>,
    identity: Option<Identity>,
) -> (SocketAddr, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let server = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let Ok((stream, _)) = listener.accept().await else { continue };
            let _set = stream.set_nodelay(true);
            let shared = Arc::clone(&shared);
            let acceptor = identity.as_ref().map(|identity| identity.acceptor.clone());
            connections.spawn(async move {
                let _open = Counted::begin(&shared.connections);
                match acceptor {
                    None => serve(&shared, stream).await,
                    // Whoever does not know the authority leaves here.
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            serve(&shared, stream).await;
                        }
                    }
                }
            });
        }
    });
    (address, server)
}

async fn serve(shared: &Arc<Shared>, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let service = service_fn(|request| answer(Arc::clone(shared), request));
    // How a connection ends is seen by the counts of its answers.
    let server = hyper::server::conn::http1::Builder::new();
    let _ended = server.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Sending>, std::io::Error> {
    let (mut head, body) = request.into_parts();
    let upgrade = head.extensions.remove::<OnUpgrade>();
    let Ok(body) = body.collect().await else { return std::future::pending().await };
    let request = Received {
        method: head.method,
        path: head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        headers: head.headers,
        body: body.to_bytes(),
    };
    let open = OpenAnswer::begin(Arc::clone(&shared));
    let reply = match request.path.strip_prefix("/_seen/") {
        Some(what) => Reply::json(200, &shared.seen(what)),
        None => {
            shared.receive(request.clone());
            shared.answer(&request)
        }
    };
    if let (101, Some(upgrade)) = (reply.status, upgrade) {
        tokio::spawn(realtime::talk(Arc::clone(&shared), request, upgrade));
    }
    for step in &reply.delay {
        if matches!(step, Step::Cut) {
            return Err(std::io::Error::other("cut off before the head"));
        }
        wait(step, &shared).await;
    }
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Sending::new(reply, shared, open)).expect("a valid answer"))
}

/// Waits as a step says; `Send` waits for nothing.
async fn wait(step: &Step, shared: &Shared) {
    match step {
        Step::Send(_) | Step::Cut => tokio::task::yield_now().await,
        Step::Pause(time) => tokio::time::sleep(*time).await,
        Step::Gate => {
            let mut gate = shared.gate.subscribe();
            let _open = gate.wait_for(|open| *open).await;
        }
        Step::Hang => std::future::pending().await,
    }
}

/// A body that takes its steps one at a time, and lets what it sent reach the wire before the next.
struct Sending {
    length: Option<u64>,
    steps: std::vec::IntoIter<Step>,
    shared: Arc<Shared>,
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    open: OpenAnswer,
}

impl Sending {
    fn new(reply: Reply, shared: Arc<Shared>, open: OpenAnswer) -> Self {
        let length = reply.sized.then(|| reply.bytes().len() as u64);
        Self { length, steps: reply.body.into_iter(), shared, waiting: None, open }
    }
}

impl Body for Sending {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let this = &mut *self;
        loop {
            if let Some(waiting) = &mut this.waiting {
                std::task::ready!(waiting.as_mut().poll(context));
                this.waiting = None;
            }
            let Some(step) = this.steps.next() else {
                this.open.complete = true;
                return Poll::Ready(None);
            };
            match step {
                Step::Cut => {
                    return Poll::Ready(Some(Err(std::io::Error::other("cut off as the scenario says"))));
                }
                Step::Send(bytes) => {
                    if this.length.is_none() {
                        let shared = Arc::clone(&this.shared);
                        this.waiting =
                            Some(Box::pin(async move { wait(&Step::Send(Bytes::new()), &shared).await }));
                    } else if this.steps.len() == 0 {
                        // With a length hyper does not ask for the end: this was it.
                        this.open.complete = true;
                    }
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                other => {
                    let shared = Arc::clone(&this.shared);
                    this.waiting = Some(Box::pin(async move { wait(&other, &shared).await }));
                }
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// Counts an answer as open, then as completed or aborted.
struct OpenAnswer {
    shared: Arc<Shared>,
    complete: bool,
}

impl OpenAnswer {
    fn begin(shared: Arc<Shared>) -> Self {
        shared.open.fetch_add(1, Ordering::SeqCst);
        Self { shared, complete: false }
    }
}

impl Drop for OpenAnswer {
    fn drop(&mut self) {
        self.shared.open.fetch_sub(1, Ordering::SeqCst);
        let counter = if self.complete { &self.shared.completed } else { &self.shared.aborted };
        counter.fetch_add(1, Ordering::SeqCst);
    }
}

/// Counts something while it lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn begin(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::SeqCst);
        Self(counter)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
