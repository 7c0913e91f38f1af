//! Reads records back from the ledger.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqlitePool};
use yumen_telemetry::{ExchangeRecord, Outcome, TokenCounts, TokenSource, UnitCounts};

use crate::error::StoreError;

/// The columns of `records`, in the order in which they are written.
pub(crate) const COLUMNS: [&str; 31] = [
    "id",
    "started_at_us",
    "key_id",
    "key_name",
    "dialect",
    "operation",
    "model_requested",
    "model_served",
    "provider",
    "upstream_id",
    "attempts",
    "status",
    "outcome",
    "error_code",
    "finish_reason",
    "streamed",
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "token_source",
    "cost_nanos",
    "first_byte_us",
    "total_us",
    "overhead_us",
    "lossy",
    "units",
    "route",
    "heal",
    "shadow",
];

/// The record with this id, when this key (or any, for `None`) made it.
pub(crate) async fn find(
    pool: &SqlitePool,
    id: &str,
    key_id: Option<&str>,
) -> Result<Option<ExchangeRecord>, StoreError> {
    let row = sqlx::query("SELECT * FROM records WHERE id = $1 AND ($2 IS NULL OR key_id = $2)")
        .bind(id)
        .bind(key_id)
        .fetch_optional(pool)
        .await?;
    row.as_ref().map(record).transpose()
}

/// Records of a span of time, in Unix microseconds, the oldest first: at most `most` of those behind the id `after`. Ids begin
/// with their second, so this walks the primary key.
pub(crate) async fn page(
    pool: &SqlitePool,
    (since_us, until_us): (i64, i64),
    after: &str,
    most: u32,
) -> Result<Vec<ExchangeRecord>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM records WHERE id > $1 AND id >= $2 AND id < $3 \
         AND started_at_us >= $4 AND started_at_us < $5 ORDER BY id LIMIT $6",
    )
    .bind(after)
    .bind(id_at(since_us))
    .bind(id_at(until_us.saturating_add(1_000_000)))
    .bind(since_us)
    .bind(until_us)
    .bind(most)
    .fetch_all(pool)
    .await?;
    rows.iter().map(record).collect()
}

/// The id behind which the newest `most` records of a span of time stand; none where there are no more.
pub(crate) async fn newest(
    pool: &SqlitePool,
    (since_us, until_us): (i64, i64),
    most: u32,
) -> Result<Option<String>, StoreError> {
    let id = sqlx::query_scalar(
        "SELECT id FROM records WHERE id >= $1 AND id < $2 \
         AND started_at_us >= $3 AND started_at_us < $4 ORDER BY id DESC LIMIT 1 OFFSET $5",
    )
    .bind(id_at(since_us))
    .bind(id_at(until_us.saturating_add(1_000_000)))
    .bind(since_us)
    .bind(until_us)
    .bind(most);
    Ok(id.fetch_optional(pool).await?)
}

/// What every id of this second or later is not smaller than.
fn id_at(us: i64) -> String {
    format!("gen-{:010}", us.div_euclid(1_000_000).clamp(0, 9_999_999_999))
}

fn record(row: &SqliteRow) -> Result<ExchangeRecord, StoreError> {
    let outcome: &str = row.try_get("outcome")?;
    let source: &str = row.try_get("token_source")?;
    let attempts: &str = row.try_get("attempts")?;
    let lossy: Option<&str> = row.try_get("lossy")?;
    let status: i64 = row.try_get("status")?;
    let units: Option<&str> = row.try_get("units")?;
    let route: Option<&str> = row.try_get("route")?;
    let heal: Option<&str> = row.try_get("heal")?;
    let shadow: Option<&str> = row.try_get("shadow")?;
    let strange = |what: &str| StoreError::Row(what.to_owned());
    Ok(ExchangeRecord {
        id: row.try_get("id")?,
        started_at_us: row.try_get("started_at_us")?,
        key_id: row.try_get("key_id")?,
        key_name: row.try_get("key_name")?,
        dialect: row.try_get("dialect")?,
        operation: row.try_get("operation")?,
        model_requested: row.try_get("model_requested")?,
        model_served: row.try_get("model_served")?,
        provider: row.try_get("provider")?,
        upstream_id: row.try_get("upstream_id")?,
        attempts: serde_json::from_str(attempts).map_err(|_| strange("attempts"))?,
        status: u16::try_from(status).map_err(|_| strange("status"))?,
        outcome: Outcome::parse(outcome).ok_or_else(|| strange("outcome"))?,
        error_code: row.try_get("error_code")?,
        finish_reason: row.try_get("finish_reason")?,
        streamed: row.try_get::<i64, _>("streamed")? != 0,
        tokens: TokenCounts {
            input: count(row, "input_tokens")?,
            cached_input: count(row, "cached_input_tokens")?,
            cache_write: count(row, "cache_write_tokens")?,
            output: count(row, "output_tokens")?,
            reasoning: count(row, "reasoning_tokens")?,
            source: TokenSource::parse(source).ok_or_else(|| strange("token_source"))?,
        },
        cost_nanos: optional_count(row, "cost_nanos")?,
        first_byte_us: optional_count(row, "first_byte_us")?,
        total_us: count(row, "total_us")?,
        overhead_us: count(row, "overhead_us")?,
        lossy: match lossy {
            Some(text) => serde_json::from_str(text).map_err(|_| strange("lossy"))?,
            None => Vec::new(),
        },
        units: match units {
            Some(text) => serde_json::from_str(text).map_err(|_| strange("units"))?,
            None => UnitCounts::default(),
        },
        route: match route {
            Some(text) => serde_json::from_str(text).map_err(|_| strange("route"))?,
            None => None,
        },
        heal: heal.map(serde_json::from_str).transpose().map_err(|_| strange("heal"))?,
        shadow: shadow.map(serde_json::from_str).transpose().map_err(|_| strange("shadow"))?,
    })
}

fn count(row: &SqliteRow, column: &str) -> Result<u64, StoreError> {
    optional_count(row, column)?.ok_or_else(|| StoreError::Row(column.to_owned()))
}

fn optional_count(row: &SqliteRow, column: &str) -> Result<Option<u64>, StoreError> {
    let number: Option<i64> = row.try_get(column)?;
    number.map(|number| u64::try_from(number).map_err(|_| StoreError::Row(column.to_owned()))).transpose()
}
