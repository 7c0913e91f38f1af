//! The rates as a table.

use std::fmt::Write;

use super::{Case, Repair, rates};

/// The rates of one repairer.
pub(super) struct Column {
    name: &'static str,
    rates: Vec<(&'static str, usize, usize)>,
    valid: (usize, usize),
}

impl Column {
    pub(super) fn of(name: &'static str, cases: &[Case], valid: &[String], repair: Repair<'_>) -> Self {
        let same = |text: &&String, repair: Repair<'_>| repair(text) == serde_json::from_str(text).ok();
        let kept = valid.iter().filter(|text| same(text, repair)).count();
        Self { name, rates: rates(cases, repair), valid: (kept, valid.len()) }
    }

    fn overall(&self) -> (usize, usize) {
        self.rates.iter().fold((0, 0), |(good, all), (_, more, of)| (good + more, all + of))
    }
}

/// Per cent with one decimal; whole hundreds without.
fn share((good, all): (usize, usize)) -> String {
    if good == all { "100 %".to_owned() } else { format!("{:.1} %", 100.0 * good as f64 / all.max(1) as f64) }
}

/// The table in Markdown: a row for each kind, then all, then valid documents.
pub(super) fn markdown(columns: &[Column]) -> String {
    let mut out = String::from("| damage | documents |");
    for column in columns {
        let _ = write!(out, " {} |", column.name);
    }
    out.push_str("\n| --- | ---: |");
    out.push_str(&" ---: |".repeat(columns.len()));
    out.push('\n');
    let row = |out: &mut String, name: &str, each: &mut dyn FnMut(&Column) -> (usize, usize)| {
        let documents = columns.first().map_or(0, |column| each(column).1);
        let _ = write!(out, "| {name} | {documents} |");
        for column in columns {
            let _ = write!(out, " {} |", share(each(column)));
        }
        out.push('\n');
    };
    for (index, (kind, ..)) in columns.first().map_or(&[][..], |column| &column.rates).iter().enumerate() {
        row(&mut out, kind, &mut |column| {
            column.rates.get(index).map_or((0, 0), |(_, good, all)| (*good, *all))
        });
    }
    row(&mut out, "**all**", &mut Column::overall_of);
    row(&mut out, "valid, left as it was", &mut |column| column.valid);
    out
}

impl Column {
    fn overall_of(column: &Self) -> (usize, usize) {
        column.overall()
    }
}
