//! The working tree as the rules see it.
//!
//! In: the folder of a workspace. Out: its texts, its packages, and commands that run in it. It never writes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;

/// Folders that hold nothing of ours.
const FOREIGN: &[&str] = &["target", "node_modules", "__pycache__", "data", "corpus", "artifacts"];
/// Endings of the files that rules read.
const READ: &[&str] = &["rs", "md", "toml", "yaml"];

/// A workspace.
pub struct Tree {
    /// Its folder.
    pub root: PathBuf,
    /// Where cargo builds, when it is not the usual place.
    pub target: Option<PathBuf>,
    files: Vec<File>,
}

/// One text file.
pub struct File {
    /// Path from the root, with `/`.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// One package.
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its folder from the root, with `/`.
    pub folder: String,
}

impl Tree {
    /// Reads the tree.
    pub fn read(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        collect(root, root, &mut files).with_context(|| format!("cannot read {}", root.display()))?;
        files.sort_by(|left: &File, right: &File| left.path.cmp(&right.path));
        Ok(Self { root: root.to_owned(), target: None, files })
    }

    /// Files with this ending.
    pub fn with_ending(&self, ending: &str) -> impl Iterator<Item = &File> {
        self.files
            .iter()
            .filter(move |file| file.path.rsplit_once('.').is_some_and(|(_, last)| last == ending))
    }

    /// The text of one file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }

    /// Packages of the workspace, from their manifests.
    pub fn packages(&self) -> Vec<Package> {
        let manifests =
            self.files.iter().filter_map(|file| Some((file.path.strip_suffix("Cargo.toml")?, file)));
        manifests
            .filter_map(|(folder, file)| {
                let manifest: toml::Table = file.text.parse().ok()?;
                let name = manifest.get("package")?.get("name")?.as_str()?.to_owned();
                Some(Package { name, folder: folder.trim_end_matches('/').to_owned() })
            })
            .collect()
    }

    /// A cargo command that runs here.
    pub fn cargo(&self) -> Command {
        let mut command = shell::cargo();
        command.current_dir(&self.root);
        if let Some(target) = &self.target {
            command.env("CARGO_TARGET_DIR", target);
        }
        command
    }

    /// A call of the gateway's own binary, built for development.
    pub fn yumen(&self, arguments: &[&str]) -> Command {
        let mut command = self.cargo();
        command.args(["run", "--quiet", "--package", "yumen", "--"]).args(arguments);
        command
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<File>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if name.starts_with('.') || FOREIGN.contains(&name.as_str()) {
            continue;
        }
        if kind.is_dir() {
            collect(root, &path, files)?;
        } else if kind.is_file() && READ.iter().any(|ending| name.ends_with(&format!(".{ending}"))) {
            let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            files.push(File { path: relative(root, &path), text });
        }
    }
    Ok(())
}

fn relative(root: &Path, path: &Path) -> String {
    let parts = path.strip_prefix(root).unwrap_or(path).components();
    parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
