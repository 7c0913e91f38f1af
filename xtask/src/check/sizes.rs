//! Sizes of files and functions.
//!
//! In: the Rust sources and `xtask/sizes.toml`, the list of files that may be longer, each with a reason. Out:
//! warnings and failures, also for an entry of the list that is not needed any more.

use std::collections::BTreeMap;

use anyhow::Result;

use super::Finding;
use crate::rust_text;
use crate::tree::Tree;

const FILE_WARN_LINES: usize = 500;
const FILE_FAIL_LINES: usize = 800;
const FUNCTION_WARN_LINES: usize = 70;
const FUNCTION_FAIL_LINES: usize = 120;
const LIST: &str = "xtask/sizes.toml";

/// The rule.
pub fn sizes(tree: &Tree) -> Vec<Finding> {
    let exempt = match exemptions(tree) {
        Ok(exempt) => exempt,
        Err(error) => return vec![Finding::failure(LIST, format!("{error:#}"))],
    };
    let mut findings = Vec::new();
    for (path, reason) in &exempt {
        match tree.text(path).map(|text| text.lines().count()) {
            None => findings.push(Finding::failure(LIST, format!("{path} does not exist"))),
            Some(lines) if lines <= FILE_WARN_LINES => {
                findings.push(Finding::failure(LIST, format!("{path} has only {lines} lines: take it out")));
            }
            Some(_) if reason.trim().is_empty() => {
                findings.push(Finding::failure(LIST, format!("{path} needs a reason")));
            }
            Some(_) => {}
        }
    }
    for file in tree.with_ending("rs") {
        let lines = file.text.lines().count();
        if !exempt.contains_key(&file.path) {
            findings.extend(judge(&file.path, "this file", lines, FILE_WARN_LINES, FILE_FAIL_LINES));
        }
        for function in rust_text::functions(&rust_text::tokens(&file.text)) {
            let place = format!("{}:{}", file.path, function.line);
            let what = format!("fn {}", function.name);
            findings.extend(judge(&place, &what, function.lines, FUNCTION_WARN_LINES, FUNCTION_FAIL_LINES));
        }
    }
    findings
}

fn judge(place: &str, what: &str, lines: usize, warn: usize, fail: usize) -> Option<Finding> {
    if lines > fail {
        return Some(Finding::failure(
            place,
            format!("{what} has {lines} lines, more than {fail}: divide it"),
        ));
    }
    (lines > warn).then(|| Finding::warning(place, format!("{what} has {lines} lines, more than {warn}")))
}

/// Files that may be longer and why.
fn exemptions(tree: &Tree) -> Result<BTreeMap<String, String>> {
    Ok(tree.text(LIST).map(toml::from_str).transpose()?.unwrap_or_default())
}
