//! `yumen serve`: brings the rooms together, runs until a signal, and stops without losing anything.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use yumen_admin::AdminState;
use yumen_config::{KeyHasher, LogFormat, Severity, Snapshot};
use yumen_gateway::{DataPlane, Gateway};
use yumen_store::{Ledger, SPOOL_FOLDER, SpoolSettings, Store};
use yumen_telemetry::{JsonLog, Metrics, ReadHealth};

use crate::cli::ServeOptions;
use crate::first_run;
use crate::forget;
use crate::health_file;
use crate::logging::{self, Logs};
use crate::reload::Publisher;
use crate::settings::Source;
use crate::vitals::Vitals;

/// Where a running server writes its addresses, so that scripts find one that listens on port 0.
const ADDRESSES_FILE: &str = "addresses.json";
/// How long the last records may take to reach the database at the end.
const LAST_FLUSH: Duration = Duration::from_secs(10);

/// Runs the gateway until SIGTERM or SIGINT.
pub fn run(options: &ServeOptions) -> anyhow::Result<ExitCode> {
    let source = Source::find(&options.settings)?;
    // The control runtime: everything that is not a request. Requests have runtimes of their own.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("control")
        .enable_all()
        .build()?;
    let ended = runtime.block_on(async {
        // Before anything else: a signal that comes while the server starts is to end it as well.
        let signals = Signals::listen()?;
        serve(options, source, signals).await
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended.map(|()| ExitCode::SUCCESS)
}

async fn serve(options: &ServeOptions, source: Source, mut signals: Signals) -> anyhow::Result<()> {
    // A first look, without keys: where the store is and how to log must be known before the store is opened.
    let text = source.text()?;
    let (first_look, diagnostics) = source.parse_or_fail(text.as_deref(), &KeyHasher::new([0; 32]))?;
    let logs = logging::start(&first_look.process)?;
    for diagnostic in &diagnostics {
        match diagnostic.severity {
            Severity::Error => tracing::error!("{diagnostic}"),
            Severity::Warning => tracing::warn!("{diagnostic}"),
        }
    }
    source.notes.iter().for_each(|note| tracing::error!("{note}; the one before it is in use"));
    let ended = open_and_run(options, source, text, &first_look, &logs, &mut signals).await;
    logs.finish();
    ended
}

async fn open_and_run(
    options: &ServeOptions,
    source: Source,
    text: Option<String>,
    first_look: &Snapshot,
    logs: &Logs,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    // An address that is taken is found out before anything is made: the first key above all, which is shown once.
    let sockets = Sockets::bind(options, first_look)?;
    let url = first_look.process.store_url.as_deref();
    let store = tokio::select! {
        store = Store::open(&options.settings.data_dir, url) => store.context("the store cannot be opened")?,
        signal = signals.next() => {
            tracing::info!(signal, "stopped before the store was open");
            return Ok(());
        }
    };
    let running = Running::start(options, source, text, store, sockets, logs).await?;
    let signal = signals.next().await;
    running.stop(signal, signals).await;
    tracing::info!("stopped");
    Ok(())
}

/// The listening sockets.
struct Sockets {
    gateway: TcpListener,
    admin: TcpListener,
}

impl Sockets {
    fn bind(options: &ServeOptions, settings: &Snapshot) -> anyhow::Result<Self> {
        let gateway = options.listen.as_deref().unwrap_or(&settings.gateway.listen);
        Ok(Self {
            gateway: listen(gateway).context("gateway.listen")?,
            admin: listen(&settings.gateway.admin_listen).context("admin.listen")?,
        })
    }
}

/// A server that serves.
struct Running {
    data_dir: PathBuf,
    gateway: Arc<Gateway>,
    plane: DataPlane,
    ledger: Ledger,
    store: Store,
    admin: Admin,
    watcher: JoinHandle<()>,
}

impl Running {
    async fn start(
        options: &ServeOptions,
        source: Source,
        text: Option<String>,
        store: Store,
        sockets: Sockets,
        logs: &Logs,
    ) -> anyhow::Result<Self> {
        let (settings, _) = source.parse_or_fail(text.as_deref(), store.key_hasher())?;
        let vitals = Vitals::default();
        let metrics = vitals.metrics(logs);
        let spool = SpoolSettings::new(options.settings.data_dir.join(SPOOL_FOLDER));
        let log = JsonLog::new(logs.exchanges.clone());
        let ledger = store.start_ledger(spool, vec![Box::new(metrics.observer()), Box::new(log)]).await?;
        let hasher = store.key_hasher().clone();
        let (live, lookup) = (Arc::new(settings.clone()), Arc::new(ledger.clone()));
        let (owners, keeper) = (Arc::new(store.owned_objects()), Arc::new(store.kept_responses()));
        let gateway = Arc::new(Gateway::new(live, hasher.clone(), ledger.sink(), lookup, owners, keeper));
        let mut publisher = Publisher::new(Arc::clone(&gateway), source, text, hasher, settings.clone());
        let _ = vitals.ledger.set(ledger.clone());
        let _ = vitals.gauges.set(Arc::clone(&gateway.gauges));
        health_file::restore(&options.settings.data_dir, &gateway);
        let _ = vitals.gateway.set(Arc::clone(&gateway));
        let _ = vitals.reloads.set(Arc::clone(&publisher.reloads));
        let mut store_watch = store.watch();
        publisher.take_changes(store_watch.changes().await?);

        let workers = options.workers.map_or_else(cores, usize::from);
        let plane = DataPlane::start(&gateway, sockets.gateway, workers)?;
        let admin = Admin::start(sockets.admin, metrics, vitals.health(), &ledger)?;
        write_addresses(&options.settings.data_dir, plane.address(), admin.address)?;
        tracing::info!(gateway = %plane.address(), admin = %admin.address, workers, "yumen {} is serving", env!("CARGO_PKG_VERSION"));

        // Last, for nothing that fails may stand between making the first key and showing it.
        let greeting = first_run::greet(&store, &settings).await?;
        match store_watch.changes().await {
            Ok(changes) => publisher.take_changes(changes),
            Err(error) => tracing::warn!(%error, "keys and presets of the store cannot be read now"),
        }
        if greeting.has_secret() || settings.process.log_format == LogFormat::Text {
            // In order with the operational log, and as little in the way of anything when nobody reads.
            let _ = logs.process.clone().write_all(greeting.text(plane.address(), &settings).as_bytes());
        }
        let (changed, changes) = mpsc::channel(16);
        tokio::spawn(async move { while changed.send(store_watch.next().await).await.is_ok() {} });
        let (told, models) = mpsc::channel(16);
        tokio::spawn(yumen_gateway::discover(Arc::clone(&gateway), told));
        tokio::spawn(yumen_gateway::probe(Arc::clone(&gateway)));
        let watcher = tokio::spawn(publisher.watch(changes, models));
        tokio::spawn(health_file::keep(options.settings.data_dir.clone(), Arc::clone(&gateway)));
        tokio::spawn(forget::forget_old(Arc::clone(&gateway), store.clone()));
        Ok(Self {
            data_dir: options.settings.data_dir.clone(),
            gateway,
            plane,
            ledger,
            store,
            admin,
            watcher,
        })
    }

    /// Stops without losing anything; a second signal cuts what is open, a third ends the wait for the database.
    async fn stop(self, signal: &'static str, signals: &mut Signals) {
        let drain = self.gateway.snapshot.load().gateway.drain;
        tracing::info!(signal, drain_s = drain.as_secs(), "stopping: new work is refused, streams finish");
        self.watcher.abort();
        self.admin.state.set_draining();
        let mut again = false;
        let limit = async {
            tokio::select! {
                () = tokio::time::sleep(drain) => {}
                _ = signals.next() => again = true,
            }
        };
        let cut = self.plane.drain(limit).await;
        health_file::write(&self.data_dir, &self.gateway);
        if again {
            tracing::warn!(cut, "a second signal: open exchanges were cut");
        } else if cut > 0 {
            tracing::warn!(cut, "exchanges were cut at the end of the drain limit");
        }
        tokio::select! {
            () = finish(&self.data_dir, &self.ledger, &self.store) => {}
            _ = signals.next() => tracing::warn!("the last records wait in the spool for the next start"),
        }
        self.admin.stop().await;
    }
}

/// The control listener.
struct Admin {
    address: SocketAddr,
    state: Arc<AdminState>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Admin {
    fn start(
        listener: TcpListener,
        metrics: Metrics,
        health: ReadHealth,
        ledger: &Ledger,
    ) -> anyhow::Result<Self> {
        let address = listener.local_addr()?;
        let state = Arc::new(AdminState::new(metrics, health, ledger.sink()));
        state.set_snapshot_loaded();
        let (stop, mut stopping) = watch::channel(false);
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let task = tokio::spawn(yumen_admin::serve(listener, Arc::clone(&state), async move {
            // A sender that is gone means the same.
            let _ = stopping.wait_for(|stop| *stop).await;
        }));
        Ok(Self { address, state, stop, task })
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        let _ = tokio::time::timeout(Duration::from_secs(1), self.task).await;
    }
}

/// Brings the last records to the database. What does not get there stays in the spool for the next start.
async fn finish(data_dir: &Path, ledger: &Ledger, store: &Store) {
    // The file only helps to find a server that runs.
    let _ = std::fs::remove_file(data_dir.join(ADDRESSES_FILE));
    match tokio::time::timeout(LAST_FLUSH, ledger.stop()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the last records wait in the spool for the next start"),
        Err(_) => tracing::warn!("the last records wait in the spool for the next start"),
    }
    let _ = tokio::time::timeout(Duration::from_secs(2), store.close()).await;
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn listen(address: &str) -> anyhow::Result<TcpListener> {
    let mut last = None;
    for address in address.to_socket_addrs().with_context(|| address.to_owned())? {
        match TcpListener::bind(address) {
            Ok(listener) => {
                listener.set_nonblocking(true)?;
                return Ok(listener);
            }
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(error) => Err(error).with_context(|| format!("{address} cannot be listened on")),
        None => bail!("{address} names no address"),
    }
}

fn write_addresses(data_dir: &Path, gateway: SocketAddr, admin: SocketAddr) -> anyhow::Result<()> {
    let text = serde_json::json!({ "gateway": gateway.to_string(), "admin": admin.to_string() }).to_string();
    let draft = data_dir.join("addresses.json.new");
    std::fs::write(&draft, text)?;
    std::fs::rename(&draft, data_dir.join(ADDRESSES_FILE)).context("addresses.json")
}

/// The signals that end the server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
