//! How much is kept, and what goes when there is no room: a key's own oldest conversations, never another key's.
//!
//! In: a transaction that is open. Out: rows deleted, and the sums that go with them.

use sqlx::SqliteConnection;
use yumen_telemetry::{KeepLimits, NotKept};

use crate::error::StoreError;

/// Conversations that make room for one response; more is the work of a limit that was lowered, done bit by bit.
const DELETED_MOST: usize = 1000;

/// Makes room for so many bytes and counts them. The conversation that goes on never goes.
pub(super) async fn make(
    database: &mut SqliteConnection,
    key_id: &str,
    conversation: &str,
    bytes: u64,
    limits: KeepLimits,
) -> Result<Result<(), NotKept>, StoreError> {
    let number = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    for _ in 0..DELETED_MOST {
        let kept: Option<i64> = sqlx::query_scalar("SELECT bytes FROM kept_bytes WHERE key_id = $1")
            .bind(key_id)
            .fetch_optional(&mut *database)
            .await?;
        if kept.unwrap_or(0).saturating_add(number(bytes)) <= number(limits.key_bytes) {
            break;
        }
        let oldest: Option<String> = sqlx::query_scalar(
            "SELECT id FROM conversations WHERE key_id = $1 AND id <> $2 ORDER BY used_at, id LIMIT 1",
        )
        .bind(key_id)
        .bind(conversation)
        .fetch_optional(&mut *database)
        .await?;
        let Some(oldest) = oldest else { return Ok(Err(NotKept::Full { most: limits.key_bytes })) };
        delete_conversation(database, key_id, &oldest).await?;
    }
    let total: i64 = sqlx::query_scalar("SELECT COALESCE(SUM(bytes), 0) FROM kept_bytes")
        .fetch_one(&mut *database)
        .await?;
    if total.saturating_add(number(bytes)) > number(limits.total_bytes) {
        return Ok(Err(NotKept::Full { most: limits.total_bytes }));
    }
    add(database, key_id, number(bytes)).await?;
    Ok(Ok(()))
}

/// Deletes a conversation with all its responses.
pub(super) async fn delete_conversation(
    database: &mut SqliteConnection,
    key_id: &str,
    conversation: &str,
) -> Result<(), StoreError> {
    let bytes: i64 =
        sqlx::query_scalar("SELECT COALESCE(SUM(bytes), 0) FROM kept_responses WHERE conversation = $1")
            .bind(conversation)
            .fetch_one(&mut *database)
            .await?;
    for statement in
        ["DELETE FROM kept_responses WHERE conversation = $1", "DELETE FROM conversations WHERE id = $1"]
    {
        sqlx::query(statement).bind(conversation).execute(&mut *database).await?;
    }
    add(database, key_id, -bytes).await
}

/// Deletes one response, and its conversation when it was the last one in it.
pub(super) async fn delete_response(
    database: &mut SqliteConnection,
    key_id: &str,
    id: &str,
    conversation: &str,
) -> Result<(), StoreError> {
    let bytes: i64 = sqlx::query_scalar("DELETE FROM kept_responses WHERE id = $1 RETURNING bytes")
        .bind(id)
        .fetch_one(&mut *database)
        .await?;
    sqlx::query(
        "DELETE FROM conversations WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM kept_responses WHERE conversation = $1)",
    )
    .bind(conversation)
    .execute(&mut *database)
    .await?;
    add(database, key_id, -bytes).await
}

async fn add(database: &mut SqliteConnection, key_id: &str, bytes: i64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO kept_bytes (key_id, bytes) VALUES ($1, $2) \
         ON CONFLICT (key_id) DO UPDATE SET bytes = kept_bytes.bytes + excluded.bytes",
    )
    .bind(key_id)
    .bind(bytes)
    .execute(&mut *database)
    .await?;
    sqlx::query("DELETE FROM kept_bytes WHERE key_id = $1 AND bytes <= 0")
        .bind(key_id)
        .execute(database)
        .await?;
    Ok(())
}
