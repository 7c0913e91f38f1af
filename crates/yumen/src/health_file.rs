//! How deployments did, kept in a file of the data folder from one run to the next.
//!
//! In: the gateway's figures, now and then and at the end. Out: the same figures at the next start. It is only a memory:
//! a file that cannot be read or written costs nothing but that.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use yumen_gateway::{Gateway, SavedHealth};

const FILE: &str = "health.json";
/// How often it is written: what a killed process forgets.
const EVERY: Duration = Duration::from_secs(30);
/// A larger file is not one of ours.
const BYTES_MOST: u64 = 64 << 20;

#[derive(Serialize, Deserialize)]
struct Written {
    /// Unix milliseconds.
    at_ms: u64,
    health: SavedHealth,
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Takes up what the last run knew.
pub fn restore(data_dir: &Path, gateway: &Gateway) {
    let path = data_dir.join(FILE);
    let Ok(about) = std::fs::metadata(&path) else { return };
    let read = || -> anyhow::Result<Written> {
        anyhow::ensure!(about.len() <= BYTES_MOST, "it is too large");
        Ok(serde_json::from_slice(&std::fs::read(&path)?)?)
    };
    match read() {
        Ok(Written { at_ms, health }) => {
            gateway.restore_health(health, Duration::from_millis(now_ms().saturating_sub(at_ms)));
        }
        Err(error) => {
            tracing::warn!(%error, "how deployments did is not known: {} cannot be read", path.display())
        }
    }
}

/// Writes what is known now, in one step.
pub fn write(data_dir: &Path, gateway: &Gateway) {
    let written = Written { at_ms: now_ms(), health: gateway.saved_health() };
    let draft = data_dir.join("health.json.new");
    let result = serde_json::to_vec(&written)
        .map_err(std::io::Error::from)
        .and_then(|text| std::fs::write(&draft, text))
        .and_then(|()| std::fs::rename(&draft, data_dir.join(FILE)));
    if let Err(error) = result {
        tracing::debug!(%error, "how deployments do could not be written");
    }
}

/// Writes it now and then, for as long as the process runs.
pub async fn keep(data_dir: PathBuf, gateway: Arc<Gateway>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let (data_dir, gateway) = (data_dir.clone(), Arc::clone(&gateway));
        let _ = tokio::task::spawn_blocking(move || write(&data_dir, &gateway)).await;
    }
}
