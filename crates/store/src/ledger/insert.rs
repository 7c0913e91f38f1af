//! Writes batches: rows, hourly sums and the spool's positions in one transaction.
//!
//! In: a batch. Out: nothing or all of it. A row whose id is there already is left alone and counted nowhere twice. The
//! statements take many rows at once because most of the cost of a small statement is its way to the database's thread.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;
use std::sync::{Arc, LazyLock};

use sqlx::error::BoxDynError;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, Sqlite, SqlitePool, Transaction};
use yumen_telemetry::{AttemptRecord, ExchangeRecord};

use super::rows::COLUMNS;
use super::tail::Batch;
use crate::spool::SegmentName;

/// Statements exist for these numbers of rows only, so that each is prepared once.
const ROWS: [usize; 4] = [512, 64, 8, 1];
const HOUR_US: i64 = 3_600_000_000;

const USAGE_COLUMNS: [&str; 12] = [
    "hour",
    "key_id",
    "model",
    "provider",
    "requests",
    "errors",
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_nanos",
];

static RECORDS: LazyLock<Inserts> =
    LazyLock::new(|| Inserts::new("records", &COLUMNS, "ON CONFLICT (id) DO NOTHING"));
static USAGE: LazyLock<Inserts> = LazyLock::new(|| {
    let (keys, sums) = USAGE_COLUMNS.split_at(4);
    let mut conflict = format!("ON CONFLICT ({}) DO UPDATE SET ", keys.join(", "));
    for (index, sum) in sums.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        let _ = write!(conflict, "{comma}{sum} = usage_hours.{sum} + excluded.{sum}");
    }
    Inserts::new("usage_hours", &USAGE_COLUMNS, &conflict)
});

/// Where a test may stop the work, as a kill would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    RowsWritten,
    SumsWritten,
    BeforeCommit,
    Committed,
    Settled,
}

/// Asked at each step; an error ends the work there.
pub(crate) type Checkpoint = Arc<dyn Fn(Step) -> Result<(), sqlx::Error> + Send + Sync>;

/// Writes a batch and forgets the positions of `dropped` segments; gives back how many rows are new.
pub(crate) async fn store(
    pool: &SqlitePool,
    batch: &Batch,
    dropped: &[SegmentName],
    checkpoint: &Checkpoint,
) -> Result<u64, sqlx::Error> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    let mut records: Vec<&ExchangeRecord> = batch.records.iter().collect();
    if insert_records(&mut transaction, &records).await? != records.len() as u64 {
        // Never seen unless the positions were lost: begin again with what is new.
        transaction.rollback().await?;
        transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
        keep_new(&mut transaction, &mut records).await?;
        insert_records(&mut transaction, &records).await?;
    }
    checkpoint(Step::RowsWritten)?;
    insert_usage(&mut transaction, &records).await?;
    checkpoint(Step::SumsWritten)?;
    write_positions(&mut transaction, &batch.positions, dropped).await?;
    checkpoint(Step::BeforeCommit)?;
    transaction.commit().await?;
    Ok(records.len() as u64)
}

async fn write_positions(
    transaction: &mut Transaction<'_, Sqlite>,
    positions: &[(SegmentName, u64)],
    dropped: &[SegmentName],
) -> Result<(), sqlx::Error> {
    for (segment, end) in positions {
        sqlx::query(
            "INSERT INTO spool_position (segment, stored_bytes) VALUES ($1, $2) \
             ON CONFLICT (segment) DO UPDATE SET stored_bytes = excluded.stored_bytes",
        )
        .bind(segment.to_string())
        .bind(signed(*end))
        .execute(&mut **transaction)
        .await?;
    }
    for segment in dropped {
        sqlx::query("DELETE FROM spool_position WHERE segment = $1")
            .bind(segment.to_string())
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// Leaves those records out that the ledger has, or that the batch has twice.
async fn keep_new(
    transaction: &mut Transaction<'_, Sqlite>,
    records: &mut Vec<&ExchangeRecord>,
) -> Result<(), sqlx::Error> {
    let mut known = HashSet::new();
    for record in records.iter() {
        let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM records WHERE id = $1")
            .bind(&record.id)
            .fetch_optional(&mut **transaction)
            .await?;
        if found.is_some() {
            known.insert(record.id.as_str());
        }
    }
    tracing::warn!(records = known.len(), "records that the ledger has already were left out");
    records.retain(|record| known.insert(&record.id));
    Ok(())
}

async fn insert_records(
    transaction: &mut Transaction<'_, Sqlite>,
    records: &[&ExchangeRecord],
) -> Result<u64, sqlx::Error> {
    let mut words = Words::default();
    let mut inserted = 0;
    for (rows, statement) in RECORDS.split(records) {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(rows.len() * COLUMNS.len(), 0);
        for record in rows {
            bind_record(&mut arguments, record, &mut words).map_err(sqlx::Error::Encode)?;
        }
        inserted += sqlx::query_with(statement, arguments).execute(&mut **transaction).await?.rows_affected();
    }
    Ok(inserted)
}

/// In the order of [`COLUMNS`].
fn bind_record<'a>(
    arguments: &mut SqliteArguments,
    record: &'a ExchangeRecord,
    words: &mut Words<'a>,
) -> Result<(), BoxDynError> {
    let lossy = if record.lossy.is_empty() { None } else { Some(serde_json::to_string(&record.lossy)?) };
    arguments.add(record.id.as_str())?;
    arguments.add(record.started_at_us)?;
    arguments.add(words.optional(record.key_id.as_deref()))?;
    arguments.add(words.optional(record.key_name.as_deref()))?;
    arguments.add(words.get(&record.dialect))?;
    arguments.add(words.get(&record.operation))?;
    arguments.add(words.get(&record.model_requested))?;
    arguments.add(words.optional(record.model_served.as_deref()))?;
    arguments.add(words.optional(record.provider.as_deref()))?;
    arguments.add(record.upstream_id.as_deref())?;
    arguments.add(AttemptRecord::list(&record.attempts))?;
    arguments.add(i64::from(record.status))?;
    arguments.add(words.get(record.outcome.as_str()))?;
    arguments.add(words.optional(record.error_code.as_deref()))?;
    arguments.add(words.optional(record.finish_reason.as_deref()))?;
    arguments.add(i64::from(record.streamed))?;
    arguments.add(signed(record.tokens.input))?;
    arguments.add(signed(record.tokens.cached_input))?;
    arguments.add(signed(record.tokens.cache_write))?;
    arguments.add(signed(record.tokens.output))?;
    arguments.add(signed(record.tokens.reasoning))?;
    arguments.add(words.get(record.tokens.source.as_str()))?;
    arguments.add(record.cost_nanos.map(signed))?;
    arguments.add(record.first_byte_us.map(signed))?;
    arguments.add(signed(record.total_us))?;
    arguments.add(signed(record.overhead_us))?;
    arguments.add(lossy)?;
    let units = if record.units.is_empty() { None } else { Some(serde_json::to_string(&record.units)?) };
    arguments.add(units)?;
    let route = record.route.as_ref().map(serde_json::to_string).transpose()?;
    arguments.add(route)?;
    arguments.add(record.heal.as_ref().map(serde_json::to_string).transpose()?)?;
    arguments.add(record.shadow.as_ref().map(serde_json::to_string).transpose()?)
}

/// What one batch adds to one row of `usage_hours`.
#[derive(Default)]
struct Sums {
    requests: i64,
    errors: i64,
    /// Tokens by kind, then the cost.
    amounts: [i64; 6],
}

async fn insert_usage(
    transaction: &mut Transaction<'_, Sqlite>,
    records: &[&ExchangeRecord],
) -> Result<(), sqlx::Error> {
    // In the order of the primary key: neighbours lie on the same page.
    let mut hours: BTreeMap<_, Sums> = BTreeMap::new();
    for record in records {
        let key = (
            record.started_at_us.div_euclid(HOUR_US),
            record.key_id.as_deref().unwrap_or_default(),
            record.counted_model().unwrap_or_default(),
            record.counted_provider().unwrap_or_default(),
        );
        hours.entry(key).or_default().add(record);
    }
    let hours: Vec<_> = hours.into_iter().collect();
    for (rows, statement) in USAGE.split(&hours) {
        let mut arguments = SqliteArguments::default();
        for (key, sums) in rows {
            bind_usage(&mut arguments, *key, sums).map_err(sqlx::Error::Encode)?;
        }
        sqlx::query_with(statement, arguments).execute(&mut **transaction).await?;
    }
    Ok(())
}

impl Sums {
    fn add(&mut self, record: &ExchangeRecord) {
        let tokens = &record.tokens;
        let cost = record.cost_nanos.unwrap_or(0);
        let amounts =
            [tokens.input, tokens.cached_input, tokens.cache_write, tokens.output, tokens.reasoning, cost];
        self.requests += 1;
        self.errors += i64::from(record.is_error());
        for (sum, amount) in self.amounts.iter_mut().zip(amounts) {
            *sum = sum.saturating_add(signed(amount));
        }
    }
}

/// In the order of [`USAGE_COLUMNS`].
fn bind_usage(
    arguments: &mut SqliteArguments,
    (hour, key_id, model, provider): (i64, &str, &str, &str),
    sums: &Sums,
) -> Result<(), BoxDynError> {
    arguments.add(hour)?;
    arguments.add(key_id)?;
    arguments.add(model)?;
    arguments.add(provider)?;
    arguments.add(sums.requests)?;
    arguments.add(sums.errors)?;
    sums.amounts.iter().try_for_each(|amount| arguments.add(*amount))
}

/// Statements that insert many rows at once. Their parameters have no numbers: SQLite finds numbered ones by walking
/// through a list of all, which takes the square of their number.
struct Inserts {
    statements: Vec<(usize, Arc<str>)>,
}

impl Inserts {
    fn new(table: &str, columns: &[&str], conflict: &str) -> Self {
        let row = format!("({})", vec!["?"; columns.len()].join(","));
        let statement = |rows| {
            let values = vec![row.as_str(); rows].join(",");
            format!("INSERT INTO {table} ({}) VALUES {values} {conflict}", columns.join(","))
        };
        Self { statements: ROWS.map(|rows| (rows, statement(rows).into())).into() }
    }

    /// Parts rows into as few statements as there can be.
    fn split<'a, T>(&'a self, mut rows: &'a [T]) -> impl Iterator<Item = (&'a [T], AssertSqlSafe<Arc<str>>)> {
        std::iter::from_fn(move || {
            self.statements.iter().find_map(|(count, statement)| {
                let (part, rest) = rows.split_at_checked(*count)?;
                rows = rest;
                Some((part, AssertSqlSafe(Arc::clone(statement))))
            })
        })
    }
}

/// Texts that most rows share are copied once for many. They are few, so that looking at each is the fastest way.
#[derive(Default)]
struct Words<'a>(Vec<(&'a str, Arc<str>)>);

impl<'a> Words<'a> {
    const MOST: usize = 32;

    fn get(&mut self, text: &'a str) -> Arc<str> {
        if let Some((_, word)) = self.0.iter().find(|(known, _)| *known == text) {
            return Arc::clone(word);
        }
        if self.0.len() == Self::MOST {
            self.0.clear();
        }
        let word: Arc<str> = text.into();
        self.0.push((text, Arc::clone(&word)));
        word
    }

    fn optional(&mut self, text: Option<&'a str>) -> Option<Arc<str>> {
        text.map(|text| self.get(text))
    }
}

/// The database's integers have a sign; what is too large for them was no true count.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
