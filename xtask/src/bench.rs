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

  --write    put the tables into docs/benchmarks.md as well
Other arguments go to `yumen-bench run`; `cargo xtask bench -- --help` lists them.
";

const PAGE: &str = "docs/benchmarks.md";

/// Builds and measures.
pub fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let write = arguments.iter().any(|word| word == "--write");
    let passed_on: Vec<&String> =
        arguments.iter().filter(|word| !["--write", "--"].contains(&word.as_str())).collect();
    setup::ensure(&[setup::C_COMPILER, setup::NGINX])?;
    let build = ["build", "--release", "--package", "yumen", "--package", "yumen-bench"];
    shell::run(shell::cargo().current_dir(root).args(build))?;
    let binary = target_folder(root).join("release").join("yumen-bench");
    let mut report = String::new();
    let mut command = Command::new(binary);
    command.current_dir(root).arg("run").args(passed_on);
    let passed = shell::follow(&mut command, |line| {
        report.push_str(line);
        report.push('\n');
    })?;
    if write {
        let page = root.join(PAGE);
        std::fs::write(&page, page_of(&report)).with_context(|| page.display().to_string())?;
        println!("written: {PAGE}");
    }
    if passed { Ok(()) } else { bail!("the bench failed") }
}

fn page_of(report: &str) -> String {
    format!(
        "# Benchmarks\n\nWritten by `cargo xtask bench --write`. Yumen runs with key check, limits and records on; nginx is a\n\
         plain reverse proxy beside it, before the same fake upstream, in the same run. Only the ratios mean something:\n\
         absolute figures belong to the machine they were taken on.\n\n{}\n",
        report.trim()
    )
}
