//! `yumen status`: how the deployments of a running gateway do, once or again and again.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use comfy_table::CellAlignment;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use yumen_telemetry::{AllowanceReport, HealthReport, Left, Uptime};

use crate::cli::{StatusOptions, say, table};

/// An answer is read up to this size.
const BYTES_MOST: usize = 16 << 20;
/// How often the table is written anew.
const EVERY: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
struct Status {
    health: Vec<HealthReport>,
}

/// Prints the table; with `--watch` until it is interrupted.
pub fn run(options: &StatusOptions) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let address = match &options.admin {
            Some(address) => address.clone(),
            None => address_of(options)?,
        };
        loop {
            let text = ask(&address).await?;
            if options.json {
                say(&text);
            } else {
                // Clears what stood there before.
                let clear = if options.watch { "\x1b[2J\x1b[H" } else { "" };
                let status: Status = serde_json::from_str(&text).context("the answer cannot be read")?;
                say(&format!("{clear}{}", shown(&status.health)));
            }
            if !options.watch {
                return Ok(ExitCode::SUCCESS);
            }
            tokio::time::sleep(EVERY).await;
        }
    })
}

/// The control listener of the gateway that runs with this data folder.
fn address_of(options: &StatusOptions) -> anyhow::Result<String> {
    #[derive(Deserialize)]
    struct Addresses {
        admin: String,
    }
    let file = options.data_dir.join("addresses.json");
    let text = std::fs::read_to_string(&file).with_context(|| {
        format!(
            "no gateway runs with the data folder {}; name its control listener with --admin",
            options.data_dir.display()
        )
    })?;
    Ok(serde_json::from_str::<Addresses>(&text).context("addresses.json")?.admin)
}

async fn ask(address: &str) -> anyhow::Result<String> {
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .with_context(|| format!("no control listener answers at {address}"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request =
        http::Request::get("/status").header(http::header::HOST, address).body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    if !response.status().is_success() {
        bail!("the control listener at {address} answered with {}", response.status());
    }
    let body = Limited::new(response.into_body(), BYTES_MOST).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!("{error}"))?.to_bytes();
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// What is left of a credential's limits: of its models the one that is nearest to its end.
fn left(allowances: &[AllowanceReport]) -> String {
    let share = |left: &Left| left.left as f64 / left.limit.unwrap_or(left.left).max(1) as f64;
    let nearest = |unit: fn(&AllowanceReport) -> Option<Left>| {
        allowances.iter().filter_map(unit).min_by(|one, other| share(one).total_cmp(&share(other)))
    };
    let text = |left: Left, unit: &str| match left.limit {
        Some(limit) => format!("{}/{limit} {unit}", left.left),
        None => format!("{} {unit}", left.left),
    };
    let requests = nearest(|one| one.requests).map(|left| text(left, "requests"));
    let tokens = nearest(|one| one.tokens).map(|left| text(left, "tokens"));
    requests.into_iter().chain(tokens).collect::<Vec<_>>().join(", ")
}

fn shown(reports: &[HealthReport]) -> String {
    if reports.is_empty() {
        return "No deployment has been asked yet.".to_owned();
    }
    let mut rows = table(&[
        "provider",
        "model or credential",
        "state",
        "open",
        "up 5m",
        "up 30m",
        "up 1d",
        "first token p50",
        "p99",
        "total p50",
        "tokens/s p50",
        "left",
    ]);
    for column in 3..12 {
        if let Some(column) = rows.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let percent =
        |uptime: Uptime| uptime.success().map(|share| format!("{:.1} %", share * 100.0)).unwrap_or_default();
    let ms = |figures: Option<[u64; 4]>, place: usize| {
        figures.and_then(|all| all.get(place).copied()).map(|ms| format!("{ms} ms")).unwrap_or_default()
    };
    for report in reports {
        let called =
            if report.model.is_empty() { format!("· {}", report.credential) } else { report.model.clone() };
        let rate = report.tokens_per_second.and_then(|all| all.first().copied());
        rows.add_row([
            report.provider.clone(),
            called,
            report.state.clone(),
            report.open.to_string(),
            percent(report.uptime_5m),
            percent(report.uptime_30m),
            percent(report.uptime_1d),
            ms(report.first_token_ms, 0),
            ms(report.first_token_ms, 3),
            ms(report.total_ms, 0),
            rate.map(|rate| format!("{rate:.0}")).unwrap_or_default(),
            left(&report.allowances),
        ]);
    }
    rows.to_string()
}
