//! Running other programs.
//!
//! In: a program with its arguments. Out: its success, its output, or both at once. It never goes through a
//! shell, so nothing needs quoting.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// Cargo, as it was called for us.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Where cargo puts what it builds.
pub fn target_folder(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder))
}

/// Runs a program on our terminal; its failure is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", words(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", words(command));
    }
    Ok(())
}

/// Runs a program and keeps what it says.
pub fn capture(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {}", words(command)))
}

/// Runs a program, shows each line of its standard output as it comes and hands it over too.
/// Returns whether the program succeeded.
pub fn follow(command: &mut Command, mut each: impl FnMut(&str)) -> Result<bool> {
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {}", words(command)))?;
    if let Some(output) = child.stdout.take() {
        let mut reader = BufReader::new(output);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            let text = String::from_utf8_lossy(&line);
            print!("{text}");
            each(text.trim_end());
            line.clear();
        }
    }
    Ok(child.wait()?.success())
}

/// Whether a program can be started and succeeds with these arguments.
pub fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let silent = || Stdio::null();
    Command::new(program)
        .args(arguments)
        .stdin(silent())
        .stdout(silent())
        .stderr(silent())
        .status()
        .is_ok_and(|status| status.success())
}

/// The command as a person would type it.
fn words(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let mut text = format!("`{}", program.to_string_lossy());
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text.push('`');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command() {
        let error = run(cargo().arg("no-such-subcommand").stderr(Stdio::null())).err();
        assert!(error.is_some_and(|error| error.to_string().contains("cargo no-such-subcommand` failed")));
        assert!(!succeeds("surely-no-such-program", &[]));
    }

    #[test]
    fn lines_are_handed_over() {
        let mut lines = Vec::new();
        let fine = follow(cargo().arg("--version"), |line| lines.push(line.to_owned()));
        assert!(fine.is_ok_and(|fine| fine));
        assert!(lines.first().is_some_and(|line| line.starts_with("cargo ")));
    }
}
