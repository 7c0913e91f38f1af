//! The sources as they are shipped: without tests, benches, examples and build scripts.
//!
//! In: the tree. Out: files below a package's `src/` with the tokens that remain. Other rules that look at what
//! code does, not at how it is written, start from here.

use std::collections::BTreeSet;

use crate::rust_text::{self, Token};
use crate::tree::{File, Tree};

/// A file of a crate.
pub struct Shipped<'a> {
    /// The file.
    pub file: &'a File,
    /// Its path below `src/`.
    pub below_source: &'a str,
    /// What of it is shipped.
    pub tokens: Vec<Token<'a>>,
}

/// What a package ships; `folder` as in the tree.
pub fn shipped<'a>(tree: &'a Tree, folder: &str) -> Vec<Shipped<'a>> {
    let source = if folder.is_empty() { "src/".to_owned() } else { format!("{folder}/src/") };
    let files: Vec<(&File, &str, Vec<Token<'a>>)> = tree
        .with_ending("rs")
        .filter_map(|file| Some((file, file.path.strip_prefix(&source)?, rust_text::tokens(&file.text))))
        .collect();
    let for_tests: BTreeSet<String> =
        files.iter().flat_map(|(_, path, tokens)| test_modules(path, tokens)).collect();
    let is_for_tests = |path: &str| {
        let stem = path.strip_suffix(".rs").unwrap_or(path);
        stem.match_indices('/')
            .map(|(at, _)| stem.get(..at).unwrap_or_default())
            .chain([stem])
            .any(|part| for_tests.contains(part))
    };
    files
        .iter()
        .filter(|(_, path, _)| !is_for_tests(path))
        .map(|(file, path, tokens)| Shipped {
            file,
            below_source: path,
            tokens: rust_text::without_tests(tokens),
        })
        .collect()
}

/// Paths below `src/`, without ending, of the modules that this file declares for tests only.
fn test_modules(path: &str, tokens: &[Token<'_>]) -> Vec<String> {
    let shipped = rust_text::declared_modules(&rust_text::without_tests(tokens));
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
    let home = match name {
        "lib" | "main" | "mod" => folder,
        _ => stem,
    };
    let declared = rust_text::declared_modules(tokens).into_iter().filter(|module| !shipped.contains(module));
    declared.map(|module| format!("{home}/{module}").trim_start_matches('/').to_owned()).collect()
}
