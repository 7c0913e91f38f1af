//! What is derived from the code and must agree with it: generated files and examples.
//!
//! In: the gateway's own binary, run in the tree. Out: files that are stale, examples that it refuses.

use std::collections::BTreeSet;

use super::Finding;
use crate::profile::Fault;
use crate::shell::target_folder;
use crate::tree::{File, Tree};
use crate::{gen_catalogue, generate, profile, shell};

/// Schema and reference pages are as `cargo xtask gen` writes them.
pub fn generated(tree: &Tree) -> Vec<Finding> {
    match generate::stale(tree) {
        Ok(stale) => stale
            .iter()
            .map(|product| Finding::failure(product.path, "is stale: run `cargo xtask gen`"))
            .collect(),
        Err(error) => vec![Finding::broken(&error)],
    }
}

/// The generated part of the model catalogue is as `cargo xtask gen` writes it.
pub fn catalogue(tree: &Tree) -> Vec<Finding> {
    gen_catalogue::run(&tree.root, true)
        .err()
        .map(|error| Finding::failure("providers", format!("{error:#}")))
        .into_iter()
        .collect()
}

/// Optimised builds find in their profile what they look for. One that is void slows what is built and breaks nothing.
pub fn profile(tree: &Tree) -> Vec<Finding> {
    let folder = tree.target.clone().unwrap_or_else(|| target_folder(&tree.root));
    match profile::fault(&tree.root, &folder) {
        Ok(None) => Vec::new(),
        Ok(Some(Fault::Void(message))) => vec![Finding::warning("bench/profile", message)],
        Ok(Some(Fault::Unreadable(message))) => vec![Finding::failure("bench/profile", message)],
        Err(error) => vec![Finding::broken(&error)],
    }
}

/// Each `examples/*/yumen.yaml`, and the one we deploy, passes `yumen check`; a page says what an example is for.
pub fn examples(tree: &Tree) -> Vec<Finding> {
    let folders: BTreeSet<&str> = ["md", "yaml", "toml"]
        .iter()
        .flat_map(|ending| tree.with_ending(ending))
        .filter_map(|file| file.path.strip_prefix("examples/")?.split_once('/').map(|(folder, _)| folder))
        .collect();
    let mut findings = Vec::new();
    for folder in folders {
        for file in ["README.md", "yumen.yaml"] {
            if tree.text(&format!("examples/{folder}/{file}")).is_none() {
                findings.push(Finding::failure(format!("examples/{folder}"), format!("has no {file}")));
            }
        }
    }
    let is_example = |path: &str| path.starts_with("examples/") || path.starts_with("deploy/");
    let files =
        tree.with_ending("yaml").filter(|file| is_example(&file.path) && file.path.ends_with("/yumen.yaml"));
    findings.extend(files.filter_map(|file| refused(tree, file)));
    findings
}

/// What `yumen check` has against a file.
fn refused(tree: &Tree, file: &File) -> Option<Finding> {
    let mut command = tree.yumen(&["check", &file.path]);
    for name in wanted_variables(&file.text) {
        command.env(name, format!("sk-example-{}", name.to_lowercase()));
    }
    match shell::capture(&mut command) {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            Some(Finding::failure(&file.path, String::from_utf8_lossy(&said)))
        }
        Err(error) => Some(Finding::broken(&error)),
    }
}

/// Variables without a default: a reader sets them, so the check does too.
fn wanted_variables(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.split("${").skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name));
    starts.filter(|name| !name.contains(":-") && std::env::var_os(name).is_none())
}
