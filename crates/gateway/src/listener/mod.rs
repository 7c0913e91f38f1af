//! Sockets: workers with a runtime each, accepting, serving connections, and stopping without cutting streams.
//!
//! In: a bound socket. Out: requests to the pipeline. It never looks inside a request.

mod accept;
mod activity;
mod connection;
mod socket;
mod streams;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::worker::{Gateway, Worker};

/// Connections that wait to be taken over by a less busy worker.
const HANDOVER_MOST: usize = 256;

/// What each worker knows of the others: how many connections they hold, and where to hand one over.
struct Peer {
    open: AtomicUsize,
    handover: mpsc::Sender<accept::Handed>,
}

/// The running workers.
pub struct DataPlane {
    gateway: Arc<Gateway>,
    address: SocketAddr,
    stop: watch::Sender<Stop>,
    threads: Vec<JoinHandle<()>>,
}

/// How far a stop has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Running,
    /// No new connections; each open one ends with the exchange it serves.
    Draining,
    /// Whatever is still open is cut.
    Now,
}

impl DataPlane {
    /// Starts `workers` threads that serve `listener`.
    pub fn start(gateway: &Arc<Gateway>, listener: TcpListener, workers: usize) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopping) = watch::channel(Stop::Running);
        let workers = workers.max(1);
        let (peers, handovers): (Vec<_>, Vec<_>) = (0..workers)
            .map(|_| {
                let (handover, taken) = mpsc::channel(HANDOVER_MOST);
                (Peer { open: AtomicUsize::new(0), handover }, taken)
            })
            .unzip();
        let peers: Arc<[Peer]> = peers.into();
        let mut threads = Vec::with_capacity(workers);
        for (index, taken) in handovers.into_iter().enumerate() {
            let worker = Arc::new(Worker::new(gateway).map_err(io::Error::other)?);
            let listener = listener.try_clone()?;
            let (peers, stopping) = (Arc::clone(&peers), stopping.clone());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let thread = std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
                let seat = accept::Seat { worker, peers, index, stopping };
                if let Err(error) = runtime.block_on(accept::serve(seat, listener, taken)) {
                    tracing::error!(%error, "a worker has stopped");
                }
                runtime.shutdown_timeout(Duration::from_millis(100));
            })?;
            threads.push(thread);
        }
        Ok(Self { gateway: Arc::clone(gateway), address, stop, threads })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Refuses new work, lets what is open finish until `limit` is done, then cuts the rest. Says how many exchanges
    /// were cut.
    pub async fn drain(self, limit: impl Future<Output = ()>) -> i64 {
        self.gateway.draining.store(true, Ordering::Relaxed);
        self.stop.send_replace(Stop::Draining);
        let threads = self.threads;
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                // A worker that has panicked has nothing left to wait for.
                let _ = thread.join();
            }
        });
        tokio::pin!(joined);
        tokio::select! {
            _ = &mut joined => return 0,
            () = limit => {}
        }
        let cut = self.gateway.gauges.in_flight.load(Ordering::Relaxed);
        self.stop.send_replace(Stop::Now);
        let _ = tokio::time::timeout(Duration::from_secs(2), joined).await;
        cut
    }
}
