//! Operational logs: what the process itself has to say, to standard error.

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;
use yumen_config::{LogFormat, ProcessSettings};

/// Begins to log; `YUMEN_LOG` overrides the configured level with a filter such as `info,yumen_gateway=debug`.
pub fn start(process: &ProcessSettings) -> anyhow::Result<()> {
    let level = format!("{:?}", process.log_level).to_lowercase();
    let filter = std::env::var("YUMEN_LOG").unwrap_or(level);
    let filter = EnvFilter::try_new(filter).context("YUMEN_LOG")?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match process.log_format {
        LogFormat::Json => builder.json().flatten_event(true).init(),
        LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init(),
    }
    Ok(())
}
