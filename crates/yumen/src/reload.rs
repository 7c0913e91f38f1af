//! The live settings: the file and the store are watched, and a change is published as a new Snapshot.
//!
//! The file is looked at a few times in a second, by what its path leads to: so a rewrite, a rename over it and a
//! swapped symbolic link above it (as Kubernetes does) are all the same, on every file system.

use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use yumen_config::{KeyHash, KeyHasher, Severity, Snapshot, VirtualKey};
use yumen_gateway::Gateway;
use yumen_store::KeyChange;

use crate::settings::Source;

/// How often the file is looked at. A change is taken at the second look that sees it the same, so that a file
/// that is being written is not read in the middle.
const LOOK: Duration = Duration::from_millis(250);

/// What the metrics page says about reloads.
#[derive(Debug, Default)]
pub struct Reloads {
    /// Files that were taken, wholly or without their bad resources.
    pub ok: std::sync::atomic::AtomicI64,
    /// Files that could not be used: the old settings stayed.
    pub failed: std::sync::atomic::AtomicI64,
}

/// What the path leads to, without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    device: u64,
    inode: u64,
    size: u64,
    modified_ns: i128,
    /// Whether this look has been compared with the text.
    settled: bool,
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
    seen: Option<Look>,
    /// For the metrics page.
    pub reloads: Arc<Reloads>,
}

impl Publisher {
    /// A publisher for settings that have been read before.
    pub fn new(gateway: Arc<Gateway>, source: Source, hasher: KeyHasher, settings: Snapshot) -> Self {
        let text = source.file.as_deref().and_then(|file| std::fs::read_to_string(file).ok());
        let store_keys = std::collections::HashMap::new();
        Self { gateway, source, hasher, settings, store_keys, text, seen: None, reloads: Arc::default() }
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
        let Ok(metadata) = std::fs::metadata(&file) else { return };
        let modified_ns = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
        let (device, inode, size) = (metadata.dev(), metadata.ino(), metadata.size());
        let look = Look { device, inode, size, modified_ns, settled: true };
        match self.seen {
            Some(seen) if seen == look => return,
            Some(seen) if seen == (Look { settled: false, ..look }) => self.seen = Some(look),
            _ => {
                self.seen = Some(Look { settled: false, ..look });
                return;
            }
        }
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
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = look.tick() => self.look(),
                changes = key_changes.recv() => match changes {
                    Some(changes) => self.change_keys(changes),
                    None => return,
                },
            }
        }
    }
}
