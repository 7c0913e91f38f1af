//! Presets of the store: set, listed, rolled back, removed.
//!
//! In: an operator's wishes, each document checked before. Out: versions that never change, and what of them the data plane is
//! to serve. Each change takes the next number of a counter, so that another process sees what is new with one look-up.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};
use yumen_config::{PresetChange, is_preset_name, kept_preset};

use crate::database::Database;
use crate::error::StoreError;

/// Presets that can be asked for at the same time.
const MOST_PRESETS: i64 = 10_000;
/// Versions of one preset.
const MOST_VERSIONS: u32 = 1000;
/// Bytes of one version.
const MOST_BYTES: usize = 256 * 1024;
/// Bytes of all versions of presets that can be asked for: a gateway holds them in memory.
const MOST_BYTES_OF_ALL: i64 = 64 * 1024 * 1024;

/// A preset as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredPreset {
    /// Its name.
    pub name: String,
    /// The version that its name stands for; nothing once it was removed.
    pub used: Option<u32>,
    /// The newest version.
    pub newest: u32,
    /// Of all its versions.
    #[serde(skip)]
    bytes: i64,
}

/// A version of a preset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPresetVersion {
    /// Its number.
    pub version: u32,
    /// What it says, as JSON.
    pub spec: String,
    /// Unix seconds.
    pub created_at: i64,
}

/// The presets of the store.
#[derive(Debug, Clone)]
pub struct Presets {
    database: Database,
}

impl Presets {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Makes a new version, which the name stands for from now on.
    pub async fn set(&self, name: &str, spec: &str) -> Result<StoredPreset, StoreError> {
        if !is_preset_name(name) {
            return Err(StoreError::BadPreset(format!("`{}` is no name for one", name.escape_debug())));
        }
        if spec.len() > MOST_BYTES {
            return Err(StoreError::BadPreset(format!(
                "it has {} bytes; at most {MOST_BYTES} are kept",
                spec.len()
            )));
        }
        let mut transaction = self.begin().await?;
        let before = find(&mut transaction, name).await?;
        let newest = before.as_ref().map_or(0, |preset| preset.newest) + 1;
        if newest > MOST_VERSIONS {
            let message = format!("it has {MOST_VERSIONS} versions, which is the most; take another name");
            return Err(StoreError::BadPreset(message));
        }
        kept_preset(name, newest, spec).map_err(StoreError::BadPreset)?;
        let change = next_change(&mut transaction).await?;
        let bytes = i64::try_from(spec.len()).unwrap_or(i64::MAX);
        let served = before.as_ref().filter(|before| before.used.is_some()).map_or(0, |before| before.bytes);
        let whole = before.as_ref().map_or(0, |before| before.bytes) + bytes;
        let put = Put { name, used: newest, newest, bytes: whole, change };
        let preset = put.put(&mut transaction).await?;
        sqlx::query(
            "INSERT INTO preset_versions (name, version, created_at, change, spec) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(name)
        .bind(newest)
        .bind(now())
        .bind(change)
        .bind(spec)
        .execute(&mut *transaction)
        .await?;
        let is_new = before.as_ref().is_none_or(|before| before.used.is_none());
        serve_again(&mut transaction, before.as_ref(), change).await?;
        take_room(&mut transaction, i64::from(is_new), whole - served).await?;
        transaction.commit().await?;
        Ok(preset)
    }

    /// Lets a name stand for another of its versions; one that was removed can be asked for again.
    pub async fn choose(&self, name: &str, version: u32) -> Result<StoredPreset, StoreError> {
        let mut transaction = self.begin().await?;
        let before = existing(&mut transaction, name).await?;
        let known: Option<i64> =
            sqlx::query_scalar("SELECT version FROM preset_versions WHERE name = $1 AND version = $2")
                .bind(name)
                .bind(version)
                .fetch_optional(&mut *transaction)
                .await?;
        if known.is_none() {
            return Err(StoreError::NoSuchPreset(format!("{name}@{version}")));
        }
        let change = next_change(&mut transaction).await?;
        let put = Put { name, used: version, newest: before.newest, bytes: before.bytes, change };
        let preset = put.put(&mut transaction).await?;
        if before.used.is_none() {
            serve_again(&mut transaction, Some(&before), change).await?;
            take_room(&mut transaction, 1, before.bytes).await?;
        }
        transaction.commit().await?;
        Ok(preset)
    }

    /// Ends a preset: nobody can ask for it any more. Its versions stay known, and a new one takes the next number.
    pub async fn remove(&self, name: &str) -> Result<StoredPreset, StoreError> {
        let mut transaction = self.begin().await?;
        let before = existing(&mut transaction, name).await?;
        if before.used.is_none() {
            return Ok(before);
        }
        take_room(&mut transaction, -1, -before.bytes).await?;
        let change = next_change(&mut transaction).await?;
        let row = sqlx::query("UPDATE presets SET used = NULL, change = $2 WHERE name = $1 RETURNING *")
            .bind(name)
            .bind(change)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        stored(&row)
    }

    /// All presets by their names, those that were removed included.
    pub async fn list(&self) -> Result<Vec<StoredPreset>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM presets ORDER BY name").fetch_all(&self.database.readers).await?;
        rows.iter().map(stored).collect()
    }

    /// The preset with this name.
    pub async fn find(&self, name: &str) -> Result<StoredPreset, StoreError> {
        let row = sqlx::query("SELECT * FROM presets WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.database.readers)
            .await?;
        row.as_ref().map(stored).transpose()?.ok_or_else(|| StoreError::NoSuchPreset(name.to_owned()))
    }

    /// One version of a preset.
    pub async fn version(&self, name: &str, version: u32) -> Result<StoredPresetVersion, StoreError> {
        let row = sqlx::query("SELECT * FROM preset_versions WHERE name = $1 AND version = $2")
            .bind(name)
            .bind(version)
            .fetch_optional(&self.database.readers)
            .await?;
        let row = row.ok_or_else(|| StoreError::NoSuchPreset(format!("{name}@{version}")))?;
        Ok(StoredPresetVersion {
            version: row.try_get("version")?,
            spec: row.try_get("spec")?,
            created_at: row.try_get("created_at")?,
        })
    }

    /// Presets with a later change than `change`, each with the versions that came to be served since.
    pub(crate) async fn changed_since(&self, change: i64) -> Result<Vec<(i64, PresetChange)>, StoreError> {
        let rows = sqlx::query(
            "SELECT presets.name, presets.used, presets.change, added.version, added.spec FROM presets \
             LEFT JOIN preset_versions AS added \
             ON added.name = presets.name AND added.change > $1 AND presets.used IS NOT NULL \
             WHERE presets.change > $1 ORDER BY presets.change, added.version",
        )
        .bind(change)
        .fetch_all(&self.database.readers)
        .await?;
        let mut changes: Vec<(i64, PresetChange)> = Vec::new();
        for row in &rows {
            let change: i64 = row.try_get("change")?;
            if changes.last().is_none_or(|(last, _)| *last != change) {
                let name: &str = row.try_get("name")?;
                let used = row.try_get("used")?;
                changes.push((change, PresetChange { name: Arc::from(name), used, added: Vec::new() }));
            }
            if let (Some((_, preset)), Some(version)) = (changes.last_mut(), row.try_get("version")?) {
                let kept = kept_preset(&preset.name, version, row.try_get("spec")?);
                preset.added.push((version, kept.map(Arc::new).map_err(Arc::from)));
            }
        }
        Ok(changes)
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.database.writer.begin_with("BEGIN IMMEDIATE").await?)
    }
}

type Open<'t> = Transaction<'t, Sqlite>;

async fn find(transaction: &mut Open<'_>, name: &str) -> Result<Option<StoredPreset>, StoreError> {
    let row = sqlx::query("SELECT * FROM presets WHERE name = $1")
        .bind(name)
        .fetch_optional(&mut **transaction)
        .await?;
    row.as_ref().map(stored).transpose()
}

async fn existing(transaction: &mut Open<'_>, name: &str) -> Result<StoredPreset, StoreError> {
    find(transaction, name).await?.ok_or_else(|| StoreError::NoSuchPreset(name.to_owned()))
}

/// A preset as it is from now on.
struct Put<'n> {
    name: &'n str,
    used: u32,
    newest: u32,
    bytes: i64,
    change: i64,
}

impl Put<'_> {
    async fn put(self, transaction: &mut Open<'_>) -> Result<StoredPreset, StoreError> {
        let row = sqlx::query(
            "INSERT INTO presets (name, used, newest, bytes, change) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (name) DO UPDATE SET used = excluded.used, newest = excluded.newest, \
             bytes = excluded.bytes, change = excluded.change RETURNING *",
        )
        .bind(self.name)
        .bind(self.used)
        .bind(self.newest)
        .bind(self.bytes)
        .bind(self.change)
        .fetch_one(&mut **transaction)
        .await?;
        stored(&row)
    }
}

/// What was removed was forgotten by those who watch: all its versions are new to them.
async fn serve_again(
    transaction: &mut Open<'_>,
    before: Option<&StoredPreset>,
    change: i64,
) -> Result<(), StoreError> {
    if let Some(removed) = before.filter(|before| before.used.is_none()) {
        sqlx::query("UPDATE preset_versions SET change = $2 WHERE name = $1")
            .bind(&removed.name)
            .bind(change)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// Takes room for presets that can be asked for, or gives it back.
async fn take_room(transaction: &mut Open<'_>, presets: i64, bytes: i64) -> Result<(), StoreError> {
    if add(transaction, "presets", presets).await? > MOST_PRESETS && presets > 0 {
        return Err(StoreError::BadPreset(format!("there are {MOST_PRESETS} already; remove one first")));
    }
    if add(transaction, "preset_bytes", bytes).await? > MOST_BYTES_OF_ALL && bytes > 0 {
        let message = format!("all versions together would have more than {MOST_BYTES_OF_ALL} bytes");
        return Err(StoreError::BadPreset(format!("{message}; remove a preset first")));
    }
    Ok(())
}

/// Adds to one of the counters; gives what it is then.
async fn add(transaction: &mut Open<'_>, counter: &str, number: i64) -> Result<i64, StoreError> {
    let value = sqlx::query_scalar("UPDATE counters SET value = value + $2 WHERE name = $1 RETURNING value");
    Ok(value.bind(counter).bind(number).fetch_one(&mut **transaction).await?)
}

async fn next_change(transaction: &mut Open<'_>) -> Result<i64, StoreError> {
    add(transaction, "preset_changes", 1).await
}

fn stored(row: &SqliteRow) -> Result<StoredPreset, StoreError> {
    Ok(StoredPreset {
        name: row.try_get("name")?,
        used: row.try_get("used")?,
        newest: row.try_get("newest")?,
        bytes: row.try_get("bytes")?,
    })
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
