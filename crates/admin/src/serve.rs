//! The socket side: accepts, bounds and ends connections.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::answer::answer;
use crate::state::AdminState;

/// Bounds of the listener.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Open connections; those beyond wait in the socket's own queue.
    connections: usize,
    /// For a request head to arrive; also how long a connection may wait for its next request.
    header_read: Duration,
    /// After it a connection takes no more requests.
    age: Duration,
    /// For what is left to be sent when a connection is to end.
    goodbye: Duration,
}

const BOUNDS: Bounds = Bounds {
    connections: 128,
    header_read: Duration::from_secs(10),
    age: Duration::from_secs(300),
    goodbye: Duration::from_secs(5),
};
const MAX_HEAD_BYTES: usize = 16 * 1024;
const AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(100);

/// Answers on `listener` until `shutdown` is done; then ends all connections and returns.
pub async fn serve(listener: TcpListener, state: Arc<AdminState>, shutdown: impl Future<Output = ()>) {
    serve_within(BOUNDS, listener, state, shutdown).await;
}

async fn serve_within(
    bounds: Bounds,
    listener: TcpListener,
    state: Arc<AdminState>,
    shutdown: impl Future<Output = ()>,
) {
    let mut shutdown = pin!(shutdown);
    let places = Arc::new(Semaphore::new(bounds.connections));
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &places) => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Some((stream, place)) = accepted else { continue };
        connections.spawn(hold(bounds, stream, place, Arc::clone(&state), stopped.clone()));
    }
    drop((listener, stop));
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if timeout(bounds.goodbye, all_ended).await.is_err() {
        tracing::debug!("connections to the control listener were cut");
    }
}

/// The next connection, when there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) => {
            tracing::warn!(%error, "the control listener cannot accept a connection");
            sleep(AFTER_FAILED_ACCEPT).await;
            None
        }
    }
}

/// Serves one connection until its client, its age or the shutdown ends it.
async fn hold(
    bounds: Bounds,
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
    state: Arc<AdminState>,
    mut stopped: watch::Receiver<()>,
) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (head, _) = request.into_parts();
        answer(head.method, head.uri.path().to_owned(), Arc::clone(&state))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(bounds.header_read).max_buf_size(MAX_HEAD_BYTES);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    // A client that is slow to send its head, or that sends what is no HTTP, ends here without a word in the log.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = sleep(bounds.age) => {}
        // The sender is dropped when the listener stops.
        _ = stopped.changed() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(bounds.goodbye, connection).await;
}

#[cfg(test)]
mod tests;
