//! Watches the store for changed keys, also those that another process changes.

use std::sync::Arc;
use std::time::Duration;

use yumen_config::{KeyHash, VirtualKey};

use super::VirtualKeys;
use crate::error::StoreError;

const LOOK_EVERY: Duration = Duration::from_millis(300);

/// What a hash stands for from now on: a key, or nothing.
pub type KeyChange = (KeyHash, Option<Arc<VirtualKey>>);

/// Yields what changed since it was asked before; at first, all keys.
#[derive(Debug)]
pub struct KeyWatch {
    keys: VirtualKeys,
    version: i64,
}

impl KeyWatch {
    pub(crate) fn new(keys: VirtualKeys) -> Self {
        Self { keys, version: 0 }
    }

    /// What changed since the last call, in order; one look-up by an index when nothing did.
    pub async fn changes(&mut self) -> Result<Vec<KeyChange>, StoreError> {
        let changes = self.keys.changed_since(self.version).await?;
        if let Some((version, _)) = changes.last() {
            self.version = *version;
        }
        Ok(changes.into_iter().map(|(_, change)| change).collect())
    }

    /// Waits for the next changes. A database that cannot be read is asked again.
    pub async fn next(&mut self) -> Vec<KeyChange> {
        let mut failing = false;
        loop {
            match self.changes().await {
                Ok(changes) if !changes.is_empty() => return changes,
                Ok(_) => failing = false,
                Err(error) => {
                    if !failing {
                        tracing::warn!(%error, "the virtual keys cannot be read; those known stay as they are");
                    }
                    failing = true;
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
