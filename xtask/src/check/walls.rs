//! What a crate may not reach for, beyond the table of dependencies.
//!
//! In: the shipped sources and the manifests. Out: a finding for each path, package or call on the wrong side of
//! a wall.

use super::Finding;
use super::shipped::{Shipped, shipped};
use crate::rust_text;
use crate::tree::{Package, Tree};

/// The binary reads the world; the store has its data folder; the test kit is not shipped.
const READERS: &[&str] = &["crates/yumen", "crates/store", "crates/testkit"];
/// The outside world, as a library could reach it.
const WORLD: &[&[&str]] = &[&["std", "env"], &["std", "fs"], &["tokio", "fs"]];

/// Crates that know bytes only, so that they can be fuzzed alone.
const PURE: &[&str] = &["crates/llm", "crates/mcp"];
const IMPURE_PATHS: &[&[&str]] = &[
    &["std", "net"],
    &["std", "process"],
    &["std", "thread"],
    &["std", "time", "Instant"],
    &["std", "time", "SystemTime"],
];
const IMPURE_PACKAGES: &[&str] = &[
    "chrono",
    "getrandom",
    "hyper",
    "hyper-util",
    "jiff",
    "rand",
    "reqwest",
    "rustls",
    "socket2",
    "sqlx",
    "time",
    "tokio",
];

/// Only here does an error become a response.
const VOICE: &str = "crates/gateway/src/pipeline.rs";
const GATEWAY: &str = "crates/gateway";
const SPEAK: &str = "encode_error";

/// The rule.
pub fn walls(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in tree.packages().iter().filter(|package| package.folder.starts_with("crates/")) {
        let folder = package.folder.as_str();
        for file in shipped(tree, folder) {
            if !READERS.contains(&folder) {
                findings.extend(reaches(
                    &file,
                    WORLD,
                    "is for crates/yumen alone: take what you need as an argument",
                ));
            }
            if PURE.contains(&folder) {
                findings.extend(reaches(
                    &file,
                    IMPURE_PATHS,
                    "is not for a crate that must work on bytes alone",
                ));
            }
            if folder == GATEWAY && file.file.path != VOICE {
                findings.extend(speaks(&file));
            }
        }
        if PURE.contains(&folder) {
            findings.extend(impure_packages(tree, package));
        }
    }
    findings
}

fn reaches(file: &Shipped<'_>, walls: &[&[&str]], why: &str) -> Vec<Finding> {
    let paths = rust_text::paths(&file.tokens, &["std", "tokio"]);
    let beyond = paths.iter().filter_map(|path| {
        let wall = walls.iter().find(|wall| path.segments.starts_with(wall))?;
        Some(Finding::failure(
            format!("{}:{}", file.file.path, path.line),
            format!("{} {why}", wall.join("::")),
        ))
    });
    beyond.collect()
}

fn speaks(file: &Shipped<'_>) -> Vec<Finding> {
    let calls = file.tokens.iter().filter(|token| token.is(SPEAK));
    calls
        .map(|call| {
            let place = format!("{}:{}", file.file.path, call.line);
            Finding::failure(place, "return a Rejection: only pipeline.rs turns an error into a response")
        })
        .collect()
}

fn impure_packages(tree: &Tree, package: &Package) -> Vec<Finding> {
    let path = format!("{}/Cargo.toml", package.folder);
    let manifest: toml::Table = tree.text(&path).and_then(|text| text.parse().ok()).unwrap_or_default();
    let names = manifest
        .get("dependencies")
        .and_then(|list| list.as_table())
        .into_iter()
        .flat_map(|list| list.keys());
    names
        .filter(|name| IMPURE_PACKAGES.contains(&name.as_str()))
        .map(|name| {
            Finding::failure(&path, format!("{name} is not for a crate that must work on bytes alone"))
        })
        .collect()
}
