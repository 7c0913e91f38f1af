//! Responses that the gateway keeps itself, each for one virtual key, sealed.
//!
//! In: responses with what was asked for them. Out: the same, and the conversations that they make, until they are deleted or
//! old. Each response holds its own turn only and names the one before it. Bounds are kept in the transaction that adds to
//! them.

mod room;
mod text;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use yumen_telemetry::{
    Conversation, Doing, KeepLimits, Keeping, KeptResponse, LookupError, NotKept, ResponseKeeper,
};

use crate::database::Database;
use crate::error::StoreError;
use crate::seal::Sealer;

/// The turns of the longest conversation that can be continued.
const TURNS_MOST: i64 = 1000;
/// What a response takes beside its texts, about.
const ROW_BYTES: u64 = 512;
/// Conversations that are deleted in one transaction.
const DELETED_AT_ONCE: i64 = 100;

/// What is kept of responses. A clone is the same.
#[derive(Debug, Clone)]
pub struct KeptResponses {
    database: Database,
    sealer: Sealer,
}

impl KeptResponses {
    pub(crate) fn new(database: Database, sealer: Sealer) -> Self {
        Self { database, sealer }
    }

    /// Deletes conversations that were last continued before this Unix second; says how many.
    pub async fn forget_before(&self, before: i64) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        loop {
            let mut transaction = self.database.writer.begin_with("BEGIN IMMEDIATE").await?;
            let old: Vec<(String, String)> =
                sqlx::query_as("SELECT id, key_id FROM conversations WHERE used_at < $1 LIMIT $2")
                    .bind(before)
                    .bind(DELETED_AT_ONCE)
                    .fetch_all(&mut *transaction)
                    .await?;
            for (conversation, key_id) in &old {
                room::delete_conversation(&mut transaction, key_id, conversation).await?;
            }
            transaction.commit().await?;
            forgotten += old.len() as u64;
            if old.len() < usize::try_from(DELETED_AT_ONCE).unwrap_or(usize::MAX) {
                return Ok(forgotten);
            }
        }
    }

    async fn insert(
        &self,
        key_id: &str,
        response: &KeptResponse,
        limits: KeepLimits,
    ) -> Result<Result<(), NotKept>, StoreError> {
        let bytes = (response.input.len() + response.response.len()) as u64 + ROW_BYTES;
        let most = limits.response_bytes.min(limits.key_bytes);
        if bytes > most {
            return Ok(Err(NotKept::TooLarge { bytes, most }));
        }
        let sealed = self.sealer.seal(&place(key_id, &response.id), text::write(response))?;
        let mut transaction = self.database.writer.begin_with("BEGIN IMMEDIATE").await?;
        let conversation = match &response.previous_id {
            None => response.id.clone(),
            Some(previous) => {
                match conversation_of(&mut transaction, key_id, previous, limits.since).await? {
                    Some(conversation) => conversation,
                    None => return Ok(Err(NotKept::PreviousGone)),
                }
            }
        };
        if let Err(full) = room::make(&mut transaction, key_id, &conversation, bytes, limits).await? {
            return Ok(Err(full));
        }
        sqlx::query(
            "INSERT INTO conversations (id, key_id, used_at) VALUES ($1, $2, $3) \
             ON CONFLICT (id) DO UPDATE SET used_at = MAX(conversations.used_at, excluded.used_at)",
        )
        .bind(&conversation)
        .bind(key_id)
        .bind(response.created_at)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "INSERT INTO kept_responses (id, conversation, key_id, previous_id, created_at, bytes, sealed) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&response.id)
        .bind(&conversation)
        .bind(key_id)
        .bind(&response.previous_id)
        .bind(response.created_at)
        .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
        .bind(sealed)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Ok(()))
    }

    /// The turns up to this response, the last one first. Their size is looked at before any is read.
    async fn chain(
        &self,
        key_id: &str,
        id: &str,
        since: i64,
        most: u64,
    ) -> Result<Option<Conversation>, StoreError> {
        const CHAIN: &str = "WITH RECURSIVE chain (id, previous_id, bytes, place) AS (\
             SELECT r.id, r.previous_id, r.bytes, 0 FROM kept_responses r \
             JOIN conversations c ON c.id = r.conversation \
             WHERE r.id = $1 AND r.key_id = $2 AND c.used_at >= $3 \
             UNION ALL SELECT r.id, r.previous_id, r.bytes, chain.place + 1 FROM chain \
             JOIN kept_responses r ON r.id = chain.previous_id AND r.key_id = $2 WHERE chain.place + 1 < $4) ";
        let mut reader = self.database.readers.begin().await?;
        let sized =
            sqlx::query(sqlx::AssertSqlSafe(format!("{CHAIN} SELECT SUM(bytes), COUNT(*) FROM chain")))
                .bind(id)
                .bind(key_id)
                .bind(since)
                .bind(TURNS_MOST)
                .fetch_one(&mut *reader)
                .await?;
        let (bytes, turns): (Option<i64>, i64) = (sized.try_get(0)?, sized.try_get(1)?);
        if turns == 0 {
            return Ok(None);
        }
        let bytes = u64::try_from(bytes.unwrap_or(0)).unwrap_or(0);
        if bytes > most {
            return Ok(Some(Conversation { bytes, ..Conversation::default() }));
        }
        let read = format!(
            "{CHAIN} SELECT r.* FROM chain JOIN kept_responses r ON r.id = chain.id ORDER BY chain.place DESC"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(read))
            .bind(id)
            .bind(key_id)
            .bind(since)
            .bind(TURNS_MOST)
            .fetch_all(&mut *reader)
            .await?;
        let turns: Vec<KeptResponse> =
            rows.iter().map(|row| self.read(row)).collect::<Result<_, StoreError>>()?;
        let is_whole = turns.first().is_some_and(|first| first.previous_id.is_none());
        Ok(Some(Conversation { turns, is_whole, bytes }))
    }

    async fn one(&self, key_id: &str, id: &str, since: i64) -> Result<Option<KeptResponse>, StoreError> {
        let row = sqlx::query(
            "SELECT r.* FROM kept_responses r JOIN conversations c ON c.id = r.conversation \
             WHERE r.id = $1 AND r.key_id = $2 AND c.used_at >= $3",
        )
        .bind(id)
        .bind(key_id)
        .bind(since)
        .fetch_optional(&self.database.readers)
        .await?;
        row.as_ref().map(|row| self.read(row)).transpose()
    }

    fn read(&self, row: &SqliteRow) -> Result<KeptResponse, StoreError> {
        let (id, key_id): (String, &str) = (row.try_get("id")?, row.try_get("key_id")?);
        let opened = self.sealer.open(&place(key_id, &id), row.try_get("sealed")?)?;
        let (input, response) =
            text::read(opened).ok_or_else(|| StoreError::Row("a kept response".to_owned()))?;
        let (previous_id, created_at) = (row.try_get("previous_id")?, row.try_get("created_at")?);
        Ok(KeptResponse { id, previous_id, created_at, input, response })
    }

    async fn remove(&self, key_id: &str, id: &str, since: i64) -> Result<bool, StoreError> {
        let mut transaction = self.database.writer.begin_with("BEGIN IMMEDIATE").await?;
        let Some(conversation) = conversation_of(&mut transaction, key_id, id, since).await? else {
            return Ok(false);
        };
        room::delete_response(&mut transaction, key_id, id, &conversation).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

/// The conversation in which a key's response stands.
async fn conversation_of(
    database: &mut SqliteConnection,
    key_id: &str,
    id: &str,
    since: i64,
) -> Result<Option<String>, StoreError> {
    let found = sqlx::query_scalar(
        "SELECT c.id FROM kept_responses r JOIN conversations c ON c.id = r.conversation \
         WHERE r.id = $1 AND r.key_id = $2 AND c.used_at >= $3",
    );
    Ok(found.bind(id).bind(key_id).bind(since).fetch_optional(database).await?)
}

/// Where a text is sealed for: its owner and its id.
fn place(key_id: &str, id: &str) -> String {
    format!("response/{id}/{key_id}")
}

fn failed(error: StoreError) -> LookupError {
    LookupError(error.to_string())
}

impl ResponseKeeper for KeptResponses {
    fn keep<'a>(&'a self, key_id: &'a str, response: KeptResponse, limits: KeepLimits) -> Keeping<'a> {
        Box::pin(async move {
            let kept = self.insert(key_id, &response, limits).await;
            kept.unwrap_or_else(|error| Err(NotKept::Unavailable(error.to_string())))
        })
    }

    fn conversation<'a>(
        &'a self,
        key_id: &'a str,
        id: &'a str,
        since: i64,
        most_bytes: u64,
    ) -> Doing<'a, Option<Conversation>> {
        Box::pin(async move { self.chain(key_id, id, since, most_bytes).await.map_err(failed) })
    }

    fn find<'a>(&'a self, key_id: &'a str, id: &'a str, since: i64) -> Doing<'a, Option<KeptResponse>> {
        Box::pin(async move { self.one(key_id, id, since).await.map_err(failed) })
    }

    fn delete<'a>(&'a self, key_id: &'a str, id: &'a str, since: i64) -> Doing<'a, bool> {
        Box::pin(async move { self.remove(key_id, id, since).await.map_err(failed) })
    }
}

#[cfg(test)]
mod tests;
