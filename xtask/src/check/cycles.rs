//! Circles among the top-level modules of a crate.
//!
//! In: the sources. Out: one finding per circle, with a line of evidence for each step. An import is any path
//! through `crate::` or out of the module by `super::`; what is compiled for tests only does not count.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Finding;
use super::shipped::{Shipped, shipped};
use crate::rust_text::{self, SourcePath, Token};
use crate::tree::{Package, Tree};

/// Who imports whom, and where that is written.
type Imports<'a> = BTreeMap<&'a str, BTreeMap<&'a str, String>>;

/// The rule.
pub fn cycles(tree: &Tree) -> Vec<Finding> {
    tree.packages().iter().flat_map(|package| circles(&imports(tree, package), package)).collect()
}

fn circles(imports: &Imports<'_>, package: &Package) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for start in imports.keys() {
        let Some(circle) = shortest_circle(imports, start) else { continue };
        let members: BTreeSet<&str> = circle.iter().copied().collect();
        if !seen.insert(members) {
            continue;
        }
        let steps = circle.iter().zip(circle.iter().cycle().skip(1));
        let evidence: Vec<String> = steps
            .filter_map(|(from, to)| Some(format!("{from} imports {to} at {}", imports.get(from)?.get(to)?)))
            .collect();
        let message = format!("top-level modules import each other in a circle: {}", evidence.join("; "));
        findings.push(Finding::failure(&package.folder, message));
    }
    findings
}

/// The shortest way from a module back to itself.
fn shortest_circle<'a>(imports: &Imports<'a>, start: &'a str) -> Option<Vec<&'a str>> {
    let mut ways = VecDeque::from([vec![start]]);
    let mut visited = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        let last = way.last()?;
        for next in imports.get(last).into_iter().flat_map(|targets| targets.keys().copied()) {
            if next == start {
                return Some(way);
            }
            if visited.insert(next) {
                ways.push_back(way.iter().copied().chain([next]).collect());
            }
        }
    }
    None
}

fn imports<'a>(tree: &'a Tree, package: &Package) -> Imports<'a> {
    let files: Vec<(Shipped<'a>, Vec<&'a str>)> = shipped(tree, &package.folder)
        .into_iter()
        .filter_map(|file| module_of(file.below_source).map(|module| (file, module)))
        .collect();
    let roots =
        || files.iter().filter(|(_, module)| module.is_empty()).map(|(file, _)| file.tokens.as_slice());
    let tops: BTreeSet<&str> = roots().flat_map(rust_text::declared_modules).collect();
    let handed_on = handed_on(roots(), &tops);
    let mut imports = Imports::new();
    for (file, module) in &files {
        let Some(from) = module.first().copied().filter(|top| tops.contains(top)) else { continue };
        for path in rust_text::paths(&file.tokens, &["crate", "super"]) {
            let Some(name) = name_in_root(&path, module.len()) else { continue };
            let to = if tops.contains(name) { Some(name) } else { handed_on.get(name).copied() };
            if let Some(to) = to.filter(|to| *to != from) {
                let place = || format!("{}:{}", file.file.path, path.line);
                imports.entry(from).or_default().entry(to).or_insert_with(place);
            }
        }
    }
    imports
}

/// Names that the root of a crate takes from its modules: whoever uses them there uses the module.
fn handed_on<'a, 'b>(
    roots: impl Iterator<Item = &'b [Token<'a>]>,
    tops: &BTreeSet<&'a str>,
) -> BTreeMap<&'a str, &'a str>
where
    'a: 'b,
{
    let starts: Vec<&str> = tops.iter().copied().chain(["crate", "self"]).collect();
    let mut names = BTreeMap::new();
    for path in roots.flat_map(|tokens| rust_text::paths(tokens, &starts)) {
        let mut segments = path.segments.iter().copied().filter(|word| !["crate", "self"].contains(word));
        if let (Some(top), Some(name)) = (segments.next(), segments.next_back()) {
            names.insert(name, top);
        }
    }
    names
}

/// The name that a path takes from the root of its crate, if it goes there.
fn name_in_root<'a>(path: &SourcePath<'a>, depth: usize) -> Option<&'a str> {
    let up = path.segments.iter().take_while(|word| **word == "super").count();
    let from_root = if up == 0 { 1 } else { up };
    if up > 0 && up != depth + path.inline_depth {
        return None;
    }
    path.segments.get(from_root).copied()
}

/// The module that a file below `src/` is; none for what is not part of the crate's own tree.
fn module_of(path: &str) -> Option<Vec<&str>> {
    let stem = path.strip_suffix(".rs")?;
    let mut parts: Vec<&str> = stem.split('/').collect();
    match parts.as_slice() {
        ["lib" | "main"] => return Some(Vec::new()),
        ["bin", ..] => return None,
        _ => {}
    }
    if parts.last() == Some(&"mod") {
        parts.pop();
    }
    Some(parts)
}
