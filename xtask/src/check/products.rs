//! What is derived from the code and must agree with it: generated files and examples.
//!
//! In: the gateway's own binary, run in the tree. Out: files that are stale, examples that it refuses.

use std::collections::BTreeSet;

use super::Finding;
use crate::tree::Tree;
use crate::{gen_catalogue, generate, shell};

/// Schema and reference pages are as `cargo xtask gen` writes them.
pub fn generated(tree: &Tree) -> Vec<Finding> {
    match generate::stale(tree) {
        Ok(stale) => {
            stale.into_iter().map(|path| Finding::failure(path, "is stale: run `cargo xtask gen`")).collect()
        }
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

/// Each `examples/*/yumen.yaml` passes `yumen check`, and a page beside it says what it is for.
pub fn examples(tree: &Tree) -> Vec<Finding> {
    let folders: BTreeSet<&str> = ["md", "yaml", "toml"]
        .iter()
        .flat_map(|ending| tree.with_ending(ending))
        .filter_map(|file| file.path.strip_prefix("examples/")?.split_once('/').map(|(folder, _)| folder))
        .collect();
    let mut findings = Vec::new();
    for folder in folders {
        let path = format!("examples/{folder}/yumen.yaml");
        if tree.text(&format!("examples/{folder}/README.md")).is_none() {
            findings.push(Finding::failure(format!("examples/{folder}"), "has no README.md"));
        }
        let Some(text) = tree.text(&path) else {
            findings.push(Finding::failure(format!("examples/{folder}"), "has no yumen.yaml"));
            continue;
        };
        let mut command = tree.yumen(&["check", &path]);
        for name in wanted_variables(text) {
            command.env(name, format!("example-{}", name.to_lowercase()));
        }
        match shell::capture(&mut command) {
            Ok(output) if output.status.success() => {}
            Ok(output) => {
                let said = [output.stdout, output.stderr].concat();
                findings.push(Finding::failure(path, String::from_utf8_lossy(&said)));
            }
            Err(error) => findings.push(Finding::broken(&error)),
        }
    }
    findings
}

/// Variables without a default: a reader sets them, so the check does too.
fn wanted_variables(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.split("${").skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name));
    starts.filter(|name| !name.contains(":-") && std::env::var_os(name).is_none())
}
