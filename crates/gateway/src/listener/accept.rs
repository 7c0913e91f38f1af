//! One worker: accepts connections, hands some over to less busy workers, and serves the others to their end.

use std::io;
use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use super::{Peer, Stop, connection};
use crate::worker::{Gateway, Worker};

/// How often idle upstream connections are looked through.
const SWEEP: Duration = Duration::from_secs(15);
/// How long to wait after `accept` has failed, for example for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// A connection is handed over when this worker has so many more than the least busy one.
const IMBALANCE: usize = 2;

/// A worker's place among the others.
pub(super) struct Seat {
    pub worker: Arc<Worker>,
    pub peers: Arc<[Peer]>,
    pub index: usize,
    pub stopping: watch::Receiver<Stop>,
}

/// A connection on its way to a less busy worker; it is counted there from the moment it is handed over.
pub(super) type Handed = (std::net::TcpStream, Counted);

/// Serves until told to stop and every connection has ended.
pub(super) async fn serve(
    mut seat: Seat,
    listener: StdListener,
    mut handed: mpsc::Receiver<Handed>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut sweep = tokio::time::interval(SWEEP);
    let (done, mut all_done) = mpsc::channel::<()>(1);
    let mut stopping = seat.stopping.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => seat.take(stream, &done),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some((stream, counted)) = handed.recv() => match TcpStream::from_std(stream) {
                Ok(stream) => seat.open(stream, counted, &done),
                Err(error) => tracing::warn!(%error, "a connection could not be taken over"),
            },
            _ = sweep.tick() => seat.worker.pool.sweep(),
            _ = stopping.wait_for(|stop| *stop != Stop::Running) => break,
        }
    }
    // The socket closes here: new connections are refused while the open ones end.
    drop((listener, handed, done));
    tokio::select! {
        _ = all_done.recv() => {}
        _ = seat.stopping.wait_for(|stop| *stop == Stop::Now) => {}
    }
    Ok(())
}

impl Seat {
    /// Serves a new connection here, or hands it to a worker that has clearly fewer.
    fn take(&self, stream: TcpStream, done: &mpsc::Sender<()>) {
        let open = |peer: &Peer| peer.open.load(Ordering::Relaxed);
        let here = self.peers.get(self.index).map_or(0, open);
        let least = self.peers.iter().enumerate().min_by_key(|(_, peer)| open(peer));
        let least = least.filter(|(_, peer)| open(peer) + IMBALANCE <= here);
        let Some(counted) = self.count(least.map_or(self.index, |(index, _)| index)) else { return };
        let Some((_, peer)) = least else { return self.open(stream, counted, done) };
        match stream.into_std().map(|stream| peer.handover.try_send((stream, counted))) {
            Ok(Ok(())) => {}
            Ok(Err(mpsc::error::TrySendError::Full(handed) | mpsc::error::TrySendError::Closed(handed))) => {
                let (stream, counted) = handed;
                drop(counted);
                if let (Ok(stream), Some(counted)) = (TcpStream::from_std(stream), self.count(self.index)) {
                    self.open(stream, counted, done);
                }
            }
            Err(error) => tracing::warn!(%error, "a connection could not be handed over"),
        }
    }

    /// A place for one more connection at the worker with this index, if there is any.
    fn count(&self, index: usize) -> Option<Counted> {
        let gateway = &self.worker.gateway;
        let counted = Counted::new(Arc::clone(gateway), Arc::clone(&self.peers), index);
        let most = gateway.snapshot.load().gateway.max_connections;
        if gateway.gauges.connections.load(Ordering::Relaxed) > most {
            tracing::warn!(most, "too many connections; one was closed");
            return None;
        }
        Some(counted)
    }

    fn open(&self, stream: TcpStream, counted: Counted, done: &mpsc::Sender<()>) {
        let (worker, stopping, done) = (Arc::clone(&self.worker), self.stopping.clone(), done.clone());
        tokio::spawn(async move {
            connection::serve(worker, stream, stopping).await;
            drop((counted, done));
        });
    }
}

/// One open connection in the counts.
pub(super) struct Counted {
    gateway: Arc<Gateway>,
    peers: Arc<[Peer]>,
    index: usize,
}

impl Counted {
    fn new(gateway: Arc<Gateway>, peers: Arc<[Peer]>, index: usize) -> Self {
        gateway.gauges.connections.fetch_add(1, Ordering::Relaxed);
        if let Some(peer) = peers.get(index) {
            peer.open.fetch_add(1, Ordering::Relaxed);
        }
        Self { gateway, peers, index }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(peer) = self.peers.get(self.index) {
            peer.open.fetch_sub(1, Ordering::Relaxed);
        }
        self.gateway.gauges.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
