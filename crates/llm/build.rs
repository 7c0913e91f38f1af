//! Embeds the folders of `/providers` into the crate.
//!
//! In: every folder of `/providers` whose name does not begin with a dot, in sorted order. Out:
//! `embedded_folders.rs`, a table of `include_str!` and `include_bytes!` lines that `catalogue/embedded.rs` includes,
//! and each folder's models as a deflated file beside it, and the day of what they say. It never reads the files' meaning: that is checked where
//! the catalogue is read.
#![allow(clippy::print_stdout, reason = "cargo reads a build script's wishes from its standard output")]

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use flate2::Compression;
use flate2::write::DeflateEncoder;

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    let providers = manifest.join("../../providers").canonicalize()?;
    println!("cargo::rerun-if-changed={}", providers.display());

    let mut table = String::from("&[\n");
    for id in folder_names(&providers)? {
        let folder = providers.join(&id);
        let models = match fs::read(folder.join("models.toml")) {
            Ok(models) => {
                let packed = out.join(format!("{id}.models"));
                fs::write(&packed, deflated(&models)?)?;
                format!("Some(include_bytes!({:?}))", packed.display().to_string())
            }
            Err(_) => String::from("None"),
        };
        // Debug formatting escapes a path exactly as a Rust string literal wants it.
        let provider = folder.join("provider.toml").display().to_string();
        writeln!(
            table,
            "    Folder {{ id: {id:?}, provider: include_str!({provider:?}), models: {models} }},"
        )
        .map_err(io::Error::other)?;
    }
    table.push_str("]\n");
    fs::write(out.join("catalogue_day"), day(&providers.join(".sources/prices.json"))?)?;
    fs::write(out.join("embedded_folders.rs"), table)
}

/// The day that stands at the beginning of the extract which the models are made from.
fn day(extract: &Path) -> io::Result<String> {
    let mut head = String::new();
    fs::File::open(extract)?.take(200).read_to_string(&mut head)?;
    let day = head.split_once("\"retrieved\": \"").and_then(|(_, rest)| rest.split_once('"'));
    day.map(|(day, _)| day.to_owned()).ok_or_else(|| io::Error::other("prices.json does not say its day"))
}

fn deflated(text: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text)?;
    encoder.finish()
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
