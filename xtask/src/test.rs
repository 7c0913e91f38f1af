//! `cargo xtask test`: everything that a change must pass.
//!
//! In: a checkout on a machine that may lack Python or Node. Out: each step with its time, cargo's own result
//! lines, and a last line `N passed, N failed`. It never stops at the first failure: who waited for the tests
//! should learn all of them.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::{check, setup, shell};

/// Help text.
pub const HELP: &str = "\
Installs what is missing (as root on Debian or Ubuntu; elsewhere it says what to install), runs every rule of
`cargo xtask check`, builds the binary and runs all tests of the workspace: unit, integration, a bounded time of
fuzzing, and the official client libraries in their pinned versions. The clients are fetched from their package
registries at the first run; the tests themselves speak to loopback only.

With `--clients all` it also runs agent programs and frameworks (Claude Code, Codex CLI, Gemini CLI, Aider, LangChain …) as the
pages in docs/guides/agents/ say, and lists which ran and which are missing and why. They are large (about 3 GB), and
their first run takes several minutes. One that cannot be installed counts as failed.

Other arguments are passed on to `cargo test`. The last line is `N passed, N failed`; a failed step counts as one.
";

/// What stands before each line in which the tests of `tests/tests/agents/` say what became of a program.
const OUTCOME: &str = "client program: ";

/// A step that has ended.
struct Step {
    name: &'static str,
    took: Duration,
    passed: bool,
}

impl Step {
    /// Whether failed tests explain its failure.
    fn tests(&self) -> bool {
        ["test", "clients"].contains(&self.name)
    }
}

/// Runs the steps.
pub fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let (all_clients, arguments) = wanted_clients(arguments)?;
    setup::ensure(&[setup::C_COMPILER, setup::PYTHON, setup::NODE, setup::NPM])?;
    if all_clients {
        setup::ensure(&[setup::GIT])?;
    }
    let cargo = |words: &[&str]| {
        let mut command = shell::cargo();
        command.current_dir(root).args(words);
        command
    };
    let (mut results, mut programs) = (Vec::new(), Vec::new());
    let mut steps = vec![
        step("check", || check::run(root, &[])),
        // The tests start the binary; cargo builds it for them only where a test belongs to its package.
        step("build", || shell::run(&mut cargo(&["build", "--package", "yumen"]))),
        step("test", || {
            let mut command = cargo(&["test", "--workspace", "--no-fail-fast"]);
            let passed = shell::follow(command.args(arguments), |line| results.extend(outcome(line)))?;
            if passed { Ok(()) } else { bail!("tests have failed") }
        }),
    ];
    if all_clients {
        steps.push(step("clients", || {
            let mut command = cargo(&["test", "--package", "yumen-tests", "--features", "agents"]);
            let passed = shell::follow(command.args(["--test", "agents"]), |line| {
                results.extend(outcome(line));
                programs.extend(line.split_once(OUTCOME).map(|(_, told)| told.to_owned()));
            })?;
            if passed { Ok(()) } else { bail!("not every program works") }
        }));
    }
    summarise(&steps, &results, &programs)
}

/// Takes `--clients all` out of the arguments.
fn wanted_clients(arguments: &[String]) -> Result<(bool, Vec<String>)> {
    let mut rest = arguments.to_vec();
    let Some(place) = rest.iter().position(|word| word == "--clients" || word.starts_with("--clients="))
    else {
        return Ok((false, rest));
    };
    let word = rest.remove(place);
    let which = match word.split_once('=') {
        Some((_, which)) => which.to_owned(),
        None if place < rest.len() => rest.remove(place),
        None => String::new(),
    };
    if which != "all" {
        bail!("--clients takes `all`; without it, the official libraries alone are run");
    }
    Ok((true, rest))
}

fn step(name: &'static str, work: impl FnOnce() -> Result<()>) -> Step {
    println!("\n=== {name}");
    let started = Instant::now();
    let result = work();
    if let Err(error) = &result {
        println!("{name}: {error:#}");
    }
    Step { name, took: started.elapsed(), passed: result.is_ok() }
}

/// One of cargo's result lines.
struct Outcome {
    line: String,
    passed: u64,
    failed: u64,
}

/// Reads `test result: ok. 3 passed; 0 failed; …`.
fn outcome(line: &str) -> Option<Outcome> {
    let facts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let count = |what: &str| {
        let mut parts = facts.split("; ").filter_map(|part| part.split_once(' '));
        parts.find_map(|(number, rest)| rest.starts_with(what).then(|| number.parse::<u64>().ok())?)
    };
    Some(Outcome { line: line.to_owned(), passed: count("passed")?, failed: count("failed")? })
}

fn summarise(steps: &[Step], results: &[Outcome], programs: &[String]) -> Result<()> {
    println!("\n=== summary");
    for step in steps {
        let verdict = if step.passed { "ok" } else { "FAILED" };
        println!("{:<7} {verdict:<7} {:>7.1} s", step.name, step.took.as_secs_f64());
    }
    println!();
    for outcome in results {
        println!("{}", outcome.line);
    }
    if steps.iter().any(|step| step.name == "clients") {
        println!(
            "\nclient programs, as docs/guides/agents/ says; one that is not here failed before it said anything:"
        );
        programs.iter().for_each(|told| println!("  {told}"));
        println!();
    }
    let (passed, failed) = totals(steps, results);
    println!("{passed} passed, {failed} failed");
    // The line above is the last one on success as on failure, so nothing is said here.
    if failed > 0 { std::process::exit(1) } else { Ok(()) }
}

/// Tests that passed and failed; a failed step that no failed test explains counts as one.
fn totals(steps: &[Step], results: &[Outcome]) -> (u64, u64) {
    let passed = results.iter().map(|outcome| outcome.passed).sum();
    let failed: u64 = results.iter().map(|outcome| outcome.failed).sum();
    let unexplained = steps.iter().filter(|step| !step.passed && (!step.tests() || failed == 0)).count();
    (passed, failed + unexplained as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step_that(name: &'static str, passed: bool) -> Step {
        Step { name, took: Duration::ZERO, passed }
    }

    #[test]
    fn reads_the_result_lines_of_cargo() {
        let line = "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 1 filtered out; finished in 0.01s";
        let read = outcome(line).map(|outcome| (outcome.passed, outcome.failed));
        assert_eq!(read, Some((12, 3)));
        assert!(outcome("running 3 tests").is_none());
    }

    #[test]
    fn the_wish_for_clients_is_not_passed_on() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let wanted = |text: &str| wanted_clients(&words(text)).ok();
        assert_eq!(wanted("chat -- --nocapture"), Some((false, words("chat -- --nocapture"))));
        assert_eq!(wanted("--clients all chat"), Some((true, words("chat"))));
        assert_eq!(wanted("chat --clients=all"), Some((true, words("chat"))));
        assert_eq!(wanted("--clients some"), None);
        assert_eq!(wanted("--clients"), None);
    }

    #[test]
    fn a_failed_step_is_never_a_success() {
        let fine = outcome("test result: ok. 5 passed; 0 failed; 0 ignored").into_iter().collect::<Vec<_>>();
        assert_eq!(totals(&[step_that("check", true), step_that("test", true)], &fine), (5, 0));
        assert_eq!(totals(&[step_that("check", false), step_that("test", true)], &fine), (5, 1));
        // A test binary that crashed or did not compile prints no result line.
        assert_eq!(totals(&[step_that("check", true), step_that("test", false)], &fine), (5, 1));
        let bad =
            outcome("test result: FAILED. 5 passed; 2 failed; 0 ignored").into_iter().collect::<Vec<_>>();
        assert_eq!(totals(&[step_that("check", true), step_that("test", false)], &bad), (5, 2));
    }
}
