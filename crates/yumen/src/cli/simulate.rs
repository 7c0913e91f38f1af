//! The options of `yumen simulate`.

use std::path::PathBuf;

use clap::Args;

use super::SettingsOptions;
use crate::moments;

/// What `yumen simulate --help` says in the end.
pub const EXAMPLE: &str = "\
Example: would the edited configuration have been cheaper in the last week, and what would it have done to failures?

  yumen simulate --since 7d --config new.yaml

The text is for people; --json gives the same with integers of nano-dollars and microseconds.";

#[derive(Debug, Args)]
#[allow(missing_docs)]
pub struct SimulateOptions {
    #[command(flatten)]
    pub settings: SettingsOptions,
    /// How far back exchanges are replayed (7d, 24h), or from when on (2026-11-20T00:00Z, 2026-11-20).
    #[arg(long, value_name = "WHEN", default_value = "7d", value_parser = moments::past)]
    pub since: i64,
    /// Up to when, written in the same way; up to now when not given.
    #[arg(long, value_name = "WHEN", value_parser = moments::past)]
    pub until: Option<i64>,
    /// Compare with what this configuration would have done, and not with what was recorded.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Exchanges that are replayed at most; of more the newest.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub limit: u32,
    /// The number from which outcomes are drawn: the same one gives the same report.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Exit with 1 when the cost would rise by more than so many percent.
    #[arg(long, value_name = "PERCENT")]
    pub fail_if_cost_above: Option<u32>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}
