//! Other repairers on the same corpus.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Case;

/// The crate `llm_json`.
pub(super) fn llm_json(text: &str) -> Option<Value> {
    // It is not ours to answer for: a panic is no answer.
    std::panic::catch_unwind(|| llm_json::loads(text, &llm_json::RepairOptions::default()).ok())
        .ok()
        .flatten()
}

/// Reads lines of JSON texts and answers each with what it makes of it.
const SCRIPT: &str = "
import json, sys
from json_repair import loads
for line in sys.stdin:
    try:
        print(json.dumps(loads(json.loads(line)), allow_nan=False))
    except Exception:
        print()
";

/// Python's `json_repair`: what it makes of each text.
pub(super) fn json_repair(
    python: &Path,
    cases: &[Case],
    valid: &[String],
) -> Result<HashMap<String, Option<Value>>> {
    let mut child = Command::new(python)
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", python.display()))?;
    let texts: Vec<String> =
        cases.iter().map(|case| case.text.clone()).chain(valid.iter().cloned()).collect();
    let lines: String = texts.iter().map(|text| format!("{}\n", Value::from(text.as_str()))).collect();
    let mut stdin = child.stdin.take().context("no standard input")?;
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output()?;
    let written = writer.join().map_err(|_| anyhow::anyhow!("the writer failed"))?;
    if !output.status.success() || written.is_err() {
        bail!("{} failed ({})", python.display(), output.status);
    }
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(texts.into_iter().zip(said.lines().map(|line| serde_json::from_str(line).ok())).collect())
}
