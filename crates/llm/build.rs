//! Embeds the folders of `/providers` into the crate.
//!
//! In: every folder of `/providers` whose name does not begin with a dot, in sorted order. Out:
//! `embedded_folders.rs`, a table of `include_str!` lines that `catalogue/embedded.rs` includes. It never reads
//! the files' meaning: that is checked where the catalogue is built.
#![allow(clippy::print_stdout, reason = "cargo reads a build script's wishes from its standard output")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let providers = manifest.join("../../providers").canonicalize()?;
    println!("cargo::rerun-if-changed={}", providers.display());

    let mut table = String::from("&[\n");
    for id in folder_names(&providers)? {
        let folder = providers.join(&id);
        let models = folder.join("models.toml");
        let models =
            if models.exists() { format!("Some({})", include(&models)) } else { String::from("None") };
        let provider = include(&folder.join("provider.toml"));
        writeln!(table, "    Folder {{ id: {id:?}, provider: {provider}, models: {models} }},")
            .map_err(io::Error::other)?;
    }
    table.push_str("]\n");
    fs::write(PathBuf::from(variable("OUT_DIR")?).join("embedded_folders.rs"), table)
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")))
}

fn folder_names(providers: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(providers)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() && !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Debug formatting escapes a path exactly as a Rust string literal wants it.
fn include(file: &Path) -> String {
    format!("include_str!({:?})", file.display().to_string())
}
