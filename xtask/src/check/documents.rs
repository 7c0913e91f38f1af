//! The prose: ARCHITECTURE.md's promises and the links between pages.
//!
//! In: the Markdown files. Out: links that lead nowhere, invariants that nothing guards, a page that grew too
//! long to be read.

use super::{Finding, RULES};
use crate::tree::Tree;

const ARCHITECTURE: &str = "ARCHITECTURE.md";
const ARCHITECTURE_LINES: usize = 250;
const INVARIANTS: &str = "## Invariants";

/// ARCHITECTURE.md is short, and each of its invariants names what guards it.
pub fn architecture(tree: &Tree) -> Vec<Finding> {
    let Some(text) = tree.text(ARCHITECTURE) else {
        return vec![Finding::failure(ARCHITECTURE, "is missing")];
    };
    let mut findings = Vec::new();
    let lines = text.lines().count();
    if lines > ARCHITECTURE_LINES {
        let message =
            format!("has {lines} lines, more than {ARCHITECTURE_LINES}: it must be read in one sitting");
        findings.push(Finding::failure(ARCHITECTURE, message));
    }
    let invariants = invariants(text);
    if invariants.is_empty() {
        findings.push(Finding::failure(ARCHITECTURE, format!("has no list under `{INVARIANTS}`")));
    }
    for (line, invariant) in invariants {
        let place = format!("{ARCHITECTURE}:{line}");
        let Some((_, check)) = invariant.rsplit_once("Check:") else {
            findings.push(Finding::failure(place, "this invariant names no check: end it with `Check: …`"));
            continue;
        };
        let named: Vec<&str> = check.split('`').skip(1).step_by(2).collect();
        if named.is_empty() {
            findings.push(Finding::failure(&place, "name the check in back quotes"));
        }
        findings.extend(named.iter().filter(|name| !exists(tree, name)).map(|name| {
            Finding::failure(
                &place,
                format!(
                    "there is no check `{name}`: neither a rule of `cargo xtask check` nor a file nor a lint"
                ),
            )
        }));
    }
    findings
}

/// The entries of the list under the heading, with the line on which each starts.
fn invariants(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let section = text.lines().enumerate().skip_while(|(_, line)| *line != INVARIANTS).skip(1);
    for (at, line) in section.take_while(|(_, line)| !line.starts_with("## ")) {
        let number = line.trim_start_matches(|letter: char| letter.is_ascii_digit());
        let starts = line.starts_with("- ") || (number.len() < line.len() && number.starts_with(". "));
        match found.last_mut() {
            _ if starts => found.push((at + 1, line.to_owned())),
            Some((_, entry)) if line.starts_with(' ') => {
                entry.push(' ');
                entry.push_str(line.trim());
            }
            _ => {}
        }
    }
    found
}

/// Whether something of this name guards: a rule of ours, a lint, or a file with tests.
fn exists(tree: &Tree, name: &str) -> bool {
    let rule = RULES.iter().any(|(rule, _)| *rule == name);
    let manifest = tree.text("Cargo.toml").unwrap_or_default();
    let lint = name.split_once("::").is_some_and(|(tool, lint)| {
        ["clippy", "rustc"].contains(&tool) && manifest.contains(&format!("\n{lint} = "))
    });
    rule || lint || (name.contains('/') && tree.root.join(name).is_file())
}

/// Links between Markdown files lead to a file, and their fragment to a heading.
pub fn links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.with_ending("md") {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (line, target) in targets(&file.text) {
            let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
            let Some(path) = resolve(folder, path, &file.path) else {
                findings.push(Finding::failure(
                    format!("{}:{line}", file.path),
                    format!("{target} leaves the repository"),
                ));
                continue;
            };
            let place = format!("{}:{line}", file.path);
            if !tree.root.join(&path).exists() {
                findings.push(Finding::failure(place, format!("{target} leads nowhere")));
            } else if !fragment.is_empty()
                && !tree.text(&path).is_none_or(|text| anchors(text).any(|anchor| anchor == fragment))
            {
                findings.push(Finding::failure(place, format!("{path} has no heading #{fragment}")));
            }
        }
    }
    findings
}

/// A relative path as one from the root; none when it climbs out.
fn resolve(folder: &str, path: &str, own: &str) -> Option<String> {
    if path.is_empty() {
        return Some(own.to_owned());
    }
    let mut parts: Vec<&str> = if path.starts_with('/') { Vec::new() } else { folder.split('/').collect() };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.retain(|part| !part.is_empty());
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    parts.retain(|part| !part.is_empty());
    Some(parts.join("/"))
}

/// Relative link targets with their lines; code is passed over.
fn targets(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (at, line) in prose(text) {
        // Every second part stands between back quotes.
        for part in line.split('`').step_by(2) {
            let inside = part.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
            found.extend(
                inside
                    .filter(|target| !target.contains(':') && !target.is_empty())
                    .map(|target| (at, target)),
            );
        }
        // A link whose text is code is split in two by its back quotes.
        let after_code = line.split("`](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        found.extend(after_code.filter(|target| !target.contains(':')).map(|target| (at, target)));
    }
    found.dedup();
    found
}

/// Lines outside fenced code, numbered from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(at, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((at + 1, line))
    })
}

/// The fragments by which headings are reached.
fn anchors(text: &str) -> impl Iterator<Item = String> {
    let headings = prose(text)
        .filter(|(_, line)| line.starts_with('#'))
        .map(|(_, line)| line.trim_start_matches('#').trim());
    headings.map(|heading| {
        let kept = heading
            .to_lowercase()
            .chars()
            .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter))
            .collect::<String>();
        kept.replace(' ', "-")
    })
}
