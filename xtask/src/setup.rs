//! The programs that our commands need beside Rust.
//!
//! In: names of tools. Out: they are there, or an error that says what to install. It installs only as root on
//! a Debian-like system, only what is missing, and says so before it does.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;

/// A program that a command needs.
pub struct Tool {
    name: &'static str,
    /// A call that succeeds only where the tool is whole.
    probe: (&'static str, &'static [&'static str]),
    /// Debian packages that bring it.
    packages: &'static [&'static str],
}

/// Builds the C parts of our dependencies.
pub const C_COMPILER: Tool =
    Tool { name: "a C compiler", probe: ("cc", &["--version"]), packages: &["gcc", "libc6-dev"] };
/// Python with what a virtual environment needs (Debian packs that apart).
pub const PYTHON: Tool = Tool {
    name: "Python 3 with venv",
    probe: ("python3", &["-c", "import venv, ensurepip"]),
    packages: &["python3", "python3-venv"],
};
/// Node.
pub const NODE: Tool = Tool { name: "Node", probe: ("node", &["--version"]), packages: &["nodejs"] };
/// Node's package manager.
pub const NPM: Tool = Tool { name: "npm", probe: ("npm", &["--version"]), packages: &["npm"] };
/// Agent programs work in repositories.
pub const GIT: Tool = Tool { name: "git", probe: ("git", &["--version"]), packages: &["git"] };
/// The plain reverse proxy beside which we measure.
pub const NGINX: Tool = Tool { name: "nginx", probe: ("nginx", &["-v"]), packages: &["nginx-light"] };
/// Counts instructions.
pub const VALGRIND: Tool =
    Tool { name: "valgrind", probe: ("valgrind", &["--version"]), packages: &["valgrind"] };
/// Merges what instrumented programs count, for those who have not the compiler's own.
pub const LLVM_PROFDATA: Tool = Tool {
    name: "llvm-profdata (`rustup component add llvm-tools`)",
    probe: ("llvm-profdata-19", &["merge", "--help"]),
    packages: &["llvm-19"],
};

/// Makes sure that each tool is there.
pub fn ensure(tools: &[Tool]) -> Result<()> {
    let missing: Vec<&Tool> =
        tools.iter().filter(|tool| !shell::succeeds(tool.probe.0, tool.probe.1)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.iter().map(|tool| tool.name).collect::<Vec<_>>().join(", ");
    let packages: Vec<&str> = missing.iter().flat_map(|tool| tool.packages).copied().collect();
    if !is_root() || !shell::succeeds("apt-get", &["--version"]) {
        bail!(
            "missing: {names}. Install it first; on Debian or Ubuntu: sudo apt-get install {}",
            packages.join(" ")
        );
    }
    println!("missing: {names}; installing {}", packages.join(" "));
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq");
        command
    };
    // A stale list is not fatal: what is asked for may be in it all the same.
    if let Err(error) = shell::run(apt().arg("update")) {
        eprintln!("warning: {error:#}");
    }
    shell::run(apt().args(["install", "-y", "--no-install-recommends"]).args(&packages))
        .with_context(|| format!("could not install {names}"))
}

/// Asked of `id`, because the standard library has no call for it.
fn is_root() -> bool {
    shell::capture(Command::new("id").arg("-u")).is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_left_alone() {
        let cargo = Tool { name: "cargo", probe: ("cargo", &["--version"]), packages: &["no-such-package"] };
        assert!(ensure(&[cargo]).is_ok());
    }
}
