//! Measures all targets row by row, in turn, several times over, so that a disturbance of the machine hits all alike.
//!
//! In: rows and programs. Out: the medians as a table. It never compares figures of different runs.

mod rows;
mod table;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;

use crate::canned::{Surface, request_body};
use crate::load::{self, Job, Outcome};
use crate::target::{KEY, Kind, Target, Yumen, start_nginx, start_upstream, start_yumen};

pub(crate) use rows::{Measure, Row, Shape, select};
pub(crate) use table::Table;

/// How long and how often each figure is taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) duration: Duration,
    pub(crate) runs: usize,
}

const WARM_UP: Duration = Duration::from_millis(300);

/// Runs the rows; `say` hears what is going on.
pub(crate) fn run(
    rows: &[Row],
    kinds: &[Kind],
    effort: Effort,
    yumen: &Yumen,
    mut say: impl FnMut(&str),
) -> Result<Table> {
    let directory = tempfile::tempdir()?;
    let bench =
        Bench { directory: directory.path(), upstream: start_upstream(directory.path())?, yumen, effort };
    let others: Vec<Kind> = kinds.iter().copied().filter(|kind| *kind != Kind::Direct).collect();
    let started = others.iter().map(|kind| bench.start(*kind, "all")).collect::<Result<Vec<Target>>>()?;
    let target = |kind: Kind| started.iter().find(|target| target.kind == kind).unwrap_or(&bench.upstream);
    let mut table = Table::default();
    for row in rows {
        let wanted: Vec<Kind> = row.kinds().iter().copied().filter(|kind| kinds.contains(kind)).collect();
        for run in 1..=effort.runs {
            for kind in &wanted {
                let value = bench
                    .measure(row, target(*kind), run)
                    .with_context(|| format!("row {}, {kind:?}, run {run}", row.name))?;
                say(&format!("{} {kind:?} {run}/{}: {value:.1} {}", row.name, effort.runs, row.unit()));
                table.add(row, *kind, value);
            }
        }
    }
    Ok(table)
}

struct Bench<'a> {
    directory: &'a Path,
    upstream: Target,
    yumen: &'a Yumen,
    effort: Effort,
}

impl Bench<'_> {
    fn start(&self, kind: Kind, name: &str) -> Result<Target> {
        let directory = self.directory.join(format!("{kind:?}-{name}"));
        std::fs::create_dir_all(&directory)?;
        match kind {
            Kind::Direct => start_upstream(&directory),
            Kind::Nginx => start_nginx(&directory, self.upstream.address),
            Kind::Yumen => start_yumen(self.yumen, &directory, self.upstream.address),
        }
    }

    fn measure(&self, row: &Row, target: &Target, run: usize) -> Result<f64> {
        match row.measure {
            Measure::Start => self.start_time(row, target.kind, run),
            Measure::IdleMemory => self.idle_memory(row, target.kind, run),
            Measure::StreamMemory => self.stream_memory(row, target.kind, run),
            _ => self.loaded(row, target),
        }
    }

    fn loaded(&self, row: &Row, target: &Target) -> Result<f64> {
        let mut job = job(target, &row.shape, self.effort.duration);
        job.paced = row.measure == Measure::ChunkDelay;
        if let Measure::CpuTime { rate } = row.measure {
            job.rate = Some(rate);
        }
        clean(load::run(&Job { duration: WARM_UP, ..job.clone() })?)?;
        let before = target.process.cpu_time();
        let mut outcome = clean(load::run(&job)?)?;
        let spent = target.process.cpu_time().saturating_sub(before);
        let figure = match row.measure {
            Measure::Throughput => Some(outcome.per_second()),
            Measure::CpuTime { .. } => Some(spent.as_secs_f64() * 1e6 / outcome.answered as f64),
            Measure::FirstByte => outcome.first.quantile_us(0.5),
            Measure::ChunkDelay => outcome.chunk.quantile_us(0.5),
            _ => outcome.total.quantile_us(0.5),
        };
        figure.context("nothing was measured")
    }

    fn start_time(&self, row: &Row, kind: Kind, run: usize) -> Result<f64> {
        let begin = Instant::now();
        let target = self.start(kind, &format!("{}-{run}", row.name))?;
        first_answer(&target, &row.shape)?;
        Ok(begin.elapsed().as_secs_f64() * 1e3)
    }

    fn idle_memory(&self, row: &Row, kind: Kind, run: usize) -> Result<f64> {
        let target = self.start(kind, &format!("{}-{run}", row.name))?;
        first_answer(&target, &row.shape)?;
        Ok(target.process.resident_bytes() as f64 / 1e6)
    }

    fn stream_memory(&self, row: &Row, kind: Kind, run: usize) -> Result<f64> {
        let target = self.start(kind, &format!("{}-{run}", row.name))?;
        first_answer(&target, &Shape { model: "bench", connections: 1, ..row.shape })?;
        let before = target.process.resident_bytes();
        let job = job(&target, &row.shape, self.effort.duration);
        let held = load::hold(&job, || Ok(target.process.resident_bytes()))?;
        Ok(held.saturating_sub(before) as f64 / 1e3 / row.shape.connections as f64)
    }
}

/// One exchange, tried again until the target answers: a listener may be up a moment before what is behind it.
fn first_answer(target: &Target, shape: &Shape) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let once = Job { rate: Some(1.0), ..job(target, shape, Duration::from_millis(1)) };
    loop {
        let outcome = load::run(&once)?;
        if outcome.answered > 0 {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("no answer in ten seconds: {}", outcome.first_failure.unwrap_or_default());
        }
    }
}

/// A run in which anything failed says nothing about speed.
fn clean(outcome: Outcome) -> Result<Outcome> {
    if outcome.failed > 0 {
        let why = outcome.first_failure.unwrap_or_default();
        bail!("{} of {} exchanges failed: {why}", outcome.failed, outcome.failed + outcome.answered);
    }
    Ok(outcome)
}

fn job(target: &Target, shape: &Shape, duration: Duration) -> Job {
    let request = request(target.address, shape, KEY);
    Job {
        address: target.address,
        request,
        connections: shape.connections,
        duration,
        rate: None,
        paced: false,
    }
}

/// The bytes of one request.
pub(crate) fn request(address: std::net::SocketAddr, shape: &Shape, key: &str) -> Bytes {
    let (path, extra) = match shape.surface {
        Surface::OpenAiChat => ("/v1/chat/completions", String::new()),
        Surface::OpenAiEmbeddings => ("/v1/embeddings", String::new()),
        Surface::AnthropicMessages => {
            ("/v1/messages", format!("anthropic-version: 2023-06-01\r\nx-api-key: {key}\r\n"))
        }
    };
    let body = request_body(shape.surface, shape.model, shape.bytes, shape.stream);
    Bytes::from(format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\nuser-agent: bench/1\r\naccept: application/json\r\ncontent-type: application/json\r\n{extra}content-length: {}\r\n\r\n{body}",
        body.len()
    ))
}
