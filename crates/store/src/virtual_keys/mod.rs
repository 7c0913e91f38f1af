//! Virtual keys: made, listed, switched off, rotated.
//!
//! In: an operator's wishes. Out: keys as the data plane checks them, by the keyed hash of their secret. A secret is shown
//! once, when it is made; the store never holds it. Each change takes the next number of a counter, so that another process
//! sees what is new with one look-up.

mod secret;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};
use yumen_config::{Access, KeyHash, KeyHasher, ModelPatterns, Secret, VirtualKey, kept_routing};

use crate::database::Database;
use crate::error::StoreError;

const MAX_NAME_CHARS: usize = 100;
/// As many as a key of the configuration may have.
const MAX_TAGS: usize = 64;
const MAX_TAG_CHARS: usize = 100;

/// What a hash stands for from now on: a key, or nothing.
pub type KeyChange = (KeyHash, Option<Arc<VirtualKey>>);

/// What a virtual key allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeySpec {
    /// Allowed models, with `*` wildcards.
    pub models: Vec<String>,
    /// What it may do beyond asking models.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access: Vec<String>,
    /// Unix seconds after which it is no longer good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// Requests per minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// Exchanges at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// How deployments are chosen for it: the document `routing` of the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing: Option<serde_json::Value>,
    /// Words that rules can read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The team that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Whether broken JSON is repaired for it; nothing where the alias or the gateway decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heal_json: Option<bool>,
}

impl Default for KeySpec {
    fn default() -> Self {
        Self {
            models: vec!["*".into()],
            access: Vec::new(),
            expires_at: None,
            requests_per_minute: None,
            concurrency: None,
            routing: None,
            tags: Vec::new(),
            team: None,
            heal_json: None,
        }
    }
}

impl KeySpec {
    fn check(&self) -> Result<(), StoreError> {
        let fits = |word: &String| {
            (1..=MAX_TAG_CHARS).contains(&word.chars().count()) && !word.chars().any(char::is_control)
        };
        if self.tags.len() > MAX_TAGS || !self.tags.iter().all(fits) {
            return Err(StoreError::BadTags);
        }
        if !self.team.iter().all(fits) {
            return Err(StoreError::BadTeam);
        }
        match self.routing.as_ref().map(kept_routing) {
            Some(Err(fault)) => Err(StoreError::BadRouting(fault)),
            _ => Ok(()),
        }
    }
}

/// A virtual key as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredKey {
    /// Stable id, also through rotations.
    pub id: String,
    /// What people call it; no two have the same.
    pub name: String,
    /// The first characters of the current secret.
    pub prefix: String,
    /// What it allows.
    pub spec: KeySpec,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds of the last new secret.
    pub rotated_at: Option<i64>,
    /// Switched off.
    pub disabled: bool,
    /// The number of its last change.
    #[serde(skip)]
    version: i64,
}

/// A key whose secret was made just now.
#[derive(Debug)]
pub struct NewKey {
    /// The key.
    pub key: StoredKey,
    /// Its secret: shown once, kept nowhere.
    pub secret: Secret,
}

/// The virtual keys of the store.
#[derive(Debug, Clone)]
pub struct VirtualKeys {
    database: Database,
    hasher: KeyHasher,
}

impl VirtualKeys {
    pub(crate) fn new(database: Database, hasher: KeyHasher) -> Self {
        Self { database, hasher }
    }

    /// Makes a key.
    pub async fn create(&self, name: &str, spec: &KeySpec) -> Result<NewKey, StoreError> {
        check_name(name)?;
        spec.check()?;
        let (id, secret) = (secret::make_id()?, secret::make()?);
        let mut transaction = self.begin().await?;
        let version = next_version(&mut transaction).await?;
        let row = sqlx::query(
            "INSERT INTO virtual_keys (id, name, prefix, spec, created_at, disabled, version) \
             VALUES ($1, $2, $3, $4, $5, 0, $6) ON CONFLICT (name) DO NOTHING RETURNING *",
        )
        .bind(&id)
        .bind(name)
        .bind(secret::shown(&secret))
        .bind(written(spec)?)
        .bind(now())
        .bind(version)
        .fetch_optional(&mut *transaction)
        .await?;
        let key = stored(&row.ok_or_else(|| StoreError::NameTaken(name.to_owned()))?)?;
        self.add_secret(&mut transaction, &id, &secret).await?;
        transaction.commit().await?;
        Ok(NewKey { key, secret: Secret::new(&secret) })
    }

    /// All keys, the oldest first.
    pub async fn list(&self) -> Result<Vec<StoredKey>, StoreError> {
        let rows = sqlx::query("SELECT * FROM virtual_keys ORDER BY created_at, id")
            .fetch_all(&self.database.readers)
            .await?;
        rows.iter().map(stored).collect()
    }

    /// The key with this id or name.
    pub async fn find(&self, id_or_name: &str) -> Result<Option<StoredKey>, StoreError> {
        found(&self.database.readers, id_or_name).await
    }

    /// Changes what a key allows, and its name if one is given. It holds from the next look at the store, as all
    /// changes do.
    pub async fn update(
        &self,
        id_or_name: &str,
        name: Option<&str>,
        change: impl FnOnce(KeySpec) -> KeySpec,
    ) -> Result<StoredKey, StoreError> {
        name.map(check_name).transpose()?;
        let mut transaction = self.begin().await?;
        // As it is now that nobody else writes.
        let key = found(&mut *transaction, id_or_name).await?;
        let key = key.ok_or_else(|| StoreError::NoSuchKey(id_or_name.to_owned()))?;
        let name = name.unwrap_or(&key.name);
        let spec = change(key.spec);
        spec.check()?;
        let version = next_version(&mut transaction).await?;
        let row = sqlx::query(
            "UPDATE virtual_keys SET name = $2, spec = $3, version = $4 WHERE id = $1 \
             AND NOT EXISTS (SELECT 1 FROM virtual_keys WHERE name = $2 AND id <> $1) RETURNING *",
        )
        .bind(&key.id)
        .bind(name)
        .bind(written(&spec)?)
        .bind(version)
        .fetch_optional(&mut *transaction)
        .await?;
        let key = stored(&row.ok_or_else(|| StoreError::NameTaken(name.to_owned()))?)?;
        transaction.commit().await?;
        Ok(key)
    }

    /// Switches a key off.
    pub async fn disable(&self, id_or_name: &str) -> Result<StoredKey, StoreError> {
        self.set_disabled(id_or_name, true).await
    }

    /// Switches a key on again.
    pub async fn enable(&self, id_or_name: &str) -> Result<StoredKey, StoreError> {
        self.set_disabled(id_or_name, false).await
    }

    /// Gives a key a new secret; the old one stays good for `grace`.
    pub async fn rotate(&self, id_or_name: &str, grace: Duration) -> Result<NewKey, StoreError> {
        let key = self.existing(id_or_name).await?;
        let secret = secret::make()?;
        let mut transaction = self.begin().await?;
        let version = next_version(&mut transaction).await?;
        let good_until = now().saturating_add(i64::try_from(grace.as_secs()).unwrap_or(i64::MAX));
        sqlx::query("UPDATE key_secrets SET good_until = $2 WHERE key_id = $1 AND good_until IS NULL")
            .bind(&key.id)
            .bind(good_until)
            .execute(&mut *transaction)
            .await?;
        self.add_secret(&mut transaction, &key.id, &secret).await?;
        let row = sqlx::query(
            "UPDATE virtual_keys SET prefix = $2, rotated_at = $3, version = $4 WHERE id = $1 RETURNING *",
        )
        .bind(&key.id)
        .bind(secret::shown(&secret))
        .bind(now())
        .bind(version)
        .fetch_one(&mut *transaction)
        .await?;
        let key = stored(&row)?;
        transaction.commit().await?;
        Ok(NewKey { key, secret: Secret::new(&secret) })
    }

    async fn set_disabled(&self, id_or_name: &str, disabled: bool) -> Result<StoredKey, StoreError> {
        let key = self.existing(id_or_name).await?;
        let mut transaction = self.begin().await?;
        let version = next_version(&mut transaction).await?;
        let row =
            sqlx::query("UPDATE virtual_keys SET disabled = $2, version = $3 WHERE id = $1 RETURNING *")
                .bind(&key.id)
                .bind(i64::from(disabled))
                .bind(version)
                .fetch_one(&mut *transaction)
                .await?;
        let key = stored(&row)?;
        transaction.commit().await?;
        Ok(key)
    }

    async fn existing(&self, id_or_name: &str) -> Result<StoredKey, StoreError> {
        self.find(id_or_name).await?.ok_or_else(|| StoreError::NoSuchKey(id_or_name.to_owned()))
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.database.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    async fn add_secret(
        &self,
        transaction: &mut Transaction<'_, Sqlite>,
        key_id: &str,
        secret: &str,
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO key_secrets (key_hash, key_id) VALUES ($1, $2)")
            .bind(self.hasher.hash(secret).to_vec())
            .bind(key_id)
            .execute(&mut **transaction)
            .await?;
        Ok(())
    }

    /// Keys with a later change than `version`, and all hashes under which each of them is or was known.
    pub(crate) async fn changed_since(&self, version: i64) -> Result<Vec<(i64, KeyChange)>, StoreError> {
        let rows = sqlx::query(
            "SELECT virtual_keys.*, key_secrets.key_hash, key_secrets.good_until FROM virtual_keys \
             JOIN key_secrets ON key_secrets.key_id = virtual_keys.id \
             WHERE virtual_keys.version > $1 ORDER BY virtual_keys.version",
        )
        .bind(version)
        .fetch_all(&self.database.readers)
        .await?;
        let now = now();
        rows.iter().map(|row| change(row, now)).collect()
    }
}

/// What the data plane has to know of one secret.
fn change(row: &SqliteRow, now: i64) -> Result<(i64, KeyChange), StoreError> {
    let key = stored(row)?;
    let hash: &[u8] = row.try_get("key_hash")?;
    let hash = KeyHash::try_from(hash).map_err(|_| StoreError::Row("key_hash".into()))?;
    let good_until: Option<i64> = row.try_get("good_until")?;
    if good_until.is_some_and(|until| until <= now) {
        return Ok((key.version, (hash, None)));
    }
    // The end of the grace ends this secret as an expiry does, whichever comes first.
    let expires_at = match (key.spec.expires_at, good_until) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    // What rules deployments out for a key must hold: one whose preferences are not understood is no key.
    let routing = match key.spec.routing.as_ref().map(kept_routing).transpose() {
        Ok(routing) => routing.unwrap_or_default(),
        Err(fault) => {
            tracing::error!(key = key.name, "the key is left out: its routing is not understood: {fault}");
            return Ok((key.version, (hash, None)));
        }
    };
    let checked = VirtualKey {
        id: key.id.into(),
        name: key.name.into(),
        models: ModelPatterns::new(key.spec.models.iter().map(String::as_str)),
        access: Access::new(key.spec.access.iter().map(String::as_str)),
        expires_at,
        disabled: key.disabled,
        requests_per_minute: key.spec.requests_per_minute,
        concurrency: key.spec.concurrency,
        routing,
        heal_json: key.spec.heal_json,
        tags: key.spec.tags.iter().map(|tag| Arc::from(&**tag)).collect(),
        team: key.spec.team.as_deref().map(Arc::from),
    };
    Ok((key.version, (hash, Some(Arc::new(checked)))))
}

async fn next_version(transaction: &mut Transaction<'_, Sqlite>) -> Result<i64, StoreError> {
    let version = sqlx::query_scalar(
        "UPDATE counters SET value = value + 1 WHERE name = 'key_changes' RETURNING value",
    );
    Ok(version.fetch_one(&mut **transaction).await?)
}

fn stored(row: &SqliteRow) -> Result<StoredKey, StoreError> {
    let spec: &str = row.try_get("spec")?;
    Ok(StoredKey {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        prefix: row.try_get("prefix")?,
        spec: serde_json::from_str(spec)
            .map_err(|error| StoreError::Row(format!("a key's spec: {error}")))?,
        created_at: row.try_get("created_at")?,
        rotated_at: row.try_get("rotated_at")?,
        disabled: row.try_get::<i64, _>("disabled")? != 0,
        version: row.try_get("version")?,
    })
}

async fn found(
    reader: impl sqlx::SqliteExecutor<'_>,
    id_or_name: &str,
) -> Result<Option<StoredKey>, StoreError> {
    let row = sqlx::query("SELECT * FROM virtual_keys WHERE id = $1 OR name = $1 ORDER BY id <> $1 LIMIT 1")
        .bind(id_or_name)
        .fetch_optional(reader)
        .await?;
    row.as_ref().map(stored).transpose()
}

fn written(spec: &KeySpec) -> Result<String, StoreError> {
    serde_json::to_string(spec).map_err(|error| StoreError::Row(error.to_string()))
}

fn check_name(name: &str) -> Result<(), StoreError> {
    let fits = !name.is_empty() && name.chars().count() <= MAX_NAME_CHARS;
    if fits && name.trim() == name && !name.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(StoreError::BadName)
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
