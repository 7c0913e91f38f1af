//! The two streams of a server: lines of JSON, one for each exchange, to standard output; what the process itself has
//! to say to standard error.
//!
//! Each is written by a thread of its own behind a bounded queue: a reader that stalls costs lines, which are counted,
//! and never a request or a record.

use std::io::{self, IsTerminal as _, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use yumen_config::{LogFormat, ProcessSettings};

/// Lines of the operational log that may wait.
const PROCESS_LINES_MOST: usize = 8 * 1024;
/// Writes of the exchange log that may wait; each carries up to 64 KiB of lines.
const EXCHANGE_WRITES_MOST: usize = 256;
/// How long the end of the process waits for what was not written.
const LAST_LINES: Duration = Duration::from_secs(2);

/// The running logs.
pub struct Logs {
    /// Standard output, for the exchange log.
    pub exchanges: Lines,
    /// Standard error, in order with the operational log.
    pub process: NonBlocking,
    guards: [WorkerGuard; 2],
}

/// Begins to log; `YUMEN_LOG` overrides the configured level with a filter such as `info,yumen_gateway=debug`.
pub fn start(process: &ProcessSettings) -> anyhow::Result<Logs> {
    let level = format!("{:?}", process.log_level).to_lowercase();
    let filter = std::env::var("YUMEN_LOG").unwrap_or(level);
    let filter = EnvFilter::try_new(filter).context("YUMEN_LOG")?;
    let (out, out_guard) = queue("exchange-log", EXCHANGE_WRITES_MOST, io::stdout());
    let (err, err_guard) = queue("process-log", PROCESS_LINES_MOST, io::stderr());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(err.clone());
    match process.log_format {
        LogFormat::Json => builder.json().flatten_event(true).init(),
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).init(),
    }
    Ok(Logs { exchanges: Lines::new(out), process: err, guards: [out_guard, err_guard] })
}

fn queue(name: &str, most: usize, writer: impl Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default().lossy(true).buffered_lines_limit(most).thread_name(name).finish(writer)
}

impl Logs {
    /// Lines of the operational log that were dropped.
    pub fn process_dropped(&self) -> ErrorCounter {
        self.process.error_counter()
    }

    /// Writes what waits, unless nobody reads it.
    pub fn finish(self) {
        let guards = self.guards;
        // A guard that cannot reach its thread complains to standard output, which blocks when that is what stalls:
        // so it is not this thread that lets go of them.
        let (done, all_written) = std::sync::mpsc::sync_channel(1);
        let finishing = std::thread::Builder::new().name("log-end".into()).spawn(move || {
            drop(guards);
            let _ = done.send(());
        });
        if finishing.is_ok() {
            let _ = all_written.recv_timeout(LAST_LINES);
        }
    }
}

/// A queue that takes several lines at a time and counts each of those that it dropped. A clone is the same queue.
#[derive(Clone)]
pub struct Lines {
    out: NonBlocking,
    dropped: Arc<AtomicU64>,
}

impl Lines {
    fn new(out: NonBlocking) -> Self {
        Self { out, dropped: Arc::default() }
    }

    /// Lines that were dropped.
    pub fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.dropped)
    }
}

impl Write for Lines {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let counter = self.out.error_counter();
        let before = counter.dropped_lines();
        let written = self.out.write(lines)?;
        if counter.dropped_lines() > before {
            let count = lines.iter().filter(|byte| **byte == b'\n').count();
            self.dropped.fetch_add(count as u64, Ordering::Relaxed);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use super::*;

    /// A reader that has stopped: says that it was written to, then waits until it is let go.
    struct Stalled(SyncSender<()>, Receiver<()>);

    impl Write for Stalled {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.try_send(());
            let _ = self.1.recv();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stalled_reader_costs_counted_lines_and_nothing_else() {
        let (begun, has_begun) = sync_channel(1);
        let (let_go, held) = sync_channel(1);
        let (out, _guard) = queue("stalled", 2, Stalled(begun, held));
        let mut lines = Lines::new(out);
        lines.write_all(b"first\n").unwrap();
        has_begun.recv().unwrap();
        for _ in 0..4 {
            lines.write_all(b"one\ntwo\nthree\n").unwrap();
        }
        assert_eq!(lines.dropped().load(Ordering::Relaxed), 6, "two writes wait, two are lost");
        drop(let_go);
    }
}
