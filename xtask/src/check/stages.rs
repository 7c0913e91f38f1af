//! The names of the stages: the same, in the same order, in the code and in both pages that explain it.
//!
//! In: `STAGES` of `pipeline.rs`, the functions of the gateway and the two tables. Out: a finding for each that
//! differs from `STAGES`, and for a stage that no function is.

use std::collections::BTreeSet;

use super::Finding;
use crate::rust_text::{self, Kind};
use crate::tree::Tree;

const GATEWAY: &str = "crates/gateway/src/";
const PIPELINE: &str = "crates/gateway/src/pipeline.rs";
const PAGES: &[&str] = &["ARCHITECTURE.md", "docs/concepts/life-of-a-request.md"];

/// The rule.
pub fn stages(tree: &Tree) -> Vec<Finding> {
    let stages = tree.text(PIPELINE).map(listed).unwrap_or_default();
    if stages.is_empty() {
        return vec![Finding::failure(PIPELINE, "has no list `STAGES`")];
    }
    let mut findings = Vec::new();
    for page in PAGES {
        let told = tree.text(page).map(table).unwrap_or_default();
        if told != stages {
            let message =
                format!("its table of stages has {}; STAGES has {}", told.join(", "), stages.join(", "));
            findings.push(Finding::failure(*page, message));
        }
    }
    let functions = functions(tree);
    let without = stages.iter().filter(|stage| !functions.contains(&stage.as_str()));
    findings.extend(without.map(|stage| {
        Finding::failure(PIPELINE, format!("no function in stages/ or kinds/ is called `{stage}`"))
    }));
    findings
}

/// The names in the list `STAGES`.
fn listed(text: &str) -> Vec<String> {
    let tokens = rust_text::tokens(text);
    let list = tokens
        .windows(2)
        .position(|window| matches!(window, [word, mark] if word.is("STAGES") && mark.is(":")));
    let value = tokens.iter().skip(list.unwrap_or(tokens.len())).skip_while(|token| !token.is("="));
    let names = value.take_while(|token| !token.is("]")).filter(|token| token.kind == Kind::Text);
    names.map(|token| token.text.to_owned()).collect()
}

/// The first column of the table that is headed `stage`.
fn table(text: &str) -> Vec<String> {
    let cells = |line: &str| -> Option<String> {
        let cell = line.trim().strip_prefix('|')?.split('|').next()?;
        Some(cell.trim().trim_matches('`').to_owned())
    };
    let rows = text.lines().map(cells).skip_while(|cell| cell.as_deref() != Some("stage")).skip(2);
    rows.map_while(|cell| cell).collect()
}

/// Functions in the rooms of the stages.
fn functions(tree: &Tree) -> BTreeSet<&str> {
    let rooms = ["stages/", "kinds/"];
    let files = tree.with_ending("rs").filter(|file| {
        file.path.strip_prefix(GATEWAY).is_some_and(|path| rooms.iter().any(|room| path.starts_with(room)))
    });
    let tokens = files.flat_map(|file| rust_text::without_tests(&rust_text::tokens(&file.text)));
    let words: Vec<_> = tokens.collect();
    rust_text::functions(&words).iter().map(|function| function.name).collect()
}
