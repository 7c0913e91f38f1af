//! `yumen shadow`: how candidates compare with the aliases whose requests they were sent copies of.

use std::process::ExitCode;

use comfy_table::CellAlignment;
use serde_json::{Value, json};
use yumen_store::{ShadowQuery, ShadowRow};

use crate::cli::{ShadowOptions, say, table};
use crate::usage::{dollars, read, since_us};

/// Prints the comparison.
pub fn run(options: &ShadowOptions) -> anyhow::Result<ExitCode> {
    let query = ShadowQuery { alias: options.alias.clone(), since_us: since_us(options.since) };
    let rows = read(&options.store, async |store| store.shadows(&query).await)?;
    if options.json {
        say(&serde_json::to_string_pretty(&rows.iter().map(as_json).collect::<Vec<_>>())?);
    } else if rows.is_empty() {
        say("No copy was sent in this time.");
    } else {
        rows.iter().for_each(show);
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(row: &ShadowRow) -> Value {
    let pair = |[original, copy]: [u64; 2]| json!({ "original": original, "copy": copy });
    json!({
        "alias": row.alias, "candidate": row.candidate,
        "copies": row.copies, "failed": row.failed, "compared": row.compared, "priced": row.priced,
        "cost_nanos": pair(row.cost_nanos),
        "cost_usd": { "original": dollars(row.cost_nanos[0]), "copy": dollars(row.cost_nanos[1]) },
        "output_tokens": pair(row.output_tokens), "characters": pair(row.characters),
        "total_us_p50": pair(row.total_us_p50), "total_us_p90": pair(row.total_us_p90),
        "json_asked": row.json_asked, "json_valid": pair(row.json_valid),
        "with_tools": row.with_tools, "same_tools": row.same_tools, "same_arguments": row.same_arguments,
        "same_finish": row.same_finish, "common_words_permille": row.common_words,
    })
}

fn show(row: &ShadowRow) {
    let ShadowRow { alias, candidate, copies, failed, compared, priced, .. } = row;
    say(&format!("{alias} → {candidate}: {copies} copies, {failed} not answered, {compared} compared"));
    let mut table = table(&["", "original", "candidate"]);
    for column in 1..3 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut add = |name: &str, pair: [u64; 2], told: &dyn Fn(u64) -> String| {
        let [original, copy] = pair.map(told);
        table.add_row([name.to_owned(), original, copy]);
    };
    let ms = |us: u64| format!("{}.{:03}", us / 1000, us % 1000);
    add(&format!("cost $ (of {priced})"), row.cost_nanos, &dollars);
    add("output tokens", row.output_tokens, &|number| number.to_string());
    add("characters", row.characters, &|number| number.to_string());
    add("time P50, ms", row.total_us_p50, &ms);
    add("time P90, ms", row.total_us_p90, &ms);
    if row.json_asked > 0 {
        add("valid JSON, %", row.json_valid, &|valid| percent(valid, row.json_asked));
    }
    say(&table.to_string());
    say(&format!("same finish: {} %", percent(row.same_finish, *compared)));
    if row.with_tools > 0 {
        say(&format!(
            "same tools: {} %, with the same arguments: {} % (of {} that call any)",
            percent(row.same_tools, row.with_tools),
            percent(row.same_arguments, row.with_tools),
            row.with_tools
        ));
    }
    if let Some(words) = row.common_words {
        say(&format!("common words: {} %", percent(words, 1000)));
    }
    say("");
}

/// A part in a hundred, with one decimal.
fn percent(part: u64, of: u64) -> String {
    let thousandths = (part.saturating_mul(1000)).checked_div(of).unwrap_or(0);
    format!("{}.{}", thousandths / 10, thousandths % 10)
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn parts_are_shown_in_a_hundred() {
        for (part, of, shown) in [(1, 3, "33.3"), (3, 3, "100.0"), (0, 0, "0.0"), (755, 1000, "75.5")] {
            assert_eq!(percent(part, of), shown);
        }
    }
}
