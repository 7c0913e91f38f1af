//! Fills the ledger of a data folder with made-up records, so that the gateway can be measured with a large one.
//!
//! In: a folder and a number of records. Out: the gateway's own tables, filled as a month of one key's exchanges fills
//! them. It goes past the spool, and never touches a ledger that holds anything.

use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use crate::target::{Yumen, start_yumen};

/// Records of one transaction.
const BATCH: u64 = 500_000;
/// The time that the records lie in.
const SECONDS: u64 = 30 * 86_400;

const ATTEMPTS: &str = r##"[{"provider":"fake-openai","model":"bench","credential":"#1","status":200,"cause":null,"started_us":40,"duration_us":120}]"##;

/// Fills the ledger in `data` with `records`, the last of them from now. The tables are made by the gateway itself.
pub(crate) fn fill(program: &Path, data: &Path, records: u64, say: impl FnMut(&str)) -> Result<()> {
    let beside = tempfile::tempdir()?;
    let yumen = Yumen { program: program.to_owned(), data: Some(data.to_owned()) };
    // No upstream is called: the program only makes its tables.
    let nowhere = std::net::SocketAddr::from(([127, 0, 0, 1], 9));
    drop(start_yumen(&yumen, beside.path(), nowhere)?);
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(write(data, records, say))
}

async fn write(data: &Path, records: u64, mut say: impl FnMut(&str)) -> Result<()> {
    let file = data.join("yumen.db");
    let mut database = SqliteConnectOptions::new()
        .filename(&file)
        .pragma("synchronous", "off")
        .pragma("cache_size", "-400000")
        .connect()
        .await
        .with_context(|| format!("{} cannot be opened", file.display()))?;
    let held: i64 = sqlx::query_scalar("SELECT count(*) FROM records").fetch_one(&mut database).await?;
    if held > 0 {
        bail!("{} already holds {held} records", file.display());
    }
    let begin = Instant::now();
    let first = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() - SECONDS;
    let mut done = 0;
    while done < records {
        let end = (done + BATCH).min(records);
        batch(&mut database, first, done..end, records).await?;
        done = end;
        say(&format!("{done} of {records} records after {:.0} s", begin.elapsed().as_secs_f64()));
    }
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut database).await?;
    database.close().await?;
    Ok(())
}

async fn batch(
    database: &mut SqliteConnection,
    first: u64,
    numbers: std::ops::Range<u64>,
    records: u64,
) -> Result<()> {
    let (from, last) = (numbers.start, numbers.end.saturating_sub(1));
    let second = format!("({first} + i * {SECONDS} / {records})");
    let rows = format!(
        "WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i < {last})
        INSERT INTO records (id, started_at_us, key_id, key_name, dialect, operation, model_requested, model_served,
            provider, upstream_id, attempts, status, outcome, finish_reason, streamed, input_tokens,
            cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, token_source, cost_nanos,
            first_byte_us, total_us, overhead_us)
        SELECT printf('gen-%010d-%020d', {second}, i), {second} * 1000000, 'file:bench', 'bench', 'openai_chat',
            'chat', 'fake-openai/bench', 'bench', 'fake-openai', 'chatcmpl-bench', '{ATTEMPTS}', 200, 'completed',
            'stop', 0, 120, 0, 0, 40, 0, 'reported', 42000, 1000, 1200, 60
        FROM n"
    );
    let hours = format!(
        "WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i < {last})
        INSERT INTO usage_hours (hour, key_id, model, provider, requests, errors, input_tokens, cached_input_tokens,
            cache_write_tokens, output_tokens, reasoning_tokens, cost_nanos)
        SELECT {second} / 3600, 'file:bench', 'bench', 'fake-openai', count(*), 0, count(*) * 120, 0, 0,
            count(*) * 40, 0, count(*) * 42000
        FROM n GROUP BY {second} / 3600
        ON CONFLICT (hour, key_id, model, provider) DO UPDATE SET requests = requests + excluded.requests,
            input_tokens = input_tokens + excluded.input_tokens,
            output_tokens = output_tokens + excluded.output_tokens, cost_nanos = cost_nanos + excluded.cost_nanos"
    );
    let mut transaction = database.begin().await?;
    for statement in [rows, hours] {
        // Numbers and our own words only.
        sqlx::query(AssertSqlSafe(statement)).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(())
}
