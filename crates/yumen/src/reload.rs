//! The live settings: the file, the files of secrets that it names, the catalogue, the store and what servers tell of their
//! models are watched, and a change is published as a new Snapshot.
//!
//! A file is looked at a few times in a second, by what its path leads to: so a rewrite, a rename over it and a
//! swapped symbolic link above it (as Kubernetes does) are all the same, on every file system.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::bail;
use tokio::sync::mpsc;
use yumen_config::{Discovered, KeyHash, KeyHasher, KeyTable, Severity, Snapshot, StorePreset, VirtualKey};
use yumen_gateway::{Gateway, Told};
use yumen_store::StoreChanges;

use crate::settings::{SecretFile, Source};

/// How often the file is looked at. A change is taken at the second look that sees it the same, so that a file
/// that is being written is not read in the middle.
const LOOK: Duration = Duration::from_millis(250);

/// What the metrics page says about reloads.
#[derive(Debug, Default)]
pub struct Reloads {
    /// Files that were taken, wholly or without their bad resources.
    pub ok: AtomicI64,
    /// Files that could not be used: the old settings stayed.
    pub failed: AtomicI64,
}

/// What a path leads to, without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    device: u64,
    inode: u64,
    size: u64,
    modified_ns: i128,
    /// Moves also when only the rights change, so that a file that could not be read is tried again.
    changed_ns: i128,
    /// Whether this look has been compared with the text.
    settled: bool,
}

/// A path that is looked at.
#[derive(Debug, Default)]
struct Watched(Option<Look>);

impl Watched {
    /// Whether it leads to something new, which is seen the second time.
    fn has_moved(&mut self, path: &Path) -> bool {
        let Ok(metadata) = std::fs::metadata(path) else { return false };
        let ns = |seconds: i64, ns: i64| i128::from(seconds) * 1_000_000_000 + i128::from(ns);
        let modified_ns = ns(metadata.mtime(), metadata.mtime_nsec());
        let changed_ns = ns(metadata.ctime(), metadata.ctime_nsec());
        let (device, inode, size) = (metadata.dev(), metadata.ino(), metadata.size());
        let look = Look { device, inode, size, modified_ns, changed_ns, settled: true };
        match self.0 {
            Some(seen) if seen == look => false,
            Some(seen) if seen == (Look { settled: false, ..look }) => {
                self.0 = Some(look);
                true
            }
            _ => {
                self.0 = Some(Look { settled: false, ..look });
                false
            }
        }
    }
}

/// Publishes Snapshots: the file's settings together with the store's keys and presets and the models that servers tell of.
pub struct Publisher {
    gateway: Arc<Gateway>,
    source: Source,
    hasher: KeyHasher,
    /// The settings as the file has them, without the store's keys and presets.
    settings: Snapshot,
    store_keys: std::collections::HashMap<KeyHash, Arc<VirtualKey>>,
    /// What the servers of providers have told last.
    discovered: BTreeMap<Arc<str>, Discovered>,
    /// The file's text that was last looked into, whether or not it was taken.
    text: Option<String>,
    file: Watched,
    secrets: Vec<(SecretFile, Watched)>,
    /// What names the catalogue in use.
    catalogue: (PathBuf, Watched),
    /// For the metrics page.
    pub reloads: Arc<Reloads>,
}

impl Publisher {
    /// A publisher for settings that were read from this text.
    pub fn new(
        gateway: Arc<Gateway>,
        source: Source,
        text: Option<String>,
        hasher: KeyHasher,
        settings: Snapshot,
    ) -> Self {
        let catalogue = (source.catalogue_pointer(), Watched::default());
        let mut publisher = Self {
            gateway,
            source,
            hasher,
            settings,
            store_keys: std::collections::HashMap::new(),
            discovered: BTreeMap::new(),
            text,
            file: Watched::default(),
            secrets: Vec::new(),
            catalogue,
            reloads: Arc::default(),
        };
        publisher.watch_secrets();
        publisher
    }

    /// Looks from now on at the files of secrets that the settings name.
    fn watch_secrets(&mut self) {
        let files = self.source.secret_files().into_iter();
        self.secrets = files.map(|file| (file, Watched::default())).collect();
    }

    /// Takes changes of the store's keys and presets; only these are touched.
    pub fn take_changes(&mut self, changes: StoreChanges) {
        if changes.is_empty() {
            return;
        }
        let live = self.gateway.snapshot.load();
        let mut taken = Vec::with_capacity(changes.keys.len());
        for (hash, key) in changes.keys {
            match &key {
                Some(key) => self.store_keys.insert(hash, Arc::clone(key)),
                None => self.store_keys.remove(&hash),
            };
            // A key of the file wins over one of the store with the same secret.
            let key = self.settings.keys.get(&hash).cloned().or(key);
            taken.push((hash, key));
        }
        let mut next = live.with_keys(live.keys.with_all(taken));
        if !changes.presets.is_empty() {
            let names: Vec<Arc<str>> =
                changes.presets.iter().map(|change| Arc::clone(&change.name)).collect();
            next = next.with_store_presets(live.store_presets.with_changes(changes.presets));
            let changed = names.iter().filter_map(|name| Some((name, next.store_presets.get(name)?)));
            warn_of_presets(&next, changed);
        }
        self.gateway.publish(Arc::new(next));
    }

    /// Takes what a provider's server has told of its models, if that is anything new.
    pub fn take_models(&mut self, (name, found): Told) {
        // What was asked before a reload may be of a place that is not asked any more.
        let is_asked = self.settings.providers.get(&name).is_some_and(|provider| found.is_of(provider));
        let is_known = self.discovered.get(&name).is_some_and(|known| known.models == found.models);
        if !is_asked || is_known {
            return;
        }
        tracing::info!(provider = &*name, models = found.models.len(), "the server has told its models");
        self.discovered.insert(name, found);
        let keys = self.gateway.snapshot.load().keys.clone();
        self.publish(keys);
    }

    /// Publishes the settings with these keys, and with the store's presets as they are.
    fn publish(&self, keys: KeyTable) -> Arc<Snapshot> {
        let store_presets = self.gateway.snapshot.load().store_presets.clone();
        let settings = self.settings.with_discovered(&self.discovered);
        let next = Arc::new(settings.with_keys(keys).with_store_presets(store_presets));
        self.gateway.publish(Arc::clone(&next));
        next
    }

    /// Looks whether the text of a file has changed and, if so, takes it.
    pub fn look(&mut self) {
        let moved = self.source.file.as_deref().is_some_and(|file| self.file.has_moved(file));
        let mut renewed = false;
        for (file, watched) in &mut self.secrets {
            if watched.has_moved(&file.path) && file.has_changed() {
                tracing::info!("{}: the secret has changed", file.path.display());
                renewed = true;
            }
        }
        renewed |= self.look_at_catalogue();
        if (moved || renewed)
            && let Err(error) = self.read_and_take(renewed)
        {
            self.reloads.failed.fetch_add(1, Ordering::Relaxed);
            let file = self.source.file.as_deref().unwrap_or(Path::new("environment"));
            tracing::error!("{}: {error:#}; the old settings stay", file.display());
        }
    }

    /// Takes another catalogue when one was approved, or the built-in one again.
    fn look_at_catalogue(&mut self) -> bool {
        let (pointer, watched) = &mut self.catalogue;
        if !watched.has_moved(pointer) {
            return false;
        }
        match self.source.renew_catalogue() {
            Ok(is_other) => {
                if is_other {
                    tracing::info!("another catalogue of models is in use");
                }
                is_other
            }
            Err(error) => {
                self.reloads.failed.fetch_add(1, Ordering::Relaxed);
                tracing::error!("{error:#}; the catalogue stays as it was");
                false
            }
        }
    }

    /// Reads the file once; the text that is compared is the text that is checked.
    fn read_and_take(&mut self, renewed: bool) -> anyhow::Result<()> {
        let text = self.source.text()?;
        if text == self.text && !renewed {
            return Ok(());
        }
        self.text = text;
        // A file that is being replaced is empty for a moment, and nobody means to take everything away by it.
        if self.text.as_deref().is_some_and(says_nothing) {
            bail!("it is empty");
        }
        let checked = self.source.parse(self.text.as_deref(), &self.hasher, Some(&self.settings));
        self.watch_secrets();
        for diagnostic in &checked.diagnostics {
            match diagnostic.severity {
                Severity::Error => tracing::error!("{diagnostic}"),
                Severity::Warning => tracing::warn!("{diagnostic}"),
            }
        }
        let Some(settings) = checked.snapshot else { bail!("it cannot be understood") };
        if settings.gateway.listen != self.settings.gateway.listen
            || settings.process != self.settings.process
        {
            tracing::warn!("a change of `listen`, `store` or `log` takes effect at the next start");
        }
        self.settings = settings;
        let providers = &self.settings.providers;
        self.discovered
            .retain(|name, found| providers.get(name).is_some_and(|provider| found.is_of(provider)));
        let store_keys = self.store_keys.iter().filter(|(hash, _)| self.settings.keys.get(*hash).is_none());
        let store_keys: Vec<_> = store_keys.map(|(hash, key)| (*hash, Some(Arc::clone(key)))).collect();
        let keys = self.settings.keys.with_all(store_keys);
        let next = self.publish(keys);
        warn_of_presets(&next, next.store_presets.iter());
        self.reloads.ok.fetch_add(1, Ordering::Relaxed);
        tracing::info!(providers = self.settings.providers.len(), "the changed configuration was taken");
        Ok(())
    }

    /// Watches the file, the store and what servers tell until the process stops.
    pub async fn watch(mut self, mut changes: mpsc::Receiver<StoreChanges>, mut told: mpsc::Receiver<Told>) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = look.tick() => self.look(),
                Some(told) = told.recv() => self.take_models(told),
                changes = changes.recv() => match changes {
                    Some(changes) => self.take_changes(changes),
                    None => return,
                },
            }
        }
    }
}

/// Presets of the store that are named one by one where they cannot be served.
const MOST_TOLD: usize = 20;

/// Says which presets of the store cannot be asked for, and why.
fn warn_of_presets<'p>(
    snapshot: &Snapshot,
    presets: impl Iterator<Item = (&'p Arc<str>, &'p Arc<StorePreset>)>,
) {
    let mut count = 0_usize;
    for (name, preset) in presets {
        let Some(fault) = snapshot.fault_of(name, preset) else { continue };
        count += 1;
        if count <= MOST_TOLD {
            tracing::warn!(preset = &**name, "a preset of the store is not served: {fault}");
        }
    }
    if count > MOST_TOLD {
        tracing::warn!(presets = count, "so are others");
    }
}

/// Whether a document has nothing in it but comments and white space.
fn says_nothing(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}');
    text.lines()
        .map(str::trim)
        .all(|line| line.is_empty() || line.starts_with('#') || line == "---" || line == "...")
}

#[cfg(test)]
mod tests {
    use super::says_nothing;

    #[test]
    fn a_document_without_content() {
        for nothing in ["", "\n \t\n", "# providers: {}\n", "\u{feff}---\n# later\n...\n"] {
            assert!(says_nothing(nothing), "{nothing:?}");
        }
        assert!(!says_nothing("# all\nproviders: {}\n"));
    }
}
