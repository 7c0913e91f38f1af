//! A simulation told to people.

use comfy_table::{CellAlignment, Table};
use jiff::Timestamp;
use yumen_gateway::simulate::{Ground, Report, Share, Side, Times};

use crate::cli::{say, table};

/// Deployments and refusals that are shown; `--json` has all.
const ROWS_MOST: usize = 20;

/// Prints all of it.
pub fn show(report: &Report, us: (i64, i64)) {
    let time = |us: i64| {
        let second = Timestamp::from_second(us.div_euclid(1_000_000)).ok();
        second.map(|time| time.to_string()).unwrap_or_default()
    };
    let (before, after) = (&report.before, &report.after);
    say(&format!(
        "{} exchanges from {} to {} replayed; before: {}",
        after.exchanges,
        time(us.0),
        time(us.1),
        if report.baseline == "recorded" { "as recorded" } else { "the baseline, simulated" },
    ));
    if !report.left_out.is_empty() {
        let all = report.left_out.iter().map(|(why, count)| format!("{why} ({count})"));
        say(&format!("left out: {}", all.collect::<Vec<_>>().join(", ")));
    }
    if after.exchanges == 0 {
        return say("No exchange of this time asks a model for a text.");
    }
    say(&sums(before, after).to_string());
    say(&shares(&report.deployments).to_string());
    if !after.refusals.is_empty() {
        say(&refusals(after).to_string());
    }
    say("It rests on this:");
    for assumption in &report.assumptions {
        let of = assumption.exchanges.map(|count| format!("{count} exchanges: ")).unwrap_or_default();
        say(&format!("- {of}{}", assumption.text));
    }
}

fn aligned(header: &[&str], left: usize) -> Table {
    let mut table = table(header);
    for column in left..header.len() {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn sums(before: &Side, after: &Side) -> Table {
    let mut table = aligned(&["", "before", "after", "change"], 1);
    let mut row = |name: &str, was: String, is: String, change: String| {
        table.add_row([name.to_owned(), was, is, change]);
    };
    let mut money = |name: &str, was: u64, is: u64| row(name, dollars(was), dollars(is), percent(was, is));
    money("cost $", before.cost_nanos, after.cost_nanos);
    money("cost $ per 1000", before.cost_per_1000_nanos, after.cost_per_1000_nanos);
    let mut count = |name: &str, was: u64, is: u64| {
        let change = i128::from(is) - i128::from(was);
        row(
            name,
            was.to_string(),
            is.to_string(),
            if change == 0 { String::new() } else { format!("{change:+}") },
        );
    };
    count("served", before.served, after.served);
    count("failed", before.failed, after.failed);
    count("refused", before.refused, after.refused);
    if before.client_gone + after.client_gone > 0 {
        count("left by the client", before.client_gone, after.client_gone);
    }
    if before.unpriced + after.unpriced > 0 {
        count("of unknown cost", before.unpriced, after.unpriced);
    }
    count("tries", before.tries, after.tries);
    for (name, was, is) in [
        ("first token, ms", before.first_token_us, after.first_token_us),
        ("whole, ms", before.total_us, after.total_us),
    ] {
        let all = |times: Option<Times>| {
            times.map(|Times { p50, p90, p99 }| [p50, p90, p99].map(Some)).unwrap_or_default()
        };
        for (share, (was, is)) in ["P50", "P90", "P99"].into_iter().zip(all(was).into_iter().zip(all(is))) {
            let shown = |us: Option<u64>| us.map(ms).unwrap_or_default();
            let change = was.zip(is).map(|(was, is)| percent(was, is)).unwrap_or_default();
            row(&format!("{name}, {share}"), shown(was), shown(is), change);
        }
    }
    table
}

fn shares(deployments: &[Share]) -> Table {
    let header = ["provider", "model", "before %", "after %", "cost $ before", "cost $ after", "figures"];
    let mut table = aligned(&header, 2);
    for share in deployments.iter().take(ROWS_MOST) {
        let figures = share.figures.map_or("", |figures| match figures.failures {
            Ground::Recorded => "its own",
            Ground::SameModel => "of the same model",
            Ground::All => "of all",
            Ground::Nothing => "none",
        });
        table.add_row([
            share.provider.clone(),
            share.model.clone(),
            format!("{:.1}", share.before_percent),
            format!("{:.1}", share.after_percent),
            dollars(share.before.cost_nanos),
            dollars(share.after.cost_nanos),
            figures.to_owned(),
        ]);
    }
    more(&mut table, deployments.len());
    table
}

fn refusals(side: &Side) -> Table {
    let mut table = table(&["would be refused", "model", "exchanges", "because"]);
    for refusal in side.refusals.iter().take(ROWS_MOST) {
        table.add_row([
            refusal.code.clone(),
            refusal.model.clone(),
            refusal.exchanges.to_string(),
            refusal.message.clone(),
        ]);
    }
    more(&mut table, side.refusals.len());
    table
}

fn more(table: &mut Table, all: usize) {
    if all > ROWS_MOST {
        table.add_row([format!("… and {} more (--json)", all - ROWS_MOST)]);
    }
}

/// Nano-dollars as a decimal number of dollars.
fn dollars(nanos: u64) -> String {
    format!("{}.{:06}", nanos / 1_000_000_000, nanos % 1_000_000_000 / 1000)
}

fn ms(us: u64) -> String {
    format!("{}.{}", us / 1000, us % 1000 / 100)
}

fn percent(was: u64, is: u64) -> String {
    if was == 0 || was == is {
        return if was == is { "0 %".to_owned() } else { String::new() };
    }
    format!("{:+.1} %", (is as f64 - was as f64) * 100.0 / was as f64)
}
