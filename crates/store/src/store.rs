//! The store: what is kept between two starts of the server.
//!
//! In: a data folder. Out: virtual keys, presets, usage, records, and the ledger of a running server. Several processes may open the
//! same store; only one may run its ledger.

use std::fs::File;
use std::path::{Path, PathBuf};

use yumen_config::KeyHasher;
use yumen_telemetry::{ExchangeRecord, RecordObserver};

use crate::database::Database;
use crate::error::StoreError;
use crate::folder;
use crate::kept_responses::KeptResponses;
use crate::ledger::{self, Ledger};
use crate::owned_objects::OwnedObjects;
use crate::presets::Presets;
use crate::seal::Sealer;
use crate::server_key;
use crate::shadows::{self, ShadowQuery, ShadowRow};
use crate::spool::SpoolSettings;
use crate::usage::{self, UsageQuery, UsageRow};
use crate::virtual_keys::VirtualKeys;
use crate::watch::StoreWatch;

/// The store. A clone is the same store.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
    hasher: KeyHasher,
    sealer: Sealer,
}

impl Store {
    /// Opens the store in a data folder, which is made when there is none. `url` (`sqlite://FILE`) names another
    /// database file than `yumen.db` in that folder.
    pub async fn open(data_dir: &Path, url: Option<&str>) -> Result<Self, StoreError> {
        let file = database_file(data_dir, url)?;
        folder::make(data_dir)?;
        if let Some(dir) = file.parent() {
            folder::make(dir)?;
        }
        Self::open_file(data_dir, &file).await
    }

    /// The same, but a store that is not there is an error.
    pub async fn open_existing(data_dir: &Path, url: Option<&str>) -> Result<Self, StoreError> {
        let file = database_file(data_dir, url)?;
        match file.try_exists() {
            Ok(true) => Self::open_file(data_dir, &file).await,
            Ok(false) => Err(StoreError::NoStore { path: file }),
            Err(error) => Err(StoreError::file(&file)(error)),
        }
    }

    async fn open_file(data_dir: &Path, file: &Path) -> Result<Self, StoreError> {
        let _lock = opening_lock(data_dir).await?;
        let key_path = data_dir.join("server.key");
        let server_key = server_key::read_or_make(&key_path)?;
        let database = Database::open(file).await?;
        if !claim(&database, &server_key::fingerprint(&server_key)).await? {
            return Err(StoreError::ServerKey { path: key_path });
        }
        let sealer = Sealer::new(&server_key);
        Ok(Self { database, hasher: KeyHasher::new(server_key), sealer })
    }

    /// Hashes virtual keys' secrets, also those of the configuration, as the store does.
    pub fn key_hasher(&self) -> &KeyHasher {
        &self.hasher
    }

    /// The virtual keys.
    pub fn keys(&self) -> VirtualKeys {
        VirtualKeys::new(self.database.clone(), self.hasher.clone())
    }

    /// The presets.
    pub fn presets(&self) -> Presets {
        Presets::new(self.database.clone())
    }

    /// All virtual keys and presets first, then each change, also those that other processes make.
    pub fn watch(&self) -> StoreWatch {
        StoreWatch::new(self.keys(), self.presets())
    }

    /// Responses that the gateway keeps itself.
    pub fn kept_responses(&self) -> KeptResponses {
        KeptResponses::new(self.database.clone(), self.sealer.clone())
    }

    /// Whose files, batches, jobs and responses at providers are whose.
    pub fn owned_objects(&self) -> OwnedObjects {
        OwnedObjects::new(self.database.clone())
    }

    /// Sums over a span of time.
    pub async fn usage(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        usage::sum(&self.database.readers, query).await
    }

    /// How candidates compare with aliases whose requests they were sent copies of.
    pub async fn shadows(&self, query: &ShadowQuery) -> Result<Vec<ShadowRow>, StoreError> {
        shadows::compare(&self.database.readers, query).await
    }

    /// Records in a spool that have not reached the database: those of the last moments, or more when a server was
    /// killed. Nothing is taken from the spool and no server is disturbed.
    pub async fn waiting_records(&self, spool_dir: &Path) -> Result<u64, StoreError> {
        ledger::waiting_records(&self.database.readers, spool_dir).await
    }

    /// The record with this id, when this key (or any, for `None`) made it. A running server's [`Ledger`] finds those too
    /// that have not been stored.
    pub async fn generation(
        &self,
        id: &str,
        key_id: Option<&str>,
    ) -> Result<Option<ExchangeRecord>, StoreError> {
        ledger::find(&self.database.readers, id, key_id).await
    }

    /// Records of a span of time (`since_us` included, `until_us` not), the oldest first: at most `most` of those behind the id
    /// `after`, which is empty at first and then the last one of the page before.
    pub async fn records(
        &self,
        span_us: (i64, i64),
        after: &str,
        most: u32,
    ) -> Result<Vec<ExchangeRecord>, StoreError> {
        ledger::page(&self.database.readers, span_us, after, most).await
    }

    /// The id behind which the newest `most` records of a span of time stand; none where there are no more.
    pub async fn newest_records(&self, span_us: (i64, i64), most: u32) -> Result<Option<String>, StoreError> {
        ledger::newest(&self.database.readers, span_us, most).await
    }

    /// Takes the spool over and begins to drain it on the current runtime; each record is shown once to each observer.
    pub async fn start_ledger(
        &self,
        settings: SpoolSettings,
        observers: Vec<Box<dyn RecordObserver>>,
    ) -> Result<Ledger, StoreError> {
        Ledger::start(self.database.clone(), settings, observers).await
    }

    /// Closes the database; every clone of this store ends with it.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

fn database_file(data_dir: &Path, url: Option<&str>) -> Result<PathBuf, StoreError> {
    let Some(url) = url else { return Ok(data_dir.join("yumen.db")) };
    match url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")) {
        Some(path) if !path.is_empty() && !path.contains('?') && !path.starts_with(":memory:") => {
            Ok(path.into())
        }
        _ => Err(StoreError::Address(url.to_owned())),
    }
}

/// Two processes that open a new store at the same moment would both make its key and its tables.
async fn opening_lock(data_dir: &Path) -> Result<File, StoreError> {
    let path = data_dir.join("opening.lock");
    let file = File::create(&path).map_err(StoreError::file(&path))?;
    let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await;
    locked.map_err(std::io::Error::other).and_then(|locked| locked).map_err(StoreError::file(&path))
}

/// Notes which server key hashes the virtual keys; `false` when some were hashed with another one.
async fn claim(database: &Database, fingerprint: &str) -> Result<bool, StoreError> {
    let known: Option<String> = sqlx::query_scalar("SELECT value FROM meta WHERE name = 'server_key'")
        .fetch_optional(&database.writer)
        .await?;
    if known.as_deref() == Some(fingerprint) {
        return Ok(true);
    }
    let hashed: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM key_secrets").fetch_one(&database.writer).await?;
    if known.is_some() && hashed > 0 {
        return Ok(false);
    }
    sqlx::query(
        "INSERT INTO meta (name, value) VALUES ('server_key', $1) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(fingerprint)
    .execute(&database.writer)
    .await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::virtual_keys::KeySpec;

    #[tokio::test]
    async fn a_lost_server_key_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), None).await.unwrap();
        store.close().await;
        std::fs::remove_file(dir.path().join("server.key")).unwrap();
        let store = Store::open(dir.path(), None).await.expect("no key was hashed with the old one");
        store.keys().create("ci", &KeySpec::default()).await.unwrap();
        store.close().await;
        std::fs::remove_file(dir.path().join("server.key")).unwrap();
        assert!(matches!(Store::open(dir.path(), None).await, Err(StoreError::ServerKey { .. })));
    }

    #[tokio::test]
    async fn what_is_kept_is_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let store = Store::open(&data, None).await.unwrap();
        store.keys().create("ci", &KeySpec::default()).await.unwrap();
        let others = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o077;
        assert_eq!(others(&data), 0);
        for name in ["yumen.db", "yumen.db-wal", "server.key"] {
            assert_eq!(others(&data.join(name)), 0, "{name}");
        }
    }

    #[tokio::test]
    async fn only_what_is_there_is_opened_as_existing() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        assert!(matches!(Store::open_existing(&data, None).await, Err(StoreError::NoStore { .. })));
        assert!(!data.exists(), "nothing was made");
        Store::open(&data, None).await.unwrap().close().await;
        Store::open_existing(&data, None).await.unwrap();
    }

    #[tokio::test]
    async fn many_may_open_a_new_store_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new");
        let opened = (0..4).map(|_| {
            let path = path.clone();
            tokio::spawn(async move { Store::open(&path, None).await })
        });
        let mut hashes = Vec::new();
        for task in opened.collect::<Vec<_>>() {
            hashes.push(task.await.unwrap().unwrap().key_hasher().hash("x"));
        }
        hashes.dedup();
        assert_eq!(hashes.len(), 1, "all use the same server key");
    }

    #[test]
    fn addresses() {
        let dir = Path::new("/d");
        assert_eq!(database_file(dir, None).unwrap(), Path::new("/d/yumen.db"));
        assert_eq!(database_file(dir, Some("sqlite://data/yumen.db")).unwrap(), Path::new("data/yumen.db"));
        assert_eq!(database_file(dir, Some("sqlite:///var/y.db")).unwrap(), Path::new("/var/y.db"));
        for bad in ["postgres://h/db", "yumen.db", "sqlite://", "sqlite::memory:", "sqlite://x.db?mode=ro"] {
            assert!(matches!(database_file(dir, Some(bad)), Err(StoreError::Address(_))), "{bad}");
        }
    }
}
