//! The load: many connections on one thread, closed loop or at a fixed rate.
//!
//! In: a request as bytes and how to send it. Out: counts and durations. A failed exchange is counted and told, never
//! taken for a fast one; every run ends in bounded time.
//!
//! At a fixed rate the clock of a request starts when it was due, not when a connection was free for it: a stall is
//! charged to everyone who had to wait. Only the timer's own lateness is left out.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use tokio::io::AsyncWriteExt;

use crate::canned::TIMESTAMP_MARK;
use crate::samples::Samples;
use crate::upstream::now_us;
use crate::wire::Connection;

/// A run that has so many failures is broken off.
const FAILURE_LIMIT: u64 = 64;
/// How much longer than planned a run may take.
const GRACE: Duration = Duration::from_secs(15);

/// One run of load.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) address: SocketAddr,
    /// Head and body.
    pub(crate) request: Bytes,
    pub(crate) connections: usize,
    pub(crate) duration: Duration,
    /// Requests per second; `None` sends the next as soon as the last was answered.
    pub(crate) rate: Option<f64>,
    /// Reads the times at which the upstream sent each chunk.
    pub(crate) paced: bool,
}

/// What a run saw.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) answered: u64,
    pub(crate) failed: u64,
    pub(crate) first_failure: Option<String>,
    pub(crate) elapsed: Duration,
    /// From sending (or being due) to the end of the answer.
    pub(crate) total: Samples,
    /// From sending (or being due) to the first byte of the body.
    pub(crate) first: Samples,
    /// From the upstream's write of a chunk to our reading it.
    pub(crate) chunk: Samples,
}

impl Outcome {
    pub(crate) fn per_second(&self) -> f64 {
        self.answered as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

/// Runs a job to its end on this thread.
pub(crate) fn run(job: &Job) -> Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let state = Rc::new(Run {
        job: job.clone(),
        started: Instant::now(),
        slots: Cell::new(0),
        outcome: RefCell::new(Outcome::default()),
    });
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let tasks: Vec<_> = (0..job.connections)
            .map(|_| {
                let state = Rc::clone(&state);
                tokio::task::spawn_local(async move { state.drive().await })
            })
            .collect();
        let all = async {
            for task in tasks {
                task.await.context("a connection's task died")?;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(job.duration + GRACE, all).await.context("the run did not end in time")?
    })?;
    let mut outcome = state.outcome.take();
    outcome.elapsed = state.started.elapsed();
    Ok(outcome)
}

struct Run {
    job: Job,
    started: Instant,
    slots: Cell<u64>,
    outcome: RefCell<Outcome>,
}

impl Run {
    async fn drive(&self) {
        let mut connection = None;
        while let Some(begin) = self.next_begin().await {
            let result = match connection.as_mut() {
                Some(open) => self.exchange(open, begin).await,
                None => match Connection::open(self.job.address).await {
                    Ok(open) => self.exchange(connection.insert(open), begin).await,
                    Err(error) => Err(error),
                },
            };
            let mut outcome = self.outcome.borrow_mut();
            match result {
                Ok(()) => outcome.answered += 1,
                Err(error) => {
                    connection = None;
                    outcome.failed += 1;
                    outcome.first_failure.get_or_insert_with(|| format!("{error:#}"));
                    if outcome.failed >= FAILURE_LIMIT {
                        return;
                    }
                }
            }
        }
    }

    /// Waits for the next request's turn; `None` when the run is over.
    async fn next_begin(&self) -> Option<Instant> {
        let Some(rate) = self.job.rate else {
            return (self.started.elapsed() < self.job.duration).then(Instant::now);
        };
        let slot = self.slots.get();
        self.slots.set(slot + 1);
        let offset = Duration::from_secs_f64(slot as f64 / rate);
        if offset >= self.job.duration {
            return None;
        }
        let due = self.started + offset;
        if Instant::now() >= due {
            return Some(due);
        }
        tokio::time::sleep_until(due.into()).await;
        Some(Instant::now())
    }

    async fn exchange(&self, connection: &mut Connection, begin: Instant) -> Result<()> {
        connection.stream.write_all(&self.job.request).await?;
        let head = connection.response_head().await?;
        let mut first = None;
        let mut bytes = 0;
        let mut excerpt = Vec::new();
        let mut stamps = StampReader::default();
        let body = connection.response_body(&head, |part| {
            first.get_or_insert_with(Instant::now);
            bytes += part.len();
            if head.status != 200 && excerpt.len() < 300 {
                excerpt.extend_from_slice(part);
            }
            if self.job.paced {
                stamps.read(part, &mut self.outcome.borrow_mut().chunk);
            }
        });
        body.await?;
        if head.status != 200 {
            bail!("status {}: {}", head.status, String::from_utf8_lossy(&excerpt));
        }
        if bytes == 0 {
            bail!("an answer without a body");
        }
        let mut outcome = self.outcome.borrow_mut();
        outcome.total.add(begin.elapsed());
        if let Some(first) = first {
            outcome.first.add(first.saturating_duration_since(begin));
        }
        Ok(())
    }
}

/// Finds the upstream's times in a stream, also when a piece ends within one.
#[derive(Default)]
struct StampReader {
    rest: Vec<u8>,
}

impl StampReader {
    fn read(&mut self, part: &[u8], delays: &mut Samples) {
        let now = now_us();
        self.rest.extend_from_slice(part);
        let mark = TIMESTAMP_MARK.as_bytes();
        while let Some(at) = memchr::memmem::find(&self.rest, mark) {
            let digits = at + mark.len()..at + mark.len() + 16;
            let Some(text) = self.rest.get(digits.clone()) else {
                self.rest.drain(..at);
                return;
            };
            let sent: u64 = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(now);
            delays.add(Duration::from_micros(now.saturating_sub(sent)));
            self.rest.drain(..digits.end);
        }
        let keep = self.rest.len().saturating_sub(mark.len());
        self.rest.drain(..keep);
    }
}

/// Opens streams, waits for each one's first bytes, and keeps them open while `look` runs.
pub(crate) fn hold<T>(job: &Job, look: impl FnOnce() -> Result<T>) -> Result<T> {
    const AT_ONCE: usize = 50;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut open = Vec::with_capacity(job.connections);
        let opening = async {
            while open.len() < job.connections {
                let mut batch = Vec::new();
                for _ in 0..AT_ONCE.min(job.connections - open.len()) {
                    let mut connection = Connection::open(job.address).await?;
                    connection.stream.write_all(&job.request).await?;
                    batch.push(connection);
                }
                for connection in &mut batch {
                    let head = connection.response_head().await?;
                    if head.status != 200 {
                        bail!("status {} on a stream to hold", head.status);
                    }
                    connection.body_began().await?;
                }
                open.append(&mut batch);
            }
            Ok(())
        };
        tokio::time::timeout(GRACE * 2, opening).await.context("the streams did not open in time")??;
        look()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_found_across_pieces() {
        let text = format!("data: {TIMESTAMP_MARK}{:016} {TIMESTAMP_MARK}{:016}x", now_us(), now_us());
        for cut in 0..text.len() {
            let (mut reader, mut delays) = (StampReader::default(), Samples::default());
            reader.read(&text.as_bytes()[..cut], &mut delays);
            reader.read(&text.as_bytes()[cut..], &mut delays);
            assert!(delays.quantile_us(1.0).unwrap() < 60e6);
            assert_eq!(delays.len(), 2, "cut at {cut}");
        }
    }

    #[test]
    fn an_upstream_that_is_gone_is_a_failure() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let duration = Duration::from_millis(50);
        let job = Job { address, request: Bytes::new(), connections: 2, duration, rate: None, paced: false };
        let outcome = run(&job).unwrap();
        assert_eq!(outcome.answered, 0);
        assert!(outcome.failed > 0 && outcome.first_failure.is_some());
    }
}
