//! Who may read files and the environment: only the binary, and the store in its data folder.
//!
//! In: the sources of the libraries, without their tests and build scripts. Out: each path through `std::env`,
//! `std::fs` or `tokio::fs`.

use super::Finding;
use super::shipped::shipped;
use crate::rust_text;
use crate::tree::Tree;

/// Packages to which the rule does not apply.
const READERS: &[&str] = &["crates/yumen", "crates/store", "crates/testkit"];
const OUTSIDE: &[[&str; 2]] = &[["std", "env"], ["std", "fs"], ["tokio", "fs"]];

/// The rule.
pub fn reads(tree: &Tree) -> Vec<Finding> {
    let packages = tree.packages();
    let libraries = packages.iter().filter(|package| {
        package.folder.starts_with("crates/") && !READERS.contains(&package.folder.as_str())
    });
    let mut findings = Vec::new();
    for file in libraries.flat_map(|package| shipped(tree, &package.folder)) {
        for path in rust_text::paths(&file.tokens, &["std", "tokio"]) {
            let reaches = |outside: &&[&str; 2]| path.segments.starts_with(outside.as_slice());
            if let Some([root, module]) = OUTSIDE.iter().find(reaches) {
                findings.push(Finding::failure(
                    format!("{}:{}", file.file.path, path.line),
                    format!("{root}::{module} is for crates/yumen alone: take what you need as an argument"),
                ));
            }
        }
    }
    findings
}
