//! The database: connections, their settings, and the tables' history.
//!
//! In: a file. Out: one connection that writes and a few that read. Everything here is SQLite's own; the statements
//! elsewhere keep to what PostgreSQL understands too, where they can.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqlSafeStr};

use crate::error::StoreError;

/// How long a statement waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections that read; each is a thread, and goes away when it was idle for a while.
const READERS: u32 = 4;
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Larger pages than usual: fewer of them are touched by a batch of records (measured).
const PAGE_BYTES: u32 = 8192;
/// Pages in the write-ahead log at which it is moved into the file: about 16 MiB.
const CHECKPOINT_PAGES: &str = "2000";

/// The connections.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    /// The only one that writes: writers of one process wait for each other here rather than in the database.
    pub(crate) writer: SqlitePool,
    /// Those that read.
    pub(crate) readers: SqlitePool,
}

impl Database {
    /// Opens or makes the file and brings its tables up to date.
    pub(crate) async fn open(file: &Path) -> Result<Self, StoreError> {
        // Made here, for SQLite would let others read it; its further files have the rights of this one.
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(file)
            .map_err(StoreError::file(file))?;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY_TIMEOUT)
            .page_size(PAGE_BYTES)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            // What is deleted is overwritten, not only let go of.
            .pragma("secure_delete", "ON")
            .disable_statement_logging();
        let pool = || SqlitePoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT).idle_timeout(IDLE_TIMEOUT);
        let writer = pool().max_connections(1).idle_timeout(None).connect_with(options.clone()).await?;
        migrations().run(&writer).await?;
        let readers = pool().max_connections(READERS).connect_lazy_with(options.read_only(true));
        Ok(Self { writer, readers })
    }

    /// Closes all connections; the write-ahead log is moved into the file.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

fn migrations() -> Migrator {
    let migration = |version, description: &'static str, sql: &'static str| {
        Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(vec![
        migration(1, "ledger", include_str!("../migrations/0001_ledger.sql")),
        migration(2, "virtual keys", include_str!("../migrations/0002_virtual_keys.sql")),
        migration(3, "records by id", include_str!("../migrations/0003_records_by_id.sql")),
        migration(4, "usage by key", include_str!("../migrations/0004_usage_by_key.sql")),
        migration(5, "units", include_str!("../migrations/0005_units.sql")),
        migration(6, "owned objects", include_str!("../migrations/0006_owned_objects.sql")),
        migration(7, "kept responses", include_str!("../migrations/0007_kept_responses.sql")),
        migration(8, "owned models", include_str!("../migrations/0008_owned_models.sql")),
        migration(10, "route", include_str!("../migrations/0010_route.sql")),
        migration(11, "heal", include_str!("../migrations/0011_heal.sql")),
        migration(12, "presets", include_str!("../migrations/0012_presets.sql")),
        migration(14, "shadow", include_str!("../migrations/0014_shadow.sql")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn opening_again_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("yumen.db");
        let schema = async |database: &Database| -> Vec<String> {
            sqlx::query_scalar("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
                .fetch_all(&database.readers)
                .await
                .unwrap()
        };
        let first = Database::open(&file).await.unwrap();
        let before = schema(&first).await;
        sqlx::query("UPDATE counters SET value = 7 WHERE name = 'boots'")
            .execute(&first.writer)
            .await
            .unwrap();
        first.close().await;
        let second = Database::open(&file).await.unwrap();
        assert_eq!(schema(&second).await, before);
        let boots: i64 = sqlx::query_scalar("SELECT value FROM counters WHERE name = 'boots'")
            .fetch_one(&second.readers)
            .await
            .unwrap();
        assert_eq!(boots, 7);
    }

    #[test]
    fn every_file_of_the_history_is_listed() {
        let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).unwrap();
        let files = folder.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
        let mut files: Vec<_> = files.collect();
        let migrations = migrations();
        let mut listed: Vec<_> = migrations.iter().map(|step| step.sql.as_str().to_owned()).collect();
        files.sort();
        listed.sort();
        assert_eq!(listed, files);
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("yumen.db");
        std::fs::write(&file, "this is a text and not a database, whatever its name says".repeat(100))
            .unwrap();
        assert!(matches!(Database::open(&file).await, Err(StoreError::Database(_))));
    }
}
