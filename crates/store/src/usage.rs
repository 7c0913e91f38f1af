//! Usage: sums over a span of time.
//!
//! In: a span and what to group by. Out: rows. Whole hours come from the hourly sums, so ten million rows are not touched;
//! only the broken hours at both ends are summed from the records themselves, so the sums are exact.

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, SqlitePool};

use crate::error::StoreError;

const HOUR_US: i64 = 3_600_000_000;

/// What a row of the answer stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GroupBy {
    /// Everything together.
    #[default]
    None,
    /// The model that answered, or that was asked for and tried.
    Model,
    /// The virtual key.
    Key,
    /// The provider that answered, or the last one that was tried.
    Provider,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageQuery {
    /// First moment, in Unix microseconds.
    pub since_us: i64,
    /// First moment that is not meant any more.
    pub until_us: i64,
    /// How to part the sums.
    pub group_by: GroupBy,
}

/// The sums of one group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct UsageRow {
    /// The model, the key's id or the provider; empty for exchanges that have none.
    pub group: String,
    /// What people call it: the key's name, else the same as `group`.
    pub name: String,
    pub requests: u64,
    /// Refused and failed ones.
    pub errors: u64,
    pub input_tokens: u64,
    pub cached_input_tokens: u64,
    pub cache_write_tokens: u64,
    pub output_tokens: u64,
    pub reasoning_tokens: u64,
    pub cost_nanos: u64,
}

/// Sums, the group with most requests first.
pub(crate) async fn sum(pool: &SqlitePool, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
    let UsageQuery { since_us, until_us, group_by } = *query;
    let first_hour = since_us.div_euclid(HOUR_US) + i64::from(since_us.rem_euclid(HOUR_US) != 0);
    let end_hour = until_us.div_euclid(HOUR_US).max(first_hour);
    // Without a whole hour inside, the first broken piece is all there is.
    let first_end_us = first_hour.saturating_mul(HOUR_US).min(until_us);
    let second_start_us = end_hour.saturating_mul(HOUR_US).max(first_end_us);
    let rows = sqlx::query(AssertSqlSafe(statement(group_by)))
        .bind(first_hour)
        .bind(end_hour)
        .bind(since_us)
        .bind(first_end_us)
        .bind(second_start_us)
        .bind(until_us)
        .fetch_all(pool)
        .await?;
    let mut rows = rows.iter().map(row).collect::<Result<Vec<_>, _>>()?;
    rows.retain(|row| row.requests > 0);
    Ok(rows)
}

/// What a key's exchanges have cost since each of these Unix hours, in nano-dollars: one walk over the key's own entries of
/// an index that holds all that is asked.
pub(crate) async fn spent(
    pool: &SqlitePool,
    key_id: &str,
    since_hours: [i64; 4],
) -> Result<[u64; 4], StoreError> {
    let mut query = sqlx::query_as(
        "SELECT COALESCE(SUM(CASE WHEN hour >= $2 THEN cost_nanos END), 0), \
         COALESCE(SUM(CASE WHEN hour >= $3 THEN cost_nanos END), 0), \
         COALESCE(SUM(CASE WHEN hour >= $4 THEN cost_nanos END), 0), \
         COALESCE(SUM(CASE WHEN hour >= $5 THEN cost_nanos END), 0) FROM usage_hours WHERE key_id = $1",
    )
    .bind(key_id);
    for hour in since_hours {
        query = query.bind(hour);
    }
    let sums: (i64, i64, i64, i64) = query.fetch_one(pool).await?;
    let whole = |sum: i64| u64::try_from(sum).map_err(|_| StoreError::Row("cost_nanos".to_owned()));
    Ok([whole(sums.0)?, whole(sums.1)?, whole(sums.2)?, whole(sums.3)?])
}

/// Made of constant pieces only. The groups of records are those under which the hourly sums were kept.
fn statement(group_by: GroupBy) -> String {
    let (hour_group, record_group) = match group_by {
        GroupBy::None => ("''", "''"),
        GroupBy::Model => {
            ("model", "COALESCE(model_served, CASE WHEN attempts = '[]' THEN '' ELSE model_requested END)")
        }
        GroupBy::Key => ("key_id", "COALESCE(key_id, '')"),
        GroupBy::Provider => {
            ("provider", "COALESCE(provider, json_extract(attempts, '$[#-1].provider'), '')")
        }
    };
    let pieces = |from_us: &str, until_us: &str| {
        format!(
            "SELECT {record_group} AS name, 1 AS requests, \
             CASE WHEN outcome IN ('refused', 'failed') THEN 1 ELSE 0 END AS errors, \
             input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, \
             COALESCE(cost_nanos, 0) AS cost_nanos \
             FROM records WHERE id >= {} AND id < {} \
             AND started_at_us >= {from_us} AND started_at_us < {until_us}",
            id_at(&format!("{from_us} / 1000000")),
            id_at(&format!("{until_us} / 1000000 + 1")),
        )
    };
    format!(
        "SELECT sums.name AS name, virtual_keys.name AS shown, \
         COALESCE(SUM(requests), 0) AS requests, COALESCE(SUM(errors), 0) AS errors, \
         COALESCE(SUM(input_tokens), 0) AS input_tokens, \
         COALESCE(SUM(cached_input_tokens), 0) AS cached_input_tokens, \
         COALESCE(SUM(cache_write_tokens), 0) AS cache_write_tokens, \
         COALESCE(SUM(output_tokens), 0) AS output_tokens, \
         COALESCE(SUM(reasoning_tokens), 0) AS reasoning_tokens, \
         COALESCE(SUM(cost_nanos), 0) AS cost_nanos \
         FROM (SELECT {hour_group} AS name, requests, errors, input_tokens, cached_input_tokens, \
         cache_write_tokens, output_tokens, reasoning_tokens, cost_nanos \
         FROM usage_hours WHERE hour >= $1 AND hour < $2 \
         UNION ALL {} UNION ALL {}) AS sums \
         LEFT JOIN virtual_keys ON virtual_keys.id = sums.name \
         GROUP BY sums.name, virtual_keys.name ORDER BY requests DESC, sums.name",
        pieces("$3", "$4"),
        pieces("$5", "$6"),
    )
}

/// What every id made in this second or later is not smaller than. Ids hold their second with ten digits, from the year
/// 2001 to 2286.
fn id_at(second: &str) -> String {
    format!("printf('gen-%010d', min({second}, 9999999999))")
}

fn row(row: &SqliteRow) -> Result<UsageRow, StoreError> {
    let group: String = row.try_get("name")?;
    let shown: Option<String> = row.try_get("shown")?;
    let name = shown.unwrap_or_else(|| group.strip_prefix("file:").unwrap_or(&group).to_owned());
    let sum = |column: &str| -> Result<u64, StoreError> {
        let sum: i64 = row.try_get(column)?;
        u64::try_from(sum).map_err(|_| StoreError::Row(column.to_owned()))
    };
    Ok(UsageRow {
        name,
        requests: sum("requests")?,
        errors: sum("errors")?,
        input_tokens: sum("input_tokens")?,
        cached_input_tokens: sum("cached_input_tokens")?,
        cache_write_tokens: sum("cache_write_tokens")?,
        output_tokens: sum("output_tokens")?,
        reasoning_tokens: sum("reasoning_tokens")?,
        cost_nanos: sum("cost_nanos")?,
        group,
    })
}
