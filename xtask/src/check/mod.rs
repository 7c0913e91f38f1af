//! `cargo xtask check`: the rules of the house.
//!
//! In: a [`Tree`]. Out: findings, and an error when one of them is a failure. A rule is a function from the tree
//! to its findings; it never prints and never repairs.

mod cycles;
mod dependencies;
mod documents;
mod products;
mod shipped;
mod sizes;
mod spelling;
mod stages;
mod tooling;
mod walls;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::tree::Tree;
use crate::{generate, names, shell};

/// Help text.
pub const HELP: &str = "\
Runs every rule, or only those that are named, and lists what each of them found. With --fix it first formats the
code, applies what clippy can repair by itself and writes the generated files.

Rules:
  format          cargo fmt has nothing to change
  clippy          no warning in any target
  dependencies    our crates depend on each other only as the table in ARCHITECTURE.md allows
  cycles          no two top-level modules of a crate import each other, directly or in a circle
  sizes           files warn at 500 lines and fail at 800, functions warn at 70 and fail at 120
  module-docs     each module opens with //!
  names           no crate or module has a name that says nothing (utils, helpers, manager …)
  walls           only crates/yumen (and the store, in its data folder) reads files and the environment; llm knows
                  bytes alone; only the gateway's pipeline.rs turns an error into a response
  stages          pipeline.rs, ARCHITECTURE.md and docs/concepts/life-of-a-request.md name the same stages
  architecture    ARCHITECTURE.md has at most 250 lines, and each invariant names its check
  links           links between Markdown files lead somewhere
  generated       schema and reference pages are as `cargo xtask gen` writes them
  catalogue       the generated model catalogue is as `cargo xtask gen` writes it
  profile         the compiler reads the profile of optimised builds; warns when it was taken with another compiler, other
                  dependencies or another release profile
  examples        each examples/*/yumen.yaml and deploy/yumen.yaml passes `yumen check`
";

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Worth a look.
    Warning,
    /// Must not be merged.
    Failure,
}

/// One thing that a rule found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How grave it is.
    pub level: Level,
    /// Where, as `path` or `path:line`; empty when it is nowhere in particular.
    pub place: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Finding {
    /// A failure.
    pub fn failure(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { level: Level::Failure, place: place.into(), message: message.into() }
    }

    /// A warning.
    pub fn warning(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::failure(place, message) }
    }

    /// A rule that could not do its work has failed.
    pub fn broken(error: &anyhow::Error) -> Self {
        Self::failure("", format!("{error:#}"))
    }
}

type Rule = fn(&Tree) -> Vec<Finding>;

/// Every rule: the quick ones first.
pub const RULES: &[(&str, Rule)] = &[
    ("dependencies", dependencies::dependencies),
    ("cycles", cycles::cycles),
    ("sizes", sizes::sizes),
    ("module-docs", spelling::module_docs),
    ("names", spelling::forbidden_names),
    ("walls", walls::walls),
    ("stages", stages::stages),
    ("architecture", documents::architecture),
    ("links", documents::links),
    ("format", tooling::format),
    ("clippy", tooling::clippy),
    ("generated", products::generated),
    ("catalogue", products::catalogue),
    ("profile", products::profile),
    ("examples", products::examples),
];

/// Runs the rules.
pub fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let (options, wanted): (Vec<&str>, Vec<&str>) =
        arguments.iter().map(String::as_str).partition(|word| word.starts_with('-'));
    if let Some(unknown) = options.iter().find(|option| **option != "--fix") {
        bail!("there is no option `{unknown}`: only --fix");
    }
    for name in &wanted {
        if !RULES.iter().any(|(rule, _)| rule == name) {
            let near = names::nearest(name, RULES.iter().map(|(rule, _)| *rule));
            bail!(
                "there is no rule `{name}`{}",
                near.map_or(String::new(), |near| format!(": did you mean `{near}`?"))
            );
        }
    }
    if !options.is_empty() {
        fix(root)?;
    }
    let tree = Tree::read(root)?;
    let chosen = RULES.iter().filter(|(name, _)| wanted.is_empty() || wanted.contains(name));
    let mut failures = 0;
    for (name, rule) in chosen {
        let started = Instant::now();
        let findings = rule(&tree);
        failures += report(name, &findings, started);
    }
    match failures {
        0 => Ok(()),
        1 => bail!("1 failure"),
        _ => bail!("{failures} failures"),
    }
}

/// Prints what a rule found; returns the number of failures.
fn report(name: &str, findings: &[Finding], started: Instant) -> usize {
    let failures = findings.iter().filter(|finding| finding.level == Level::Failure).count();
    let verdict = if failures == 0 { "ok" } else { "FAILED" };
    println!("check {name:<14} {verdict:<7} {:>6.1} s", started.elapsed().as_secs_f64());
    for finding in findings {
        let level = if finding.level == Level::Failure { "error" } else { "warning" };
        let place = if finding.place.is_empty() { String::new() } else { format!("{}: ", finding.place) };
        println!("  {level}: {place}{}", finding.message.trim_end().replace('\n', "\n    "));
    }
    failures
}

/// Repairs what can be repaired by itself.
fn fix(root: &Path) -> Result<()> {
    let cargo = || {
        let mut command = shell::cargo();
        command.current_dir(root);
        command
    };
    shell::run(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--fix",
        "--allow-dirty",
        "--allow-staged",
    ]))?;
    shell::run(cargo().args(["fmt", "--all"]))?;
    generate::run(root, &[])
}
