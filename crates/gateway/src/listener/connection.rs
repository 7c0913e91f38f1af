//! One client connection: HTTP/1.1, or HTTP/2 when it begins with that protocol's preface.

use std::convert::Infallible;
use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::Stop;
use crate::pipeline;
use crate::worker::Worker;

/// Largest request head in bytes.
const HEAD_BYTES_MOST: usize = 64 * 1024;
/// Exchanges that one HTTP/2 connection may have open.
const STREAMS_MOST: u32 = 256;

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
    let header_timeout = worker.gateway.snapshot.load().gateway.header_read_timeout;
    let mut start = [0_u8; 3];
    let peeked = tokio::select! {
        peeked = tokio::time::timeout(header_timeout, stream.peek(&mut start)) => peeked,
        () = asked_to_stop(&mut stopping) => return,
    };
    let Ok(Ok(length)) = peeked else { return };
    let service = service_fn(move |request: Request<Incoming>| {
        let worker = Arc::clone(&worker);
        async move { Ok::<_, Infallible>(pipeline::answer(worker, request).await) }
    });
    let io = TokioIo::new(stream);
    let result = if length == 3 && &start == b"PRI" {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).max_concurrent_streams(STREAMS_MOST).max_header_list_size(64 * 1024);
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
        builder.timer(TokioTimer::new()).header_read_timeout(header_timeout).max_buf_size(HEAD_BYTES_MOST.max(512 * 1024));
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
