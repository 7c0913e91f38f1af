//! What cargo itself checks: formatting and lints.
//!
//! In: the workspace. Out: files that are not formatted; every warning of the compiler and of clippy, in any
//! target.

use std::process::Stdio;

use super::Finding;
use crate::shell;
use crate::tree::Tree;

/// `cargo fmt` has nothing to change.
pub fn format(tree: &Tree) -> Vec<Finding> {
    let output = match shell::capture(tree.cargo().args(["fmt", "--all", "--", "--check", "-l"])) {
        Ok(output) => output,
        Err(error) => return vec![Finding::broken(&error)],
    };
    let listed = String::from_utf8_lossy(&output.stdout);
    let mut findings: Vec<Finding> = listed
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let path = std::path::Path::new(line);
            let place = path.strip_prefix(&tree.root).unwrap_or(path).display().to_string();
            Finding::failure(place, "is not formatted: cargo xtask check --fix")
        })
        .collect();
    if !output.status.success() && findings.is_empty() {
        findings.push(Finding::failure("", String::from_utf8_lossy(&output.stderr)));
    }
    findings
}

/// No warning of compiler or clippy in any target. Its progress goes to our terminal, because it takes a while.
pub fn clippy(tree: &Tree) -> Vec<Finding> {
    let mut command = tree.cargo();
    command.args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--message-format",
        "json",
        "--",
        "-D",
        "warnings",
    ]);
    // A planted tree is there to fail; its progress would only confuse.
    let progress = if tree.target.is_some() { Stdio::null() } else { Stdio::inherit() };
    command.stderr(progress).stdin(Stdio::null());
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return vec![Finding::failure("", format!("cannot start cargo clippy: {error}"))],
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let mut findings: Vec<Finding> = said.lines().filter_map(finding).collect();
    // The same line is reported once for each target that contains it.
    let mut seen = std::collections::HashSet::new();
    findings.retain(|finding| seen.insert((finding.place.clone(), finding.message.clone())));
    if !output.status.success() && findings.is_empty() {
        findings.push(Finding::failure("", "cargo clippy failed; its reason stands above"));
    }
    findings
}

/// One line of cargo's JSON, when it is a diagnostic.
fn finding(line: &str) -> Option<Finding> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let message = line.get("message")?;
    if !matches!(message.get("level")?.as_str()?, "error" | "warning") {
        return None;
    }
    let spans = message.get("spans")?.as_array()?;
    // Without a place it only says how many errors there were.
    let span = spans.iter().find(|span| span.get("is_primary").and_then(|is| is.as_bool()) == Some(true))?;
    let place = format!("{}:{}", span.get("file_name")?.as_str()?, span.get("line_start")?);
    Some(Finding::failure(place, message.get("rendered")?.as_str()?))
}
