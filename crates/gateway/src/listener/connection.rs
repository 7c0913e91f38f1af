//! One client connection: HTTP/1.1, or HTTP/2 when it begins with that protocol's preface.

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::Stop;
use super::activity::{Activity, Held};
use super::socket::{ClientSocket, Waits};
use super::streams::{Outflow, Streams};
use crate::pipeline;
use crate::worker::Worker;

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
    let settings = Arc::clone(&worker.gateway.snapshot.load().gateway);
    let waits = Waits {
        head: settings.header_read_timeout,
        idle: settings.idle_timeout,
        write: settings.write_timeout,
    };
    let activity = Arc::new(Activity::default());
    let opened = tokio::select! {
        opened = ClientSocket::open(stream, Arc::clone(&activity), waits) => opened,
        () = asked_to_stop(&mut stopping) => return,
    };
    let Some(io) = opened else { return };
    let http2 = io.is_http2();
    let exchanges = Arc::clone(&activity);
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
        let mut builder = http2::Builder::new(Streams { write: settings.write_timeout });
        builder.timer(TokioTimer::new());
        builder.keep_alive_interval(settings.ping_interval).keep_alive_timeout(settings.ping_timeout);
        builder.max_concurrent_streams(settings.max_streams);
        builder.max_header_list_size(u32::try_from(settings.max_head_bytes).unwrap_or(u32::MAX));
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
        builder.header_read_timeout(None).max_header_size(settings.max_head_bytes);
        // Twice the head, so that one that is too large is answered.
        builder.max_buf_size(2 * settings.max_head_bytes);
        let connection = builder.serve_connection(io, service).with_upgrades();
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
    // Where the connection broke before it was switched, the session ends at once.
    if let Some(session) = exchanges.switched() {
        // As long as an exchange is open, the socket takes silence for none of its business.
        let _open = exchanges.begin();
        session.run().await;
    }
}
