//! `cargo xtask run`: from nothing to a running gateway.
//!
//! In: arguments for `yumen serve`. Out: the running server in our place. It never prints keys or addresses:
//! the server does that itself.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::profile;
use crate::shell::target_folder;

/// Help text.
pub const HELP: &str = "\
Builds the optimised binary and becomes `yumen serve --demo`. The server prints its address, its first virtual
key and a ready curl line. What you write behind `run` goes to `yumen serve`:

  cargo xtask run --config yumen.yaml
";

/// Builds and starts the server.
pub fn run(root: &Path, arguments: &[String]) -> Result<()> {
    println!("building yumen (optimised; a few minutes the first time)");
    profile::build(root, &[])?;
    let binary = target_folder(root).join("release").join("yumen");
    become_program(Command::new(binary).args(["serve", "--demo"]).args(arguments))
}

/// Replaces this process, so that signals reach the server and no parent lingers.
#[cfg(unix)]
fn become_program(command: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    Err(anyhow::Error::from(command.exec()).context("cannot start the built binary"))
}

#[cfg(not(unix))]
fn become_program(command: &mut Command) -> Result<()> {
    crate::shell::run(command)
}
