//! Files that are written by a program, committed, and compared by `cargo xtask check`.
//!
//! In: what the binary says about itself, and the catalogue's sources. Out: the files. They are never edited by
//! hand.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::tree::Tree;
use crate::{gen_catalogue, shell};

/// Help text.
pub const HELP: &str = "\
Writes what is derived from the code: api/config.schema.json, docs/reference/*.md and the generated part of the
model catalogue under providers/. With --check it writes nothing and fails if something is stale.
";

/// File and the arguments with which the binary prints it.
const PRODUCTS: &[(&str, &[&str])] = &[
    ("api/config.schema.json", &["schema"]),
    ("docs/reference/configuration.md", &["reference", "configuration"]),
    ("docs/reference/errors.md", &["reference", "errors"]),
    ("docs/reference/failures.md", &["reference", "failures"]),
    ("docs/reference/cli.md", &["reference", "cli"]),
];

/// Writes the files, or only compares them.
pub fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let check = match arguments {
        [] => false,
        [option] if option == "--check" => true,
        _ => bail!("gen takes no arguments but --check"),
    };
    // The catalogue is built into the binary, so it comes first.
    println!("gen model catalogue");
    gen_catalogue::run(root, check)?;
    println!("gen schema and reference pages");
    let tree = Tree::read(root)?;
    for product in stale(&tree)? {
        if check {
            bail!("{} is stale: run `cargo xtask gen`", product.path);
        }
        let file = root.join(product.path);
        let folder = file.parent().unwrap_or(root);
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&file, product.fresh))
            .with_context(|| product.path.to_owned())?;
        println!("gen {}: written", product.path);
    }
    Ok(())
}

/// A file that is not as it should be.
pub struct Stale {
    /// Its path from the root.
    pub path: &'static str,
    fresh: String,
}

/// The files that differ from what the binary prints now.
pub fn stale(tree: &Tree) -> Result<Vec<Stale>> {
    let mut stale = Vec::new();
    for (path, arguments) in PRODUCTS {
        let fresh = print(tree, arguments)?;
        if !std::fs::read_to_string(tree.root.join(path)).is_ok_and(|committed| committed == fresh) {
            stale.push(Stale { path, fresh });
        }
    }
    Ok(stale)
}

fn print(tree: &Tree, arguments: &[&str]) -> Result<String> {
    let mut command = tree.yumen(arguments);
    let output = shell::capture(command.stderr(std::process::Stdio::piped()))?;
    if !output.status.success() {
        bail!("yumen {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    let text = String::from_utf8(output.stdout).context("the binary printed something that is not UTF-8")?;
    Ok(format!("{}\n", text.trim_end()))
}
