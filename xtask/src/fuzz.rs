//! `cargo xtask fuzz`: damaged input for the decoders, longer than the tests do it.
//!
//! In: a target and a time. Out: the fuzzer's own report; an input that broke something is an error.

use std::path::Path;

use anyhow::Result;

use crate::shell;

/// Help text.
pub const HELP: &str = "\
Runs one fuzz target, or without a name all in turn, each for N seconds (10 if not said). The tests run each of them
for a bounded number of inputs; use this after a change to a decoder. An input that breaks a target is kept in
fuzz/artifacts/TARGET. A name that does not exist lists those that do. With --seed S the inputs differ.
";

/// Builds optimised and runs.
pub fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let build = ["run", "--release", "--package", "yumen-fuzz", "--"];
    shell::run(shell::cargo().current_dir(root).args(build).args(arguments))
}
