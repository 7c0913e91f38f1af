//! The rows of the table: what is measured, on whom, and which figures are wanted.

use crate::canned::Surface;
use crate::target::Kind;

/// What a row measures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Measure {
    /// Exchanges per second, closed loop.
    Throughput,
    /// CPU microseconds per exchange at a fixed rate (per second).
    CpuTime { rate: f64 },
    /// Median microseconds of a whole exchange.
    Latency,
    /// Median microseconds to the first byte of the body.
    FirstByte,
    /// Median microseconds between the upstream's write of a chunk and its arrival.
    ChunkDelay,
    /// Resident MB of a fresh process after its first answer.
    IdleMemory,
    /// Resident KB for each open stream.
    StreamMemory,
    /// Milliseconds from the start of the process to its first answer.
    Start,
}

/// What is sent and over how many connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) surface: Surface,
    pub(crate) model: &'static str,
    pub(crate) bytes: usize,
    pub(crate) stream: bool,
    pub(crate) connections: usize,
}

/// What Yumen's figure is compared with, and the figures wanted: must and aim.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// Yumen's over nginx's, at least.
    OfNginxAtLeast(f64, f64),
    /// Yumen's over nginx's, at most.
    OfNginxAtMost(f64, f64),
    /// What Yumen adds to the bare upstream over what nginx adds, at most.
    AddedAtMost(f64, f64),
    /// Yumen's over its own figure in another row, at most.
    OfRowAtMost(&'static str, f64),
    /// What Yumen's figure is above its own in another row, at most.
    OverRowAtMost(&'static str, f64),
    /// The figure itself, at most.
    AtMost(f64),
    /// Only shown.
    Shown,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) measure: Measure,
    pub(crate) shape: Shape,
    pub(crate) goal: Goal,
}

impl Row {
    /// Whom it is measured on.
    pub(crate) fn kinds(&self) -> &'static [Kind] {
        match (self.measure, self.goal) {
            (_, Goal::OfRowAtMost(..) | Goal::OverRowAtMost(..)) => &[Kind::Yumen],
            (Measure::Start | Measure::IdleMemory | Measure::StreamMemory | Measure::CpuTime { .. }, _) => {
                &[Kind::Nginx, Kind::Yumen]
            }
            _ => &[Kind::Direct, Kind::Nginx, Kind::Yumen],
        }
    }

    /// The row that it is compared with.
    pub(crate) fn other(&self) -> Option<&'static str> {
        match self.goal {
            Goal::OfRowAtMost(other, _) | Goal::OverRowAtMost(other, _) => Some(other),
            _ => None,
        }
    }

    pub(crate) fn unit(&self) -> &'static str {
        match self.measure {
            Measure::Throughput => "/s",
            Measure::CpuTime { .. } | Measure::Latency | Measure::FirstByte | Measure::ChunkDelay => "µs",
            Measure::IdleMemory => "MB",
            Measure::StreamMemory => "KB",
            Measure::Start => "ms",
        }
    }
}

const CHAT: Shape =
    Shape { surface: Surface::OpenAiChat, model: "bench", bytes: 300, stream: false, connections: 64 };
const CHAT_STREAM: Shape = Shape { stream: true, connections: 32, ..CHAT };
const MESSAGES: Shape = Shape { surface: Surface::AnthropicMessages, model: "bench-claude", ..CHAT };
const MESSAGES_STREAM: Shape = Shape { stream: true, connections: 32, ..MESSAGES };
const EMBEDDINGS: Shape = Shape { surface: Surface::OpenAiEmbeddings, model: "bench-embed", ..CHAT };
/// OpenAI clients, Anthropic upstream.
const TRANSLATED: Shape = Shape { model: "bench-claude", ..CHAT };

const THROUGHPUT: Goal = Goal::OfNginxAtLeast(0.50, 0.70);
const CPU: Goal = Goal::OfNginxAtMost(3.0, 2.0);
const HEAVY: Goal = Goal::OfNginxAtLeast(0.40, 0.60);
const SMALL_RATE: Measure = Measure::CpuTime { rate: 8_000.0 };

/// All rows in the order of the table.
pub(crate) const ROWS: &[Row] = &[
    row("chat-throughput", "chat 300 B, 64 connections", Measure::Throughput, CHAT, THROUGHPUT),
    row("chat-cpu", "chat 300 B, CPU per request", SMALL_RATE, CHAT, CPU),
    row(
        "chat-latency",
        "chat 300 B, p50 at 1 connection",
        Measure::Latency,
        single(CHAT),
        Goal::AddedAtMost(3.0, 2.0),
    ),
    row("chat-4k", "chat 4 KB, 64 connections", Measure::Throughput, sized(CHAT, 4_096), THROUGHPUT),
    row("chat-100k", "chat 100 KB, 64 connections", Measure::Throughput, sized(CHAT, 102_400), HEAVY),
    row(
        "chat-100k-cpu",
        "chat 100 KB, CPU per request",
        Measure::CpuTime { rate: 2_000.0 },
        sized(CHAT, 102_400),
        Goal::Shown,
    ),
    row("stream", "50-chunk streams, 32 connections", Measure::Throughput, CHAT_STREAM, HEAVY),
    row(
        "stream-cpu",
        "50-chunk streams, CPU per stream",
        Measure::CpuTime { rate: 500.0 },
        CHAT_STREAM,
        Goal::Shown,
    ),
    row(
        "stream-first",
        "time to first chunk, p50 at 1 connection",
        Measure::FirstByte,
        single(CHAT_STREAM),
        Goal::AddedAtMost(8.0, 4.0),
    ),
    row(
        "stream-chunk",
        "each later chunk on its way, p50 at 8 paced streams",
        Measure::ChunkDelay,
        Shape { model: "bench-paced", connections: 8, ..CHAT_STREAM },
        Goal::Shown,
    ),
    row(
        "messages-throughput",
        "Anthropic messages, 64 connections",
        Measure::Throughput,
        MESSAGES,
        THROUGHPUT,
    ),
    row("messages-cpu", "Anthropic messages, CPU per request", SMALL_RATE, MESSAGES, CPU),
    row("messages-stream", "Anthropic streams, 32 connections", Measure::Throughput, MESSAGES_STREAM, HEAVY),
    row("embeddings-throughput", "embeddings, 64 connections", Measure::Throughput, EMBEDDINGS, THROUGHPUT),
    row("embeddings-cpu", "embeddings, CPU per request", SMALL_RATE, EMBEDDINGS, CPU),
    row(
        "translated-cpu",
        "OpenAI client, Anthropic upstream, CPU over chat-cpu",
        SMALL_RATE,
        TRANSLATED,
        Goal::OfRowAtMost("chat-cpu", 1.6),
    ),
    row(
        "translated-stream-cpu",
        "the same, 50-chunk streams, CPU over stream-cpu",
        Measure::CpuTime { rate: 500.0 },
        Shape { model: "bench-claude", ..CHAT_STREAM },
        Goal::OfRowAtMost("stream-cpu", 1.6),
    ),
    row(
        "failover-latency",
        "first deployment refuses, p50 over chat-latency",
        Measure::Latency,
        Shape { model: "bench-failover", ..single(CHAT) },
        Goal::OverRowAtMost("chat-latency", 1_000.0),
    ),
    row(
        "memory-idle",
        "memory after the first answer",
        Measure::IdleMemory,
        single(CHAT),
        Goal::AtMost(30.0),
    ),
    row(
        "memory-stream",
        "memory for each of 1,000 open streams",
        Measure::StreamMemory,
        Shape { model: "bench-hold", connections: 1_000, ..CHAT_STREAM },
        Goal::AtMost(60.0),
    ),
    row("start", "start to first answer", Measure::Start, single(CHAT), Goal::AtMost(300.0)),
];

/// The rows to run for `only` (all, when none is named), with those that they are compared with.
pub(crate) fn select(only: &[String]) -> anyhow::Result<Vec<Row>> {
    for name in only {
        if !ROWS.iter().any(|row| row.name == name) {
            let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
            anyhow::bail!("no row is called {name}; there are {}", names.join(", "));
        }
    }
    let named = |name: &str| only.is_empty() || only.iter().any(|other| other == name);
    let needed = |name: &str| ROWS.iter().any(|row| row.other() == Some(name) && named(row.name));
    Ok(ROWS.iter().filter(|row| named(row.name) || needed(row.name)).copied().collect())
}

const fn row(name: &'static str, title: &'static str, measure: Measure, shape: Shape, goal: Goal) -> Row {
    Row { name, title, measure, shape, goal }
}

const fn single(shape: Shape) -> Shape {
    Shape { connections: 1, ..shape }
}

const fn sized(shape: Shape, bytes: usize) -> Shape {
    Shape { bytes, ..shape }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_brings_what_it_is_compared_with() {
        let rows = select(&["translated-cpu".to_owned()]).unwrap();
        assert_eq!(rows.iter().map(|row| row.name).collect::<Vec<_>>(), ["chat-cpu", "translated-cpu"]);
        assert_eq!(select(&[]).unwrap().len(), ROWS.len());
        assert!(select(&["no-such-row".to_owned()]).is_err());
    }
}
