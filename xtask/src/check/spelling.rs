//! How modules are introduced and what they may be called.
//!
//! In: sources and manifests. Out: modules that do not say what they are for, and names that say nothing.

use super::Finding;
use crate::rust_text;
use crate::tree::Tree;

/// Names under which anything could be filed, and therefore everything is.
const EMPTY_NAMES: &[&str] = &[
    "core", "common", "util", "utils", "helper", "helpers", "types", "manager", "handler", "handlers", "misc",
];

/// Each module opens with `//!`.
pub fn module_docs(tree: &Tree) -> Vec<Finding> {
    let files = tree.with_ending("rs").filter(|file| !is_unit_tests(&file.path));
    files
        .filter(|file| !opens_with_docs(&file.text))
        .map(|file| {
            Finding::failure(
                &file.path,
                "open the module with `//!`: what it is for, in and out, what it must never do",
            )
        })
        .collect()
}

/// Tests beside a module belong to its room.
fn is_unit_tests(path: &str) -> bool {
    path.ends_with("/tests.rs") || (path.contains("/src/") && path.contains("/tests/"))
}

fn opens_with_docs(text: &str) -> bool {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty());
    first.is_some_and(|line| line.strip_prefix("//!").is_some_and(|rest| !rest.trim().is_empty()))
}

/// No crate and no module has a name that says nothing.
pub fn forbidden_names(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in tree.packages() {
        let short = package.name.strip_prefix("yumen-").unwrap_or(&package.name);
        let folder = package.folder.rsplit('/').next().unwrap_or_default();
        for name in [short, folder] {
            findings.extend(judge(&package.folder, "crate", name));
        }
    }
    findings.dedup();
    for file in tree.with_ending("rs") {
        let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        let name = match name.strip_suffix(".rs") {
            Some("mod") => folder.rsplit('/').next().unwrap_or_default(),
            stem => stem.unwrap_or(name),
        };
        findings.extend(judge(&file.path, "module", name));
        let tokens = rust_text::tokens(&file.text);
        let inline = tokens.windows(3).filter_map(|window| match window {
            [word, name, open] if word.is("mod") && open.is("{") => Some((name.text, name.line)),
            _ => None,
        });
        findings.extend(
            inline.filter_map(|(name, line)| judge(&format!("{}:{line}", file.path), "module", name)),
        );
    }
    findings
}

fn judge(place: &str, what: &str, name: &str) -> Option<Finding> {
    let empty = EMPTY_NAMES.contains(&name);
    empty.then(|| {
        Finding::failure(place, format!("a {what} called `{name}` says nothing: name what it holds or does"))
    })
}
