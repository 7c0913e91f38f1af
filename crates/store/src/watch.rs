//! Watches the store for changed keys and presets, also those that another process changes.

use std::time::Duration;

use yumen_config::PresetChange;

use crate::error::StoreError;
use crate::presets::Presets;
use crate::virtual_keys::{KeyChange, VirtualKeys};

const LOOK_EVERY: Duration = Duration::from_millis(300);

/// What is another in the store since it was looked at before.
#[derive(Debug, Default)]
pub struct StoreChanges {
    /// Secrets, each with what it stands for from now on.
    pub keys: Vec<KeyChange>,
    /// Presets.
    pub presets: Vec<PresetChange>,
}

impl StoreChanges {
    /// Whether all is as before.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.presets.is_empty()
    }
}

/// Yields what changed since it was asked before; at first, all keys and presets.
#[derive(Debug)]
pub struct StoreWatch {
    keys: VirtualKeys,
    key_change: i64,
    presets: Presets,
    preset_change: i64,
}

impl StoreWatch {
    pub(crate) fn new(keys: VirtualKeys, presets: Presets) -> Self {
        Self { keys, key_change: 0, presets, preset_change: 0 }
    }

    /// What changed since the last call, in order; one look-up by an index for either kind when nothing did.
    pub async fn changes(&mut self) -> Result<StoreChanges, StoreError> {
        let keys = self.keys.changed_since(self.key_change).await?;
        let presets = self.presets.changed_since(self.preset_change).await?;
        // Only once both are known: a failure in between must not lose what was read.
        self.key_change = keys.last().map_or(self.key_change, |(version, _)| *version);
        self.preset_change = presets.last().map_or(self.preset_change, |(version, _)| *version);
        Ok(StoreChanges {
            keys: keys.into_iter().map(|(_, change)| change).collect(),
            presets: presets.into_iter().map(|(_, change)| change).collect(),
        })
    }

    /// Waits for the next changes. A database that cannot be read is asked again.
    pub async fn next(&mut self) -> StoreChanges {
        let mut failing = false;
        loop {
            match self.changes().await {
                Ok(changes) if !changes.is_empty() => return changes,
                Ok(_) => failing = false,
                Err(error) => {
                    if !failing {
                        tracing::warn!(%error, "keys and presets of the store cannot be read; those known stay as they are");
                    }
                    failing = true;
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
