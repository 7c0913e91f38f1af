//! The command line of the bench.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, ValueEnum};

use crate::canned::Surface;
use crate::compare::{self, Effort, Shape};
use crate::fill::fill;
use crate::healing;
use crate::load::{self, Job};
use crate::target::{KEY, Kind, Yumen};
use crate::upstream;

#[derive(Parser)]
#[command(name = "yumen-bench", about = "How fast Yumen is, beside nginx and the bare upstream.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The whole table: starts everything, measures in turn, prints Markdown.
    Run(RunArguments),
    /// One run of load against an address.
    Load(LoadArguments),
    /// Fills a data folder's empty ledger with made-up records.
    Fill {
        /// The folder; it may be new.
        #[arg(long)]
        data_dir: PathBuf,
        /// How many.
        #[arg(long, default_value_t = 10_000_000)]
        records: u64,
        /// The gateway's program; beside this one by default.
        #[arg(long)]
        yumen: Option<PathBuf>,
    },
    /// How well broken JSON is repaired, beside other repairers; prints Markdown.
    Healing {
        /// An interpreter that has Python's `json_repair`.
        #[arg(long)]
        python: Option<PathBuf>,
        /// Print what was not repaired instead.
        #[arg(long)]
        misses: bool,
        /// Another corpus than the one of the documentation.
        #[arg(long, default_value_t = healing::SEED)]
        seed: u64,
    },
    /// The fake upstream.
    Upstream {
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:9100")]
        listen: String,
        /// Also write the address to this file.
        #[arg(long)]
        address_file: Option<PathBuf>,
    },
}

#[derive(clap::Args)]
struct RunArguments {
    /// One second and one run for each figure.
    #[arg(long)]
    quick: bool,
    /// Seconds for each figure.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Runs of which the median is taken.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Only this row; may be repeated.
    #[arg(long)]
    only: Vec<String>,
    /// Only these targets.
    #[arg(long, value_delimiter = ',', default_values = ["direct", "nginx", "yumen"])]
    targets: Vec<Kind>,
    /// The gateway's program; beside this one by default.
    #[arg(long)]
    yumen: Option<PathBuf>,
    /// A data folder for the gateway to go on with, such as one with a large ledger.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Give the gateway a ledger of so many made-up records first (ten million take some 4 GB of disk).
    #[arg(long, conflicts_with = "data_dir")]
    records: Option<u64>,
    /// Print JSON in place of Markdown.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct LoadArguments {
    /// Where to send requests.
    address: SocketAddr,
    #[arg(long, default_value_t = 64)]
    connections: usize,
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Requests per second; without it each connection sends as fast as it is answered.
    #[arg(long)]
    rate: Option<f64>,
    #[arg(long, value_enum, default_value_t = Api::Chat)]
    api: Api,
    #[arg(long, default_value = "bench")]
    model: String,
    /// Size of the request body.
    #[arg(long, default_value_t = 300)]
    bytes: usize,
    #[arg(long)]
    stream: bool,
    #[arg(long, default_value = KEY)]
    key: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Api {
    Chat,
    Messages,
    Embeddings,
}

/// Reads the arguments and does what they say.
pub(crate) fn run() -> Result<ExitCode> {
    match Arguments::parse().command {
        Command::Run(arguments) => compare_all(&arguments),
        Command::Load(arguments) => load_once(arguments),
        Command::Fill { data_dir, records, yumen } => {
            fill(&yumen.map_or_else(beside, Ok)?, &data_dir, records, say_error)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Healing { python, misses, seed } => {
            let told =
                if misses { healing::misses(seed) } else { healing::compare(python.as_deref(), seed)? };
            say(told.trim_end())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Upstream { listen, address_file } => {
            upstream::serve(&listen, |address| {
                if let Some(file) = address_file {
                    let part = file.with_extension("part");
                    std::fs::write(&part, address.to_string())?;
                    std::fs::rename(&part, &file)?;
                }
                say(&format!("listening on {address}"))
            })?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// A line to standard error.
pub(crate) fn say_error(text: &str) {
    let _written = writeln!(std::io::stderr(), "{text}");
}

fn say(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{text}").context("standard output is gone")
}

fn beside() -> Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("yumen"))
}

fn compare_all(arguments: &RunArguments) -> Result<ExitCode> {
    let rows = compare::select(&arguments.only)?;
    let (seconds, runs) = if arguments.quick { (1.0, 1) } else { (arguments.seconds, arguments.runs.max(1)) };
    let effort = Effort { duration: Duration::try_from_secs_f64(seconds)?, runs };
    let program = arguments.yumen.clone().map_or_else(beside, Ok)?;
    let mut data = arguments.data_dir.clone();
    let filled = tempfile::tempdir()?;
    if let Some(records) = arguments.records {
        fill(&program, filled.path(), records, say_error)?;
        data = Some(filled.path().to_owned());
    }
    let yumen = Yumen { program, data };
    let table = compare::run(&rows, &arguments.targets, effort, &yumen, say_error)?;
    if arguments.json {
        say(&serde_json::to_string_pretty(&table.json())?)?;
    } else {
        say(&table.markdown())?;
    }
    Ok(if table.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn load_once(arguments: LoadArguments) -> Result<ExitCode> {
    let surface = match arguments.api {
        Api::Chat => Surface::OpenAiChat,
        Api::Messages => Surface::AnthropicMessages,
        Api::Embeddings => Surface::OpenAiEmbeddings,
    };
    let model: &'static str = Box::leak(arguments.model.clone().into_boxed_str());
    let shape = Shape {
        surface,
        model,
        bytes: arguments.bytes,
        stream: arguments.stream,
        connections: arguments.connections,
    };
    let mut outcome = load::run(&Job {
        address: arguments.address,
        request: compare::request(arguments.address, &shape, &arguments.key),
        connections: arguments.connections,
        duration: Duration::try_from_secs_f64(arguments.seconds)?,
        rate: arguments.rate,
        paced: arguments.model.contains("paced"),
    })?;
    say(&format!("{:.0}/s, {} answered, {} failed", outcome.per_second(), outcome.answered, outcome.failed))?;
    for (name, samples) in
        [("total", &mut outcome.total), ("first byte", &mut outcome.first), ("chunk", &mut outcome.chunk)]
    {
        let mut quantile =
            |share| samples.quantile_us(share).map_or_else(|| "-".into(), |us| format!("{us:.0}"));
        let (p50, p90, p99, max) = (quantile(0.5), quantile(0.9), quantile(0.99), quantile(1.0));
        say(&format!("{name}: p50 {p50} µs, p90 {p90} µs, p99 {p99} µs, max {max} µs"))?;
    }
    if let Some(failure) = &outcome.first_failure {
        say_error(failure);
    }
    Ok(if outcome.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
