//! One client connection: HTTP/1.1, or HTTP/2 when it begins with that protocol's preface.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::Stop;
use super::activity::{Activity, Held};
use super::socket::{ClientSocket, Waits};
use super::streams::{Outflow, Streams};
use crate::pipeline;
use crate::worker::Worker;

/// Largest request head in bytes.
const HEAD_BYTES_MOST: usize = 64 * 1024;
/// Largest piece that is read at once in HTTP/1; twice the head, so that one that is too large is answered.
const READ_BYTES_MOST: usize = 2 * HEAD_BYTES_MOST;
/// Exchanges that one HTTP/2 connection may have open.
const STREAMS_MOST: u32 = 256;
/// How long a connection may be without any exchange; at most twice this goes by.
const IDLE_MOST: Duration = Duration::from_secs(60);
/// How long a client may take no byte of an answer.
const WRITE_STALL_MOST: Duration = Duration::from_secs(120);
/// How often an HTTP/2 client is asked whether it is still there, and how long it may take to say so.
const PING_EVERY: Duration = Duration::from_secs(30);
const PONG_WITHIN: Duration = Duration::from_secs(20);

/// Waits until the process is to stop.
async fn asked_to_stop(stopping: &mut watch::Receiver<Stop>) {
    // A sender that is gone means the same.
    let _ = stopping.wait_for(|stop| *stop != Stop::Running).await;
}

/// Serves a connection to its end.
pub(super) async fn serve(worker: Arc<Worker>, stream: TcpStream, mut stopping: watch::Receiver<Stop>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let head = worker.gateway.snapshot.load().gateway.header_read_timeout;
    let waits = Waits { head, idle: IDLE_MOST, write: WRITE_STALL_MOST };
    let activity = Arc::new(Activity::default());
    let opened = tokio::select! {
        opened = ClientSocket::open(stream, Arc::clone(&activity), waits) => opened,
        () = asked_to_stop(&mut stopping) => return,
    };
    let Some(io) = opened else { return };
    let http2 = io.is_http2();
    let service = service_fn(move |request: Request<Incoming>| {
        let (worker, open) = (Arc::clone(&worker), activity.begin());
        let two_lengths = !http2 && activity.has_two_lengths(request.headers());
        async move {
            let answer = pipeline::answer(worker, request, two_lengths).await;
            Ok::<_, Infallible>(answer.map(|body| Held::new(body, Outflow::current(), open)))
        }
    });
    let io = TokioIo::new(io);
    let result = if http2 {
        let mut builder = http2::Builder::new(Streams { write: WRITE_STALL_MOST });
        builder.timer(TokioTimer::new()).keep_alive_interval(PING_EVERY).keep_alive_timeout(PONG_WITHIN);
        builder.max_concurrent_streams(STREAMS_MOST).max_header_list_size(HEAD_BYTES_MOST as u32);
        let connection = builder.serve_connection(io, service);
        tokio::pin!(connection);
        tokio::select! {
            biased;
            result = connection.as_mut() => result,
            () = asked_to_stop(&mut stopping) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    } else {
        let mut builder = http1::Builder::new();
        // The socket itself watches over the time that a head takes.
        builder.header_read_timeout(None).max_header_size(HEAD_BYTES_MOST).max_buf_size(READ_BYTES_MOST);
        let connection = builder.serve_connection(io, service);
        tokio::pin!(connection);
        tokio::select! {
            biased;
            result = connection.as_mut() => result,
            () = asked_to_stop(&mut stopping) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a client connection ended");
    }
}
