//! A child process with its children: its CPU time, its memory, its end.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// A child that ends when this value is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program; what it says goes to the log file.
    pub(crate) fn spawn(mut command: Command, log: &Path) -> Result<Self> {
        let output = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child =
            command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { child, log: log.to_owned() })
    }

    /// Polls until `found` gives something or the process has ended.
    pub(crate) fn wait_for<T>(&mut self, what: &str, found: impl FnMut() -> Option<T>) -> Result<T> {
        let Self { child, log } = self;
        let alive = || match child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{what} ended ({status}): {}", last_lines(log)),
        };
        super::poll(what, alive, found)
    }

    /// CPU time of the process, its threads and its children so far.
    pub(crate) fn cpu_time(&self) -> Duration {
        let nanos = family(self.child.id()).iter().flat_map(|pid| task_times(*pid)).sum();
        Duration::from_nanos(nanos)
    }

    /// Resident memory of the process and its children.
    pub(crate) fn resident_bytes(&self) -> u64 {
        family(self.child.id()).iter().filter_map(|pid| resident(*pid)).sum()
    }

    /// Asks for an orderly stop, which children and the counters of an instrumented program need; kills what is left.
    fn end(&mut self) {
        let pid = self.child.id();
        let _asked = super::silent(Command::new("kill").args(["-TERM", &pid.to_string()])).status();
        for _ in 0..1_000 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let log = self.log.display();
        crate::cli::say_error(&format!(
            "{log}: no end within two seconds; killed, and what it counted is lost"
        ));
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// The process and its direct children.
fn family(pid: u32) -> Vec<u32> {
    let mut pids = vec![pid];
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = std::fs::read_to_string(path).unwrap_or_default();
    pids.extend(children.split_whitespace().filter_map(|text| text.parse::<u32>().ok()));
    pids
}

/// Nanoseconds on a CPU, for each thread. `stat` counts in ticks of ten milliseconds; `schedstat` counts exactly.
fn task_times(pid: u32) -> Vec<u64> {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let time = |entry: std::fs::DirEntry| {
        let text = std::fs::read_to_string(entry.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    };
    tasks.flatten().filter_map(time).collect()
}

fn resident(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

fn last_lines(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(12).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_child_is_accounted_for_and_ends() {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; sleep 60"]);
        let log = directory.path().join("log");
        let mut process = Process::spawn(command, &log).unwrap();
        let said = process
            .wait_for("sh", || std::fs::read_to_string(&log).ok().filter(|text| text.contains("done")));
        said.unwrap();
        assert!(process.cpu_time() > Duration::from_millis(1));
        assert!(process.resident_bytes() > 100_000);
    }

    #[test]
    fn a_child_that_ends_early_is_told_with_its_words() {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such thing; exit 3"]);
        let mut process = Process::spawn(command, &directory.path().join("log")).unwrap();
        let error = process.wait_for("sh", || None::<()>).unwrap_err().to_string();
        assert!(error.contains("no such thing"), "{error}");
    }
}
