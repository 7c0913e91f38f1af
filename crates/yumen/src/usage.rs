//! `yumen usage`: requests, tokens and cost from the ledger.

use std::process::ExitCode;
use std::time::Duration;

use comfy_table::CellAlignment;
use jiff::Timestamp;
use serde_json::json;
use yumen_store::{GroupBy, SPOOL_FOLDER, Store, StoreError, UsageQuery, UsageRow};

use crate::cli::{StoreOptions, UsageGroup, UsageOptions, remark, say, table};
use crate::settings;

/// Prints the sums.
pub fn run(options: &UsageOptions) -> anyhow::Result<ExitCode> {
    let (now_us, since_us) = (Timestamp::now().as_microsecond(), since_us(options.since));
    let group_by = match options.by {
        None => GroupBy::None,
        Some(UsageGroup::Model) => GroupBy::Model,
        Some(UsageGroup::Key) => GroupBy::Key,
        Some(UsageGroup::Provider) => GroupBy::Provider,
    };
    let query = UsageQuery { since_us, until_us: now_us.saturating_add(1), group_by };
    let rows = read(&options.store, async |store| store.usage(&query).await)?;
    if options.json {
        say(&serde_json::to_string_pretty(&rows.iter().map(as_json).collect::<Vec<_>>())?);
    } else if rows.is_empty() {
        say("Nothing was used in this time.");
    } else {
        show(&rows, options.by);
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads something from the store; says that records are missing in it, if any are.
pub fn read<T>(
    options: &StoreOptions,
    ask: impl AsyncFnOnce(&Store) -> Result<T, StoreError>,
) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let url = settings::store_url(options)?;
    let (told, waiting) = runtime.block_on(async {
        let store = Store::open_existing(&options.data_dir, url.as_deref()).await?;
        let told = ask(&store).await;
        let waiting = store.waiting_records(&options.data_dir.join(SPOOL_FOLDER)).await;
        store.close().await;
        Ok::<_, StoreError>((told?, waiting?))
    })?;
    remark_waiting(waiting);
    Ok(told)
}

/// The moment so long ago, in Unix microseconds; the first of all without it.
pub fn since_us(back: Option<Duration>) -> i64 {
    let now_us = Timestamp::now().as_microsecond();
    back.map_or(0, |back| now_us.saturating_sub(i64::try_from(back.as_micros()).unwrap_or(i64::MAX)).max(0))
}

/// Says that records are missing in what follows, if any are.
fn remark_waiting(waiting: u64) {
    if waiting > 0 {
        remark(&format!(
            "note: {waiting} records wait in the spool and are not in these sums; \
             `yumen serve` stores them within a second, or when it is next started"
        ));
    }
}

fn as_json(row: &UsageRow) -> serde_json::Value {
    json!({
        "group": row.group, "name": row.name, "requests": row.requests, "errors": row.errors,
        "input_tokens": row.input_tokens, "cached_input_tokens": row.cached_input_tokens,
        "cache_write_tokens": row.cache_write_tokens, "output_tokens": row.output_tokens,
        "reasoning_tokens": row.reasoning_tokens, "cost_nanos": row.cost_nanos,
        "cost_usd": dollars(row.cost_nanos),
    })
}

fn show(rows: &[UsageRow], by: Option<UsageGroup>) {
    let first = match by {
        None => "",
        Some(UsageGroup::Model) => "model",
        Some(UsageGroup::Key) => "key",
        Some(UsageGroup::Provider) => "provider",
    };
    let mut table = table(&[first, "requests", "errors", "input", "cached", "output", "reasoning", "cost $"]);
    for column in 1..8 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for row in rows {
        let name = match (by, row.name.as_str()) {
            (None, _) => "all",
            (Some(_), "") => "(none)",
            (Some(_), name) => name,
        };
        table.add_row([
            name.to_owned(),
            row.requests.to_string(),
            row.errors.to_string(),
            row.input_tokens.to_string(),
            row.cached_input_tokens.to_string(),
            row.output_tokens.to_string(),
            row.reasoning_tokens.to_string(),
            dollars(row.cost_nanos),
        ]);
    }
    say(&table.to_string());
}

/// Nano-dollars as a decimal number of dollars.
pub fn dollars(nanos: u64) -> String {
    format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}
