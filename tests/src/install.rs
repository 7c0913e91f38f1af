//! The pinned client libraries and programs: where their pins stand, and installing each set of them once.
//!
//! In: the name of a folder in `tests/clients/` with a `requirements.txt` or a `package-lock.json`. Out: a folder below
//! `target/clients/` in which all of it is, or the reason why it is not. Nothing is installed twice for the same pins.

use std::path::{Path, PathBuf};
use std::process::Command;

use yumen_testkit::workspace_root;

/// What pins a set of Node's packages.
const NODE_PINS: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];

/// A folder of Python's packages: a virtual environment, or plain packages where the system's Python cannot make one.
pub fn python(set: &str) -> Result<PathBuf, String> {
    let folder = target(set);
    let requirements = source(set).join("requirements.txt");
    let version = said(
        Command::new("python3").arg("--version"),
        "python3 is missing: apt-get install python3 python3-venv",
    )?;
    let pins = std::fs::read_to_string(&requirements).map_err(|error| error.to_string())?;
    once(&folder, &(version + &pins), || {
        if succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
            run(Command::new("python3").args(["-m", "venv"]).arg(folder.join("venv")))?;
            return run(Command::new(python_of(&folder))
                .args(["-m", "pip", "install", "-q", "-r"])
                .arg(&requirements));
        }
        let hint = "neither venv nor pip is there for python3: apt-get install python3-venv";
        said(Command::new("python3").args(["-m", "pip", "--version"]), hint)?;
        let mut install = Command::new("python3");
        install.args(["-m", "pip", "install", "-q", "--target"]).arg(folder.join("packages"));
        run(install.arg("-r").arg(&requirements))
    })?;
    Ok(folder)
}

/// A Python that finds the packages of this folder.
pub fn python_in(folder: &Path) -> Command {
    let mut command = Command::new(python_of(folder));
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONPATH", folder.join("packages"));
    command
}

fn python_of(folder: &Path) -> PathBuf {
    let own = folder.join("venv/bin/python");
    if own.exists() { own } else { PathBuf::from("python3") }
}

/// A folder with `node_modules`; no package's own scripts are run.
pub fn node(set: &str) -> Result<PathBuf, String> {
    let folder = target(set);
    let hint = "node is missing: apt-get install nodejs npm";
    let version = said(Command::new("node").arg("--version"), hint)?;
    let lock = std::fs::read_to_string(source(set).join(NODE_PINS[1])).map_err(|error| error.to_string())?;
    once(&folder, &(version + &lock), || {
        for name in NODE_PINS {
            std::fs::copy(source(set).join(name), folder.join(name))
                .map_err(|error| format!("{name}: {error}"))?;
        }
        run(Command::new("npm").args(["ci", "--ignore-scripts"]).current_dir(&folder))
    })?;
    Ok(folder)
}

/// Where the pins and tests of a set are.
pub fn source(set: &str) -> PathBuf {
    workspace_root().join("tests/clients").join(set)
}

/// Where a set is installed.
pub fn target(set: &str) -> PathBuf {
    let program = yumen_testkit::yumen_program();
    program.ancestors().nth(2).expect("target/<profile>/yumen").join("clients").join(set)
}

/// Does the work unless it was done for this stamp before; what was left half done is begun anew.
fn once(folder: &Path, stamp: &str, work: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let file = folder.join("stamp");
    if std::fs::read_to_string(&file).is_ok_and(|old| old == stamp) {
        return Ok(());
    }
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(|error| error.to_string())?;
    }
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    work()?;
    std::fs::write(file, stamp).map_err(|error| error.to_string())
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn said(command: &mut Command, hint: &str) -> Result<String, String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        _ => Err(hint.to_owned()),
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?} failed:\n{}\n{words}", String::from_utf8_lossy(&output.stdout)))
}
