//! Presets of the store by their names, each with all versions that can be asked for.
//!
//! In: versions as the store has them. Out: a table for the data plane, in which `NAME` is the version in use and `NAME@3` that
//! one. It never looks at the configuration's presets, which win over these.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use crate::rules::Preset;
use crate::table::{Sharded, Table};

/// Presets of the store by their names.
pub type PresetTable = Table<Arc<str>, Arc<StorePreset>>;

/// A version of a preset, or why it cannot be served.
pub type PresetVersion = Result<Arc<Preset>, Arc<str>>;

/// A preset of the store.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StorePreset {
    /// The version that its plain name stands for.
    pub used: u32,
    /// All versions.
    pub versions: BTreeMap<u32, PresetVersion>,
}

/// What of a preset of the store is another from now on.
#[derive(Debug, Clone, PartialEq)]
pub struct PresetChange {
    /// Its name.
    pub name: Arc<str>,
    /// The version that its name stands for; nothing once it was removed.
    pub used: Option<u32>,
    /// Versions that were not there before.
    pub added: Vec<(u32, PresetVersion)>,
}

impl PresetTable {
    /// A table with these changes.
    pub fn with_changes(&self, changes: impl IntoIterator<Item = PresetChange>) -> Self {
        self.with_all(changes.into_iter().map(|PresetChange { name, used, added }| {
            let changed = used.map(|used| {
                let known = self.get(&name).map(|known| known.versions.clone());
                let versions = known.into_iter().flatten().chain(added).collect();
                Arc::new(StorePreset { used, versions })
            });
            (name, changed)
        }))
    }
}

/// Why a preset cannot be put on a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPreset {
    /// None is called so.
    #[error("There is no preset `{0}`.")]
    Unknown(String),
    /// It has no such version.
    #[error("The preset `{name}` has no version `{version}`{}.", in_use(.used))]
    Version {
        /// Its name.
        name: String,
        /// The version that was asked for.
        version: String,
        /// The one that its name stands for, if it has versions at all.
        used: Option<String>,
    },
    /// The version is there and cannot be served.
    #[error("The preset `{0}` cannot be served: {1}.")]
    Unfit(String, Arc<str>),
}

fn in_use(used: &Option<String>) -> String {
    used.as_ref().map(|used| format!("; version {used} is in use")).unwrap_or_default()
}

impl Sharded for str {
    fn spread(&self) -> usize {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        usize::try_from(hasher.finish() & 0xffff).unwrap_or_default()
    }
}

impl Sharded for Arc<str> {
    fn spread(&self) -> usize {
        (**self).spread()
    }
}

impl StorePreset {
    /// The version that is asked for; without one, the version in use.
    pub fn version(&self, name: &str, version: Option<&str>) -> Result<Arc<Preset>, NoPreset> {
        let number = match version {
            Some(version) => version.parse().unwrap_or_default(),
            None => self.used,
        };
        match self.versions.get(&number) {
            Some(Ok(preset)) => Ok(Arc::clone(preset)),
            Some(Err(fault)) => Err(NoPreset::Unfit(format!("{name}@{number}"), Arc::clone(fault))),
            None => {
                let used = self.used.to_string();
                Err(NoPreset::version(name, version.unwrap_or(&used), Some(&used)))
            }
        }
    }
}

impl NoPreset {
    pub(crate) fn unknown(name: &str) -> Self {
        Self::Unknown(shown(name))
    }

    pub(crate) fn version(name: &str, version: &str, used: Option<&str>) -> Self {
        Self::Version { name: shown(name), version: shown(version), used: used.map(str::to_owned) }
    }
}

/// What a client has written, as far as it may stand in an answer.
fn shown(text: &str) -> String {
    text.chars().take(100).filter(|letter| !letter.is_control()).collect()
}
