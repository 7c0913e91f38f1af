//! Which of our crates may depend on which.
//!
//! In: `cargo metadata`. Out: a finding for each edge that the table does not allow. Dependencies of tests alone
//! are free.

use anyhow::{Result, bail};

use super::Finding;
use crate::shell;
use crate::tree::Tree;

/// Crate and what it may use. A new crate needs a line here and in ARCHITECTURE.md.
const ALLOWED: &[(&str, &[&str])] = &[
    ("yumen", &["yumen-admin", "yumen-gateway", "yumen-store", "yumen-config", "yumen-telemetry"]),
    ("yumen-admin", &["yumen-store", "yumen-config", "yumen-telemetry"]),
    ("yumen-gateway", &["yumen-config", "yumen-llm", "yumen-mcp", "yumen-telemetry"]),
    ("yumen-store", &["yumen-config", "yumen-telemetry"]),
    ("yumen-config", &["yumen-llm", "yumen-mcp"]),
    ("yumen-llm", &[]),
    ("yumen-mcp", &[]),
    ("yumen-telemetry", &[]),
];
/// Packages that serve development; they may use any crate, and only they may use these.
const DEVELOPMENT: &[&str] = &["yumen-testkit", "yumen-tests", "yumen-bench", "yumen-fuzz", "xtask"];

/// The rule.
pub fn dependencies(tree: &Tree) -> Vec<Finding> {
    edges(tree)
        .map_or_else(|error| vec![Finding::broken(&error)], |edges| edges.iter().filter_map(judge).collect())
}

/// A package and what it uses outside its tests, among ours; a package that uses none stands alone.
struct Edge {
    from: String,
    to: Option<String>,
}

fn judge(edge: &Edge) -> Option<Finding> {
    let from = edge.from.as_str();
    if DEVELOPMENT.contains(&from) {
        return None;
    }
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == from) else {
        return Some(Finding::failure(
            from,
            "is not in the table of crates (xtask/src/check/dependencies.rs)",
        ));
    };
    let to = edge.to.as_deref()?;
    if allowed.contains(&to) {
        return None;
    }
    let uses =
        if allowed.is_empty() { "none of ours".to_owned() } else { format!("only {}", allowed.join(", ")) };
    Some(Finding::failure(from, format!("depends on {to}, but may use {uses}")))
}

fn edges(tree: &Tree) -> Result<Vec<Edge>> {
    let output =
        shell::capture(tree.cargo().args(["metadata", "--no-deps", "--offline", "--format-version", "1"]))?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let list =
        |value: &serde_json::Value, key: &str| value.get(key).and_then(|list| list.as_array()).cloned();
    let text = |value: &serde_json::Value, key: &str| {
        value.get(key).and_then(|text| text.as_str()).map(str::to_owned)
    };
    let packages = list(&metadata, "packages").unwrap_or_default();
    let ours: Vec<String> = packages.iter().filter_map(|package| text(package, "name")).collect();
    let mut edges = Vec::new();
    for package in &packages {
        let from = text(package, "name").unwrap_or_default();
        edges.push(Edge { from: from.clone(), to: None });
        for dependency in list(package, "dependencies").unwrap_or_default() {
            let to = text(&dependency, "name").filter(|name| ours.contains(name));
            if to.is_some() && text(&dependency, "kind").as_deref() != Some("dev") {
                edges.push(Edge { from: from.clone(), to });
            }
        }
    }
    // One finding for a package that is not in the table is enough.
    edges.sort_by(|left, right| (&left.from, &left.to).cmp(&(&right.from, &right.to)));
    edges.dedup_by(|right, left| {
        left.from == right.from && !ALLOWED.iter().any(|(name, _)| *name == left.from)
    });
    Ok(edges)
}
