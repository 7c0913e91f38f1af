//! What is measured: child processes that listen on the loopback interface and end with us.
//!
//! In: where the upstream listens. Out: an address, CPU time and memory. Nothing is installed here; what is missing
//! is said with the command that brings it.

mod nginx;
mod process;
mod yumen;

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

pub(crate) use nginx::start as start_nginx;
pub(crate) use process::Process;
pub(crate) use yumen::{Yumen, start as start_yumen};

/// The virtual key that Yumen knows in a bench; sent to every target alike.
pub(crate) const KEY: &str = "sk-yu-bench-0123456789abcdefghijklmnop";

/// Something that answers requests.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
}

/// Which of the compared things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// The fake upstream itself.
    Direct,
    /// nginx as a plain reverse proxy.
    Nginx,
    /// The gateway.
    Yumen,
}

/// Starts the fake upstream in a process of its own, so that its CPU time is not the load's.
pub(crate) fn start_upstream(directory: &std::path::Path) -> Result<Target> {
    let file = directory.join("upstream.address");
    let program = std::env::current_exe().context("where this program is")?;
    let mut command = Command::new(program);
    command.args(["upstream", "--listen", "127.0.0.1:0", "--address-file"]).arg(&file);
    let mut process = Process::spawn(command, &directory.join("upstream.log"))?;
    let address = process.wait_for("the fake upstream", || {
        std::fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok())
    })?;
    Ok(Target { kind: Kind::Direct, address, process })
}

/// Polls until `found` gives something; ten seconds are enough for anything we start.
fn poll<T>(
    what: &str,
    mut alive: impl FnMut() -> Result<()>,
    mut found: impl FnMut() -> Option<T>,
) -> Result<T> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(value) = found() {
            return Ok(value);
        }
        alive()?;
        if Instant::now() > deadline {
            bail!("{what} did not start in ten seconds");
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn silent(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}
