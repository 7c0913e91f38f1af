//! `yumen serve`: brings the rooms together, runs until a signal, and stops without losing anything.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::sync::{mpsc, watch};
use yumen_admin::AdminState;
use yumen_config::Severity;
use yumen_gateway::{DataPlane, Gateway, Gauges};
use yumen_store::{Ledger, SpoolSettings, Store};
use yumen_telemetry::{BuildInfo, JsonLog, Metrics, Reading};

use crate::cli::ServeOptions;
use crate::first_run;
use crate::logging;
use crate::reload::{Publisher, Reloads};
use crate::settings::Source;

/// Where a running server writes its addresses, so that scripts find one that listens on port 0.
const ADDRESSES_FILE: &str = "addresses.json";
/// How long the last records may take to reach the database at the end.
const LAST_FLUSH: Duration = Duration::from_secs(10);

/// Runs the gateway until SIGTERM or SIGINT.
pub fn run(options: &ServeOptions) -> anyhow::Result<ExitCode> {
    let source = Source::find(&options.settings)?;
    // The control runtime: everything that is not a request. Requests have runtimes of their own.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("control").enable_all().build()?;
    let code = runtime.block_on(serve(options, source))?;
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(code)
}

async fn serve(options: &ServeOptions, source: Source) -> anyhow::Result<ExitCode> {
    // A first look, without keys: where the store is and how to log must be known before the store is opened.
    let (first_look, diagnostics) = source.read_or_fail(&yumen_config::KeyHasher::new([0; 32]))?;
    logging::start(&first_look.process)?;
    for diagnostic in &diagnostics {
        match diagnostic.severity {
            Severity::Error => tracing::error!("{diagnostic}"),
            Severity::Warning => tracing::warn!("{diagnostic}"),
        }
    }
    let store_url = first_look.process.store_url.clone();
    let store = Store::open(&options.data_dir, store_url.as_deref()).await.context("the store cannot be opened")?;
    let (settings, _) = source.read_or_fail(store.key_hasher())?;
    let vitals = Vitals::default();
    let metrics = vitals.metrics();
    let settings_of_spool = SpoolSettings::new(options.data_dir.join("spool"));
    let log = JsonLog::new(std::io::stdout());
    let ledger = store.start_ledger(settings_of_spool, vec![Box::new(metrics.observer()), Box::new(log)]).await?;
    let _ = vitals.ledger.set(ledger.clone());

    let greeting = first_run::greet(&store, &settings).await?;
    let gateway = Arc::new(Gateway::new(
        Arc::new(settings.clone()),
        store.key_hasher().clone(),
        ledger.sink(),
        Arc::new(ledger.clone()),
    ));
    let _ = vitals.gauges.set(Arc::clone(&gateway.gauges));
    let mut publisher = Publisher::new(Arc::clone(&gateway), source, store.key_hasher().clone(), settings.clone());
    let _ = vitals.reloads.set(Arc::clone(&publisher.reloads));
    let mut key_watch = store.changed_keys();
    publisher.change_keys(key_watch.changes().await?);

    let listener = listen(options.listen.as_deref().unwrap_or(&settings.gateway.listen)).context("gateway.listen")?;
    let admin_listener = listen(&settings.gateway.admin_listen).context("admin.listen")?;
    let admin_address = admin_listener.local_addr()?;
    let workers = options.workers.map_or_else(cores, usize::from);
    let plane = DataPlane::start(&gateway, listener, workers)?;
    let (stop_admin, mut admin_stopping) = watch::channel(false);
    let state = Arc::new(AdminState::new(metrics, ledger.sink()));
    state.set_snapshot_loaded();
    let admin_listener = tokio::net::TcpListener::from_std(admin_listener)?;
    let admin = tokio::spawn(yumen_admin::serve(admin_listener, Arc::clone(&state), async move {
        // A sender that is gone means the same.
        let _ = admin_stopping.wait_for(|stop| *stop).await;
    }));
    write_addresses(&options.data_dir, plane.address(), admin_address)?;
    tracing::info!(gateway = %plane.address(), admin = %admin_address, workers, "yumen {} is serving", env!("CARGO_PKG_VERSION"));
    greeting.say(plane.address(), &settings);

    let (changed, key_changes) = mpsc::channel(16);
    tokio::spawn(async move { while changed.send(key_watch.next().await).await.is_ok() {} });
    let watcher = tokio::spawn(publisher.watch(key_changes));
    let signal = wait_for_signal().await?;
    tracing::info!(signal, drain_s = settings.gateway.drain.as_secs(), "stopping: new work is refused, streams finish");
    watcher.abort();
    state.set_draining();
    let cut = tokio::select! {
        cut = plane.drain(settings.gateway.drain) => cut,
        _ = wait_for_signal() => -1,
    };
    match cut {
        0 => {}
        -1 => tracing::warn!("a second signal: open exchanges were cut"),
        cut => tracing::warn!(cut, "exchanges were cut at the end of the drain limit"),
    }
    finish(&options.data_dir, &ledger, &store).await;
    stop_admin.send_replace(true);
    let _ = tokio::time::timeout(Duration::from_secs(1), admin).await;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
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

/// What the metrics page reads; each part is put in as soon as it is there.
#[derive(Default)]
struct Vitals {
    ledger: Arc<OnceLock<Ledger>>,
    gauges: Arc<OnceLock<Arc<Gauges>>>,
    reloads: Arc<OnceLock<Arc<Reloads>>>,
}

type Read = Box<dyn Fn() -> i64 + Send + Sync>;

impl Vitals {
    fn metrics(&self) -> Metrics {
        let ledger = |read: fn(&Ledger) -> i64| -> Read {
            let ledger = Arc::clone(&self.ledger);
            Box::new(move || ledger.get().map_or(0, read))
        };
        let gauge = |read: fn(&Gauges) -> i64| -> Read {
            let gauges = Arc::clone(&self.gauges);
            Box::new(move || gauges.get().map_or(0, |gauges| read(gauges)))
        };
        let reload = |read: fn(&Reloads) -> &AtomicI64| -> Read {
            let reloads = Arc::clone(&self.reloads);
            Box::new(move || reloads.get().map_or(0, |reloads| read(reloads).load(Ordering::Relaxed)))
        };
        let idle = |gauges: &Gauges| gauges.upstream_idle.load(Ordering::Relaxed);
        let readings = vec![
            (Reading::ExchangesInFlight, gauge(|gauges| gauges.in_flight.load(Ordering::Relaxed))),
            (
                Reading::UpstreamConnectionsActive,
                gauge(|gauges| {
                    let open = gauges.upstream_open.load(Ordering::Relaxed);
                    (open - gauges.upstream_idle.load(Ordering::Relaxed)).max(0)
                }),
            ),
            (Reading::UpstreamConnectionsIdle, gauge(idle)),
            (Reading::SpoolBytes, ledger(|ledger| i64::try_from(ledger.spool_bytes()).unwrap_or(i64::MAX))),
            (Reading::SpoolSegments, ledger(|ledger| i64::try_from(ledger.spool_segments()).unwrap_or(i64::MAX))),
            (Reading::SpoolOldestAge, ledger(|ledger| ledger.spool_oldest_age_us() / 1_000_000)),
            (Reading::SpoolDamaged, ledger(|ledger| i64::try_from(ledger.damaged_frames()).unwrap_or(i64::MAX))),
            (Reading::RecordsStored, ledger(|ledger| i64::try_from(ledger.records_stored()).unwrap_or(i64::MAX))),
            (Reading::DatabaseUp, ledger(|ledger| i64::from(ledger.is_database_up()))),
            (Reading::ConfigReloadsOk, reload(|reloads| &reloads.ok)),
            (Reading::ConfigReloadsFailed, reload(|reloads| &reloads.failed)),
        ];
        let build = BuildInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("YUMEN_COMMIT").unwrap_or("unknown").to_owned(),
        };
        Metrics::new(&build, readings)
    }
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

async fn wait_for_signal() -> anyhow::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}
