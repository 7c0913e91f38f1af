//! `yumen chat`: asks a running gateway something and prints the answer as it comes.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use http::Uri;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use crate::cli::ChatOptions;

/// An error answer is shown up to this size.
const ERROR_BYTES_MOST: usize = 64 * 1024;

/// Asks and prints.
pub fn run(options: &ChatOptions) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(ask(options))?;
    Ok(ExitCode::SUCCESS)
}

async fn ask(options: &ChatOptions) -> anyhow::Result<()> {
    let url: Uri = options.url.parse().context("--url")?;
    if url.scheme_str() != Some("http") {
        bail!(
            "--url must begin with http://; this command is meant for a gateway on your own machine or network"
        );
    }
    let authority = url.authority().context("--url names no host")?;
    let address = (authority.host().trim_matches(['[', ']']), authority.port_u16().unwrap_or(80));
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .with_context(|| format!("no gateway answers at {}; start one with `yumen serve`", options.url))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let message = json!({ "role": "user", "content": options.text });
    let body = json!({ "model": options.model, "stream": true, "messages": [message] });
    let request = http::Request::post("/v1/chat/completions")
        .header(http::header::HOST, authority.as_str())
        .header(http::header::AUTHORIZATION, format!("Bearer {}", options.key))
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body.to_string())))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body();
    if !status.is_success() {
        bail!("{status}: {}", error_text(body).await?);
    }
    print_stream(body).await
}

async fn error_text(mut body: Incoming) -> anyhow::Result<String> {
    let mut text = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame?.data_ref() {
            text.extend(data.iter().take(ERROR_BYTES_MOST - text.len().min(ERROR_BYTES_MOST)));
        }
    }
    let parsed: Value = serde_json::from_slice(&text).unwrap_or_default();
    let message = parsed.pointer("/error/message").and_then(Value::as_str).map(str::to_owned);
    Ok(message.unwrap_or_else(|| String::from_utf8_lossy(&text).into_owned()))
}

/// Prints the text of each event. Events of our own gateway are one `data:` line each.
async fn print_stream(mut body: Incoming) -> anyhow::Result<()> {
    let mut line = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        for byte in data {
            if byte != b'\n' {
                line.push(byte);
                continue;
            }
            print_event(&line)?;
            line.clear();
        }
    }
    crate::cli::say("");
    Ok(())
}

fn print_event(line: &[u8]) -> anyhow::Result<()> {
    let Some(data) = line.strip_prefix(b"data: ") else { return Ok(()) };
    let Ok(chunk) = serde_json::from_slice::<Value>(data) else { return Ok(()) };
    if let Some(message) = chunk.pointer("/error/message").and_then(Value::as_str) {
        bail!("{message}");
    }
    if let Some(text) = chunk.pointer("/choices/0/delta/content").and_then(Value::as_str) {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()?;
    }
    Ok(())
}
