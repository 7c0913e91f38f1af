//! `cargo xtask bench`: the gateway beside a plain reverse proxy.
//!
//! In: arguments for `yumen-bench run`. Out: its table, on the terminal and, with `--write`, as a page of the
//! documentation. It never judges the figures.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::serve::target_folder;
use crate::{setup, shell};

/// Help text.
pub const HELP: &str = "\
Builds the gateway and the bench optimised, installs nginx if it is missing (as root on Debian or Ubuntu) and runs
`yumen-bench run`. Only the ratios of one run mean something: absolute figures belong to the machine and its hour.

  --large    measure the main rows once more with ten million records in the ledger (4 GB of disk for the time)
  --write    put the tables into docs/benchmarks.md as well
Other arguments go to `yumen-bench run`; `cargo xtask bench -- --help` lists them.
";

const PAGE: &str = "docs/benchmarks.md";

/// What is measured once more with a large ledger.
const LARGE: &[&str] = &[
    "--records=10000000",
    "--only=chat-throughput",
    "--only=chat-cpu",
    "--only=chat-latency",
    "--only=chat-4k",
    "--only=messages-throughput",
    "--only=stream",
];

/// Builds and measures.
pub fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let asked = |word: &str| arguments.iter().any(|argument| argument == word);
    let ours = ["--write", "--large", "--"];
    let passed_on: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|word| !ours.contains(word)).collect();
    setup::ensure(&[setup::C_COMPILER, setup::NGINX])?;
    let build = ["build", "--release", "--package", "yumen", "--package", "yumen-bench"];
    shell::run(shell::cargo().current_dir(root).args(build))?;
    let (mut passed, table) = measure(root, &passed_on)?;
    let mut report = table;
    if asked("--large") {
        let (large_passed, table) = measure(root, &[LARGE, &passed_on].concat())?;
        passed &= large_passed;
        report =
            format!("{}\n\nThe same with ten million records in the ledger:\n\n{table}", report.trim_end());
    }
    if asked("--write") {
        let page = root.join(PAGE);
        std::fs::write(&page, page_of(&report)).with_context(|| page.display().to_string())?;
        println!("written: {PAGE}");
    }
    if passed { Ok(()) } else { bail!("the bench failed") }
}

/// Whether all was as fast as it must be, and the table.
fn measure(root: &Path, arguments: &[&str]) -> Result<(bool, String)> {
    let mut table = String::new();
    let mut command = Command::new(target_folder(root).join("release").join("yumen-bench"));
    command.current_dir(root).arg("run").args(arguments);
    let passed = shell::follow(&mut command, |line| {
        table.push_str(line);
        table.push('\n');
    })?;
    Ok((passed, table))
}

fn page_of(report: &str) -> String {
    format!(
        "# Benchmarks\n\nWritten by `cargo xtask bench --large --write`. Yumen runs with key check, limits and records on; nginx is a\n\
         plain reverse proxy beside it, before the same fake upstream, in the same run. Only the ratios mean something:\n\
         absolute figures belong to the machine they were taken on.\n\n{}\n",
        report.trim()
    )
}
