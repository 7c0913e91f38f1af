//! `cargo xtask fuzz`: damaged input for the decoders, longer than the tests do it.
//!
//! In: a target and a time. Out: the fuzzer's own report; an input that broke something is an error.

use std::path::Path;

use anyhow::Result;

use crate::shell;

/// Help text.
pub const HELP: &str = "\
Runs one fuzz target, or all in turn, for the given time. `cargo xtask test` runs each of them for a short, bounded
time; use this after a change to a decoder. Without arguments it lists nothing and runs them all.
";

/// Builds optimised and runs.
pub fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let build = ["run", "--release", "--package", "yumen-fuzz", "--"];
    shell::run(shell::cargo().current_dir(root).args(build).args(arguments))
}
