//! The live settings: the file and the store are watched, and a change is published as a new Snapshot.
//!
//! The file's folder is watched rather than the file, because editors replace files and Kubernetes swaps a
//! symbolic link above them; what counts is whether the text that the path leads to is another.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use yumen_config::{KeyHash, KeyHasher, Severity, Snapshot, VirtualKey};
use yumen_gateway::Gateway;
use yumen_store::KeyChange;

use crate::settings::Source;

/// Several events of one change come within this time.
const SETTLE: Duration = Duration::from_millis(60);
/// The text is looked at this often even when no event came: some file systems send none.
const LOOK: Duration = Duration::from_millis(500);

/// What the metrics page says about reloads.
#[derive(Debug, Default)]
pub struct Reloads {
    /// Files that were taken, wholly or without their bad resources.
    pub ok: std::sync::atomic::AtomicI64,
    /// Files that could not be used: the old settings stayed.
    pub failed: std::sync::atomic::AtomicI64,
}

/// Publishes Snapshots: the file's settings together with the store's keys.
pub struct Publisher {
    gateway: Arc<Gateway>,
    source: Source,
    hasher: KeyHasher,
    /// The settings as the file has them, without the store's keys.
    settings: Snapshot,
    store_keys: std::collections::HashMap<KeyHash, Arc<VirtualKey>>,
    text: Option<String>,
    /// For the metrics page.
    pub reloads: Arc<Reloads>,
}

impl Publisher {
    /// A publisher for settings that have been read before.
    pub fn new(gateway: Arc<Gateway>, source: Source, hasher: KeyHasher, settings: Snapshot) -> Self {
        let text = source.file.as_deref().and_then(|file| std::fs::read_to_string(file).ok());
        let store_keys = std::collections::HashMap::new();
        Self { gateway, source, hasher, settings, store_keys, text, reloads: Arc::default() }
    }

    /// Takes changes of the store's keys; only these are touched.
    pub fn change_keys(&mut self, changes: Vec<KeyChange>) {
        if changes.is_empty() {
            return;
        }
        let live = self.gateway.snapshot.load();
        let mut taken = Vec::with_capacity(changes.len());
        for (hash, key) in changes {
            match &key {
                Some(key) => self.store_keys.insert(hash, Arc::clone(key)),
                None => self.store_keys.remove(&hash),
            };
            // A key of the file wins over one of the store with the same secret.
            let key = self.settings.keys.get(&hash).cloned().or(key);
            taken.push((hash, key));
        }
        self.gateway.publish(Arc::new(live.with_keys(live.keys.with_all(taken))));
    }

    /// Looks whether the file's text has changed and, if so, takes it.
    pub fn look(&mut self) {
        let Some(file) = self.source.file.clone() else { return };
        let Ok(text) = std::fs::read_to_string(&file) else { return };
        if self.text.as_ref() == Some(&text) {
            return;
        }
        self.text = Some(text);
        let checked = match self.source.read(&self.hasher, Some(&self.settings)) {
            Ok(checked) => checked,
            Err(error) => {
                self.reloads.failed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                tracing::error!("the configuration cannot be read, the old one stays: {error:#}");
                return;
            }
        };
        for diagnostic in &checked.diagnostics {
            match diagnostic.severity {
                Severity::Error => tracing::error!("{diagnostic}"),
                Severity::Warning => tracing::warn!("{diagnostic}"),
            }
        }
        let Some(settings) = checked.snapshot else {
            self.reloads.failed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            tracing::error!("{} was not taken: the old settings stay", file.display());
            return;
        };
        if settings.gateway.listen != self.settings.gateway.listen || settings.process != self.settings.process {
            tracing::warn!("a change of `listen`, `store` or `log` takes effect at the next start");
        }
        self.settings = settings;
        let store_keys = self.store_keys.iter().filter(|(hash, _)| self.settings.keys.get(hash).is_none());
        let store_keys: Vec<_> = store_keys.map(|(hash, key)| (*hash, Some(Arc::clone(key)))).collect();
        let keys = self.settings.keys.with_all(store_keys);
        self.gateway.publish(Arc::new(self.settings.with_keys(keys)));
        self.reloads.ok.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        tracing::info!(providers = self.settings.providers.len(), "{} was taken", file.display());
    }

    /// Watches the file and the store until the process stops.
    pub async fn watch(mut self, mut key_changes: mpsc::Receiver<Vec<KeyChange>>) {
        let (event, mut events) = mpsc::channel::<()>(1);
        let _watcher = self.source.file.as_deref().and_then(|file| watch_folder(file, event));
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(()) = events.recv() => {
                    tokio::time::sleep(SETTLE).await;
                    while events.try_recv().is_ok() {}
                    self.look();
                }
                _ = look.tick() => self.look(),
                changes = key_changes.recv() => match changes {
                    Some(changes) => self.change_keys(changes),
                    None => return,
                },
            }
        }
    }
}

/// Sends a sign for each event in the file's folder; without a watcher the regular look has to do.
fn watch_folder(file: &Path, event: mpsc::Sender<()>) -> Option<notify::RecommendedWatcher> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let watcher = notify::recommended_watcher(move |_: notify::Result<notify::Event>| {
        // One sign that waits is enough.
        let _ = event.try_send(());
    });
    let watched = watcher.and_then(|mut watcher| watcher.watch(folder, RecursiveMode::NonRecursive).map(|()| watcher));
    watched.map_err(|error| tracing::warn!(%error, "the folder of the configuration cannot be watched")).ok()
}
