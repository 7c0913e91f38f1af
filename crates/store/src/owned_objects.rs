//! Whose files, batches, jobs, responses and conversations are whose, at which account of which provider.
//!
//! In: what the data plane has seen. Out: the same, as long as it is there. No object ever changes its owner.

use std::collections::BTreeSet;

use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};
use yumen_telemetry::{Account, Doing, LookupError, ObjectKind, ObjectOwners, OwnedObject};

use crate::database::Database;
use crate::error::StoreError;

/// Ids that are looked for in one statement.
const IDS_AT_ONCE: usize = 500;
/// Old objects that are forgotten in one go. Answers that are being remembered wait for it: it is a few hundredths of a second.
const FORGOTTEN_AT_ONCE: u32 = 100;
/// Objects that are chosen at once to be forgotten, by somebody who reads and keeps nobody waiting.
const CHOSEN_AT_ONCE: u64 = 10_000;

/// What is remembered of files, batches, jobs and responses. A clone is the same.
#[derive(Debug, Clone)]
pub struct OwnedObjects {
    database: Database,
}

impl OwnedObjects {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Forgets objects of a kind that were first seen before this Unix second; says how many.
    pub async fn forget_before(&self, kind: ObjectKind, before: i64) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        loop {
            let deleted = sqlx::query(
                "DELETE FROM owned_objects WHERE (provider, kind, id) IN \
                 (SELECT provider, kind, id FROM owned_objects WHERE kind = $1 AND created_at < $2 LIMIT $3)",
            )
            .bind(kind.as_str())
            .bind(before)
            .bind(FORGOTTEN_AT_ONCE)
            .execute(&self.database.writer)
            .await?;
            forgotten += deleted.rows_affected();
            if deleted.rows_affected() < u64::from(FORGOTTEN_AT_ONCE) {
                return Ok(forgotten);
            }
        }
    }

    /// Forgets the oldest objects of a kind of each key that has more than so many; says how many.
    pub async fn forget_beyond(&self, kind: ObjectKind, most: u64) -> Result<u64, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let keys: Vec<(String, i64)> = sqlx::query_as(
            "SELECT key_id, COUNT(*) FROM owned_objects WHERE kind = $1 GROUP BY key_id HAVING COUNT(*) > $2",
        )
        .bind(kind.as_str())
        .bind(most)
        .fetch_all(&self.database.readers)
        .await?;
        let mut forgotten = 0;
        for (key_id, has) in keys {
            let mut left = u64::try_from(has - most).unwrap_or(0);
            while left > 0 {
                let oldest = self.oldest(kind, &key_id, left.min(CHOSEN_AT_ONCE)).await?;
                if oldest.is_empty() {
                    break;
                }
                for some in oldest.chunks(FORGOTTEN_AT_ONCE as usize) {
                    forgotten += self.delete_some(kind, &key_id, some).await?;
                }
                // Whoever has deleted his own meanwhile has made room as well.
                left = left.saturating_sub(oldest.len() as u64);
            }
        }
        Ok(forgotten)
    }

    /// The providers and ids of a key's oldest objects of a kind.
    async fn oldest(
        &self,
        kind: ObjectKind,
        key_id: &str,
        most: u64,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let rows = sqlx::query_as(
            "SELECT provider, id FROM owned_objects WHERE key_id = $1 AND kind = $2 ORDER BY created_at LIMIT $3",
        )
        .bind(key_id)
        .bind(kind.as_str())
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(&self.database.readers)
        .await?;
        Ok(rows)
    }

    async fn delete_some(
        &self,
        kind: ObjectKind,
        key_id: &str,
        objects: &[(String, String)],
    ) -> Result<u64, StoreError> {
        let mut transaction = self.database.writer.begin_with("BEGIN IMMEDIATE").await?;
        let mut deleted = 0;
        for (provider, id) in objects {
            deleted += sqlx::query(
                "DELETE FROM owned_objects WHERE provider = $1 AND kind = $2 AND id = $3 AND key_id = $4",
            )
            .bind(provider)
            .bind(kind.as_str())
            .bind(id)
            .bind(key_id)
            .execute(&mut *transaction)
            .await?
            .rows_affected();
        }
        transaction.commit().await?;
        Ok(deleted)
    }

    async fn insert(&self, objects: &[OwnedObject]) -> Result<bool, StoreError> {
        let mut transaction = self.database.writer.begin_with("BEGIN IMMEDIATE").await?;
        let mut all = true;
        for object in objects {
            // A change of nothing, so that the row that was there is given as well.
            let owner: String = sqlx::query_scalar(
                "INSERT INTO owned_objects (provider, kind, id, key_id, credential_id, credential, model, created_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
                 ON CONFLICT (provider, kind, id) DO UPDATE SET key_id = owned_objects.key_id RETURNING key_id",
            )
            .bind(&object.account.provider)
            .bind(object.kind.as_str())
            .bind(&object.id)
            .bind(&object.key_id)
            .bind(&object.account.credential_id)
            .bind(&object.account.credential)
            .bind(&object.model)
            .bind(object.created_at)
            .fetch_one(&mut *transaction)
            .await?;
            all &= owner == object.key_id;
        }
        transaction.commit().await?;
        Ok(all)
    }

    async fn one(&self, kind: ObjectKind, id: &str, key_id: &str) -> Result<Option<OwnedObject>, StoreError> {
        let row = sqlx::query(
            "SELECT * FROM owned_objects WHERE key_id = $1 AND kind = $2 AND id = $3 ORDER BY created_at DESC LIMIT 1",
        )
        .bind(key_id)
        .bind(kind.as_str())
        .bind(id)
        .fetch_optional(&self.database.readers)
        .await?;
        row.as_ref().map(owned).transpose()
    }

    async fn accounts_of(&self, kind: ObjectKind, key_id: &str) -> Result<Vec<Account>, StoreError> {
        let rows = sqlx::query(
            "SELECT provider, credential_id, credential FROM owned_objects WHERE key_id = $1 AND kind = $2 \
             GROUP BY provider, credential_id, credential ORDER BY MIN(created_at), provider, credential_id",
        )
        .bind(key_id)
        .bind(kind.as_str())
        .fetch_all(&self.database.readers)
        .await?;
        rows.iter().map(account).collect()
    }

    async fn among(
        &self,
        kind: ObjectKind,
        key_id: &str,
        provider: &str,
        ids: &[String],
    ) -> Result<Vec<String>, StoreError> {
        let mut found = BTreeSet::new();
        for ids in ids.chunks(IDS_AT_ONCE) {
            let mut query: QueryBuilder<Sqlite> =
                QueryBuilder::new("SELECT id FROM owned_objects WHERE provider = ");
            query.push_bind(provider).push(" AND kind = ").push_bind(kind.as_str());
            query.push(" AND key_id = ").push_bind(key_id).push(" AND id IN (");
            let mut list = query.separated(", ");
            for id in ids {
                list.push_bind(id);
            }
            query.push(")");
            let rows: Vec<String> = query.build_query_scalar().fetch_all(&self.database.readers).await?;
            found.extend(rows);
        }
        Ok(found.into_iter().collect())
    }

    async fn delete(&self, object: &OwnedObject) -> Result<(), StoreError> {
        sqlx::query(
            "DELETE FROM owned_objects WHERE provider = $1 AND kind = $2 AND id = $3 AND key_id = $4",
        )
        .bind(&object.account.provider)
        .bind(object.kind.as_str())
        .bind(&object.id)
        .bind(&object.key_id)
        .execute(&self.database.writer)
        .await?;
        Ok(())
    }
}

fn account(row: &SqliteRow) -> Result<Account, StoreError> {
    Ok(Account {
        provider: row.try_get("provider")?,
        credential_id: row.try_get("credential_id")?,
        credential: row.try_get("credential")?,
    })
}

fn owned(row: &SqliteRow) -> Result<OwnedObject, StoreError> {
    let kind: &str = row.try_get("kind")?;
    Ok(OwnedObject {
        kind: ObjectKind::parse(kind).ok_or_else(|| StoreError::Row(format!("the kind `{kind}`")))?,
        id: row.try_get("id")?,
        key_id: row.try_get("key_id")?,
        account: account(row)?,
        model: row.try_get("model")?,
        created_at: row.try_get("created_at")?,
    })
}

fn failed(error: StoreError) -> LookupError {
    LookupError(error.to_string())
}

impl ObjectOwners for OwnedObjects {
    fn remember(&self, objects: Vec<OwnedObject>) -> Doing<'_, bool> {
        Box::pin(async move { self.insert(&objects).await.map_err(failed) })
    }

    fn find<'a>(&'a self, kind: ObjectKind, id: &'a str, key_id: &'a str) -> Doing<'a, Option<OwnedObject>> {
        Box::pin(async move { self.one(kind, id, key_id).await.map_err(failed) })
    }

    fn accounts<'a>(&'a self, kind: ObjectKind, key_id: &'a str) -> Doing<'a, Vec<Account>> {
        Box::pin(async move { self.accounts_of(kind, key_id).await.map_err(failed) })
    }

    fn of_these<'a>(
        &'a self,
        kind: ObjectKind,
        key_id: &'a str,
        provider: &'a str,
        ids: Vec<String>,
    ) -> Doing<'a, Vec<String>> {
        Box::pin(async move { self.among(kind, key_id, provider, &ids).await.map_err(failed) })
    }

    fn forget<'a>(&'a self, object: &'a OwnedObject) -> Doing<'a, ()> {
        Box::pin(async move { self.delete(object).await.map_err(failed) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ObjectKind::{Batch, File, Response};

    async fn open(dir: &std::path::Path) -> OwnedObjects {
        OwnedObjects::new(Database::open(&dir.join("yumen.db")).await.unwrap())
    }

    fn object(kind: ObjectKind, id: &str, key: &str, credential: &str, created_at: i64) -> OwnedObject {
        let account = Account {
            provider: "openai".into(),
            credential_id: format!("id-{credential}"),
            credential: credential.into(),
        };
        OwnedObject {
            kind,
            id: id.into(),
            key_id: key.into(),
            account,
            model: format!("model of {id}"),
            created_at,
        }
    }

    #[tokio::test]
    async fn an_object_stays_with_its_owner_and_is_found_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let objects = open(dir.path()).await;
        let mine = object(File, "file-1", "a", "#1", 7);
        assert!(objects.remember(vec![mine.clone()]).await.unwrap());
        assert!(objects.remember(vec![mine.clone()]).await.unwrap(), "again is no change");
        let theirs = object(File, "file-1", "b", "#2", 8);
        assert!(!objects.remember(vec![object(File, "file-2", "b", "#2", 8), theirs]).await.unwrap());
        objects.database.close().await;
        let objects = open(dir.path()).await;
        assert_eq!(objects.find(File, "file-1", "a").await.unwrap(), Some(mine.clone()));
        for (kind, id, key) in [(File, "file-1", "b"), (Batch, "file-1", "a"), (File, "file-3", "a")] {
            assert_eq!(objects.find(kind, id, key).await.unwrap(), None, "{id} {key}");
        }
        assert!(objects.find(File, "file-2", "b").await.unwrap().is_some(), "the others were remembered");
        objects.forget(&object(File, "file-1", "b", "#1", 7)).await.unwrap();
        assert!(objects.find(File, "file-1", "a").await.unwrap().is_some(), "only its owner can");
        objects.forget(&mine).await.unwrap();
        assert_eq!(objects.find(File, "file-1", "a").await.unwrap(), None);
    }

    #[tokio::test]
    async fn only_what_is_old_and_of_the_kind_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let objects = open(dir.path()).await;
        let mut all: Vec<OwnedObject> =
            (0..2500).map(|n| object(Response, &format!("r-{n}"), "a", "#1", n)).collect();
        all.push(object(File, "file", "a", "#1", 0));
        objects.remember(all).await.unwrap();
        assert_eq!(objects.forget_before(Response, 2100).await.unwrap(), 2100);
        assert_eq!(objects.forget_before(Response, 2100).await.unwrap(), 0);
        assert_eq!(objects.find(Response, "r-2099", "a").await.unwrap(), None);
        assert!(objects.find(Response, "r-2100", "a").await.unwrap().is_some());
        assert!(objects.find(File, "file", "a").await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_key_with_too_many_loses_its_own_oldest() {
        let dir = tempfile::tempdir().unwrap();
        let objects = open(dir.path()).await;
        let many = |kind, key: &'static str, count: i64| {
            (0..count).map(move |n| object(kind, &format!("{key}-{n}"), key, "#1", n)).collect::<Vec<_>>()
        };
        objects.remember(many(Response, "a", 2600)).await.unwrap();
        objects.remember(many(Response, "b", 100)).await.unwrap();
        objects.remember(many(File, "c", 200)).await.unwrap();
        assert_eq!(objects.forget_beyond(Response, 100).await.unwrap(), 2500);
        assert_eq!(objects.forget_beyond(Response, 100).await.unwrap(), 0);
        assert_eq!(objects.find(Response, "a-2499", "a").await.unwrap(), None);
        for (kind, id, key) in [(Response, "a-2500", "a"), (Response, "b-0", "b"), (File, "c-0", "c")] {
            assert!(objects.find(kind, id, key).await.unwrap().is_some(), "{id}");
        }
    }

    #[tokio::test]
    async fn a_keys_own_are_told_apart_in_any_number() {
        let dir = tempfile::tempdir().unwrap();
        let objects = open(dir.path()).await;
        let many: Vec<OwnedObject> = (0..1200)
            .map(|n| object(File, &format!("f-{n:04}"), if n % 3 == 0 { "a" } else { "b" }, "#1", n))
            .collect();
        objects.remember(many).await.unwrap();
        objects
            .remember(vec![object(File, "late", "a", "#2", 9000), object(Batch, "batch", "a", "#3", 1)])
            .await
            .unwrap();
        let ids: Vec<String> = (0..1300).map(|n| format!("f-{n:04}")).collect();
        let own = objects.of_these(File, "a", "openai", ids.clone()).await.unwrap();
        assert_eq!((own.len(), own.first().map(String::as_str)), (400, Some("f-0000")));
        assert!(objects.of_these(File, "a", "other", ids).await.unwrap().is_empty());
        assert!(objects.of_these(File, "a", "openai", Vec::new()).await.unwrap().is_empty());
        let labels = |accounts: Vec<Account>| {
            accounts.into_iter().map(|account| account.credential).collect::<Vec<_>>()
        };
        assert_eq!(labels(objects.accounts(File, "a").await.unwrap()), ["#1", "#2"]);
        assert_eq!(labels(objects.accounts(Batch, "a").await.unwrap()), ["#3"]);
        assert!(objects.accounts(File, "nobody").await.unwrap().is_empty());
    }
}
