//! The medians of a run, their ratios, and whether they reach what is wanted.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::json;

use super::rows::{Goal, Row};
use crate::samples::median;
use crate::target::Kind;

/// All figures of one run.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Figures>,
}

#[derive(Debug)]
struct Figures {
    row: Row,
    values: BTreeMap<&'static str, Vec<f64>>,
}

/// How a figure stands against what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Aim,
    Must,
    Missed,
    None,
}

impl Table {
    pub(crate) fn add(&mut self, row: &Row, kind: Kind, value: f64) {
        let place = self.rows.iter().position(|figures| figures.row.name == row.name);
        let figures = match place {
            Some(place) => self.rows.get_mut(place),
            None => {
                self.rows.push(Figures { row: *row, values: BTreeMap::new() });
                self.rows.last_mut()
            }
        };
        if let Some(figures) = figures {
            figures.values.entry(name(kind)).or_default().push(value);
        }
    }

    /// Whether every figure that must be reached was reached.
    pub(crate) fn passed(&self) -> bool {
        self.rows.iter().all(|figures| self.verdict(figures) != Verdict::Missed)
    }

    /// The table as Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from(
            "| row | what | direct | nginx | yumen | unit | ratio | must | aim | |\n\
             |---|---|---:|---:|---:|---|---:|---:|---:|---|\n",
        );
        for figures in &self.rows {
            let (must, aim) = wanted(figures.row.goal);
            let cell = |kind| self.value(figures, kind).map_or_else(String::new, short);
            let shown = |ratio: f64| match figures.row.goal {
                Goal::OverRowAtMost(..) => format!("{ratio:+.0}"),
                _ => format!("{ratio:.2}"),
            };
            let ratio = self.ratio(figures).map_or_else(String::new, shown);
            let verdict = match self.verdict(figures) {
                Verdict::Aim => "✓✓",
                Verdict::Must => "✓",
                Verdict::Missed => "✗",
                Verdict::None => "",
            };
            let _written = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {ratio} | {must} | {aim} | {verdict} |",
                figures.row.name,
                figures.row.title,
                cell(Kind::Direct),
                cell(Kind::Nginx),
                cell(Kind::Yumen),
                figures.row.unit(),
            );
        }
        text
    }

    /// The same for programs, with every single figure.
    pub(crate) fn json(&self) -> serde_json::Value {
        let rows = self.rows.iter().map(|figures| {
            json!({
                "name": figures.row.name, "title": figures.row.title, "unit": figures.row.unit(),
                "runs": figures.values,
                "median": figures.values.iter().map(|(kind, values)| (*kind, median(values))).collect::<BTreeMap<_, _>>(),
                "ratio": self.ratio(figures), "passed": self.verdict(figures) != Verdict::Missed,
            })
        });
        json!({ "rows": rows.collect::<Vec<_>>(), "passed": self.passed() })
    }

    fn value(&self, figures: &Figures, kind: Kind) -> Option<f64> {
        figures.values.get(name(kind)).and_then(|values| median(values))
    }

    /// Yumen's figure in the row that this one is compared with.
    fn of_other_row(&self, figures: &Figures) -> Option<f64> {
        let other = figures.row.other()?;
        self.value(self.rows.iter().find(|figures| figures.row.name == other)?, Kind::Yumen)
    }

    /// The figure that is compared with what is wanted.
    fn ratio(&self, figures: &Figures) -> Option<f64> {
        let yumen = self.value(figures, Kind::Yumen)?;
        match figures.row.goal {
            Goal::OfNginxAtLeast(..) | Goal::OfNginxAtMost(..) => {
                Some(yumen / self.value(figures, Kind::Nginx)?)
            }
            Goal::AddedAtMost(..) => {
                let direct = self.value(figures, Kind::Direct)?;
                let nginx = self.value(figures, Kind::Nginx)? - direct;
                (nginx > 0.0).then(|| (yumen - direct) / nginx)
            }
            Goal::OfRowAtMost(..) => Some(yumen / self.of_other_row(figures)?),
            Goal::OverRowAtMost(..) => Some(yumen - self.of_other_row(figures)?),
            Goal::AtMost(_) => None,
            Goal::Shown => Some(yumen / self.value(figures, Kind::Nginx)?),
        }
    }

    fn verdict(&self, figures: &Figures) -> Verdict {
        let judge = |figure: Option<f64>, must: f64, aim: f64| {
            let Some(figure) = figure else { return Verdict::None };
            let reaches = |wanted: f64| if must <= aim { figure >= wanted } else { figure <= wanted };
            match (reaches(aim), reaches(must)) {
                (true, _) => Verdict::Aim,
                (_, true) => Verdict::Must,
                _ => Verdict::Missed,
            }
        };
        let at_most = |figure: Option<f64>, limit: f64| match figure {
            Some(figure) if figure <= limit => Verdict::Must,
            Some(_) => Verdict::Missed,
            None => Verdict::None,
        };
        match figures.row.goal {
            Goal::OfNginxAtLeast(must, aim)
            | Goal::OfNginxAtMost(must, aim)
            | Goal::AddedAtMost(must, aim) => judge(self.ratio(figures), must, aim),
            Goal::OfRowAtMost(_, limit) => at_most(self.ratio(figures), limit),
            // What costs nothing has not happened.
            Goal::OverRowAtMost(_, limit) => at_most(
                self.ratio(figures).map(|added| if added > 0.0 { added } else { f64::INFINITY }),
                limit,
            ),
            Goal::AtMost(limit) => at_most(self.value(figures, Kind::Yumen), limit),
            Goal::Shown => Verdict::None,
        }
    }
}

fn wanted(goal: Goal) -> (String, String) {
    match goal {
        Goal::OfNginxAtLeast(must, aim) => (format!("≥ {must:.2}"), format!("≥ {aim:.2}")),
        Goal::OfNginxAtMost(must, aim) => (format!("≤ {must:.1}"), format!("≤ {aim:.1}")),
        Goal::AddedAtMost(must, aim) => (format!("adds ≤ {must:.0}×"), format!("≤ {aim:.0}×")),
        Goal::OfRowAtMost(_, limit) => (format!("≤ {limit:.1}"), String::new()),
        Goal::OverRowAtMost(_, limit) => (format!("adds ≤ {limit:.0}"), String::new()),
        Goal::AtMost(limit) => (format!("≤ {limit:.0}"), String::new()),
        Goal::Shown => (String::new(), String::new()),
    }
}

fn short(value: f64) -> String {
    if value >= 1_000.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Direct => "direct",
        Kind::Nginx => "nginx",
        Kind::Yumen => "yumen",
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::ROWS;
    use super::*;

    fn table(name: &str, direct: f64, nginx: f64, yumen: f64) -> Table {
        let row = ROWS.iter().find(|row| row.name == name).unwrap();
        let mut table = Table::default();
        for (kind, value) in [(Kind::Direct, direct), (Kind::Nginx, nginx), (Kind::Yumen, yumen)] {
            table.add(row, kind, value);
        }
        table
    }

    #[test]
    fn verdicts_follow_the_direction_of_the_goal() {
        for (name, direct, nginx, yumen, passed, mark) in [
            ("chat-throughput", 9.0, 2.0, 1.5, true, "✓✓"),
            ("chat-throughput", 9.0, 2.0, 1.1, true, "✓"),
            ("chat-throughput", 9.0, 2.0, 0.9, false, "✗"),
            ("chat-cpu", 9.0, 2.0, 3.0, true, "✓✓"),
            ("chat-cpu", 9.0, 2.0, 7.0, false, "✗"),
            ("chat-latency", 10.0, 20.0, 35.0, true, "✓"),
            ("chat-latency", 10.0, 20.0, 45.0, false, "✗"),
            ("memory-idle", 1.0, 1.0, 31.0, false, "✗"),
            ("memory-idle", 1.0, 1.0, 29.0, true, "✓"),
        ] {
            let table = table(name, direct, nginx, yumen);
            assert_eq!(table.passed(), passed, "{name} {yumen}");
            assert!(table.markdown().ends_with(&format!(" {mark} |\n")), "{}", table.markdown());
        }
    }

    #[test]
    fn what_a_row_adds_to_another_is_judged() {
        for (adds, passed, mark) in [(999.0, true, "✓"), (1_001.0, false, "✗"), (-1.0, false, "✗")] {
            let mut table = table("chat-latency", 10.0, 20.0, 35.0);
            let row = ROWS.iter().find(|row| row.name == "failover-latency").unwrap();
            assert_eq!(row.kinds(), [Kind::Yumen]);
            table.add(row, Kind::Yumen, 35.0 + adds);
            assert_eq!(table.passed(), passed);
            let end = format!(" | {adds:+.0} | adds ≤ 1000 |  | {mark} |\n");
            assert!(table.markdown().ends_with(&end), "{}", table.markdown());
        }
    }
}
