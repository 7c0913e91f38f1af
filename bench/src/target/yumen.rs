//! The gateway as its users run it: a release build, a configuration file, keys checked, limits on, records kept.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{KEY, Kind, Process, Target};

/// Where the program is and what it keeps its data in.
#[derive(Debug, Clone)]
pub(crate) struct Yumen {
    pub(crate) program: PathBuf,
    /// A data folder to go on with (such as one with a large ledger) in place of a fresh one.
    pub(crate) data: Option<PathBuf>,
}

/// Starts the gateway in front of `upstream`, with files below `directory`.
pub(crate) fn start(yumen: &Yumen, directory: &Path, upstream: SocketAddr) -> Result<Target> {
    if !yumen.program.is_file() {
        bail!("{} is missing: cargo build --release -p yumen", yumen.program.display());
    }
    std::fs::create_dir_all(directory)?;
    let data = yumen.data.clone().unwrap_or_else(|| directory.join("data"));
    let addresses = data.join("addresses.json");
    if addresses.exists() {
        std::fs::remove_file(&addresses).context("an address file of an earlier run")?;
    }
    let file = directory.join("yumen.yaml");
    std::fs::write(&file, configuration(upstream))?;
    let mut command = Command::new(&yumen.program);
    command.args(["serve", "--config"]).arg(&file).arg("--data-dir").arg(&data);
    let mut process = Process::spawn(command, &directory.join("yumen.log"))?;
    let address = process.wait_for("yumen", || {
        let text = std::fs::read_to_string(&addresses).ok()?;
        let value: serde_json::Value = serde_json::from_str(&text).ok()?;
        value.get("gateway")?.as_str()?.parse().ok()
    })?;
    Ok(Target { kind: Kind::Yumen, address, process })
}

fn configuration(upstream: SocketAddr) -> String {
    format!(
        "gateway: {{ listen: \"127.0.0.1:0\" }}
admin: {{ listen: \"127.0.0.1:0\" }}
providers:
  fake-openai:
    type: openai-compatible
    base_url: \"http://{upstream}/v1\"
    credentials: [ {{ secret: \"upstream-credential\" }} ]
    models: {{ bench: {{ price: {{ input: \"0.15\", output: \"0.60\" }} }}, bench-paced: {{}}, bench-hold: {{}}, bench-embed: {{}}, bench-gone: {{}} }}
  fake-anthropic:
    type: anthropic-compatible
    base_url: \"http://{upstream}\"
    credentials: [ {{ secret: \"upstream-credential\" }} ]
    models: {{ bench-claude: {{ price: {{ input: \"3\", output: \"15\" }} }} }}
models:
  bench-failover: {{ deployments: [ {{ provider: fake-openai, model: bench-gone }}, {{ provider: fake-openai, model: bench }} ], \
routing: {{ strategy: priority }} }}
keys:
  - {{ name: bench, secret: \"{KEY}\", models: [\"*\"], requests_per_minute: 4000000000, concurrency: 100000 }}
"
    )
}
