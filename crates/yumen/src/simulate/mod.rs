//! `yumen simulate`: what another configuration would have made of recorded exchanges.
//!
//! In: records of the store, in pages, and configurations. Out: a report for people or as JSON. Nothing is sent, and a running
//! gateway feels nothing of it.

mod show;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;
use jiff::Timestamp;
use serde_json::{Value, json};
use yumen_config::{KeyHasher, PresetTable, Severity, Snapshot};
use yumen_gateway::simulate::{Report, Seen, Simulation};
use yumen_store::{SPOOL_FOLDER, Store, StoreChanges, StoreError};
use yumen_telemetry::ExchangeRecord;

use crate::cli::{SettingsOptions, SimulateOptions, complain, remark, say};
use crate::settings::{Source, with_store};

/// Records that are held at the same time.
const PAGE: u32 = 5000;
/// After so long it is told how far it is.
const QUIET: Duration = Duration::from_secs(1);

/// Which records are replayed.
struct Span {
    us: (i64, i64),
    /// Those behind this id.
    after: String,
}

/// Prints what the configuration would have changed.
pub fn run(options: &SimulateOptions) -> anyhow::Result<ExitCode> {
    let now_us = Timestamp::now().as_microsecond();
    let us = (options.since, options.until.unwrap_or(now_us.saturating_add(1)));
    if us.0 >= us.1 {
        bail!("--since is not before --until");
    }
    let settings = read(&options.settings)?;
    let baseline = options
        .baseline
        .as_ref()
        .map(|file| read(&SettingsOptions { config: Some(file.clone()), ..options.settings.clone() }));
    let baseline = baseline.transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (report, is_cut, waiting) = runtime.block_on(async {
        let url = settings.process.store_url.as_deref();
        let data_dir = &options.settings.data_dir;
        let store = Store::open_existing(data_dir, url).await?;
        let told = simulate(&store, options, us, &settings, baseline.as_ref()).await;
        let waiting = store.waiting_records(&data_dir.join(SPOOL_FOLDER)).await;
        store.close().await;
        let (report, is_cut) = told?;
        Ok::<_, StoreError>((report, is_cut, waiting?))
    })?;
    if waiting > 0 {
        remark(&format!("note: {waiting} records wait in the spool and are not replayed"));
    }
    if is_cut {
        let limit = options.limit;
        remark(&format!("note: there are more records than --limit {limit}; only the newest are replayed"));
    }
    if options.json {
        say(&serde_json::to_string_pretty(&as_json(&report, us, is_cut)?)?);
    } else {
        show::show(&report, us);
    }
    Ok(verdict(&report, options.fail_if_cost_above))
}

/// A configuration, checked as `yumen check` does it: with an error it is not simulated.
fn read(options: &SettingsOptions) -> anyhow::Result<Snapshot> {
    let source = Source::find(options)?;
    source.notes.iter().for_each(|note| remark(note));
    let checked = source.parse(source.text()?.as_deref(), &KeyHasher::new([0; 32]), None);
    checked.diagnostics.iter().for_each(|diagnostic| remark(&diagnostic.to_string()));
    let is_wrong = checked.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    match checked.snapshot.filter(|_| !is_wrong) {
        Some(snapshot) => Ok(snapshot),
        None => bail!("the configuration has errors, so it is not simulated"),
    }
}

/// Reads the records twice: what they tell of deployments first, then each exchange.
async fn simulate(
    store: &Store,
    options: &SimulateOptions,
    us: (i64, i64),
    settings: &Snapshot,
    baseline: Option<&Snapshot>,
) -> Result<(Report, bool), StoreError> {
    let StoreChanges { keys, presets } = store.watch().changes().await?;
    let presets = PresetTable::default().with_changes(presets);
    let settings = with_store(settings, &keys, &presets);
    let baseline = baseline.map(|baseline| with_store(baseline, &keys, &presets));
    let after = store.newest_records(us, options.limit).await?;
    let is_cut = after.is_some();
    let span = Span { us, after: after.unwrap_or_default() };
    let mut seen = Seen::new(us.0, us.1, options.seed);
    walk(store, &span, "read", |record| seen.observe(record)).await?;
    let mut simulation = Simulation::new(&settings, &seen, options.seed);
    let mut beside = baseline.as_ref().map(|baseline| Simulation::new(baseline, &seen, options.seed));
    walk(store, &span, "replayed", |record| {
        simulation.replay(record);
        if let Some(beside) = &mut beside {
            beside.replay(record);
        }
    })
    .await?;
    Ok((simulation.report(beside), is_cut))
}

/// Hands on each record of a span of time, the oldest first.
async fn walk(
    store: &Store,
    span: &Span,
    done: &str,
    mut take: impl FnMut(&ExchangeRecord),
) -> Result<(), StoreError> {
    let began = Instant::now();
    let mut progress = Progress { is_shown: false, can_show: std::io::stderr().is_terminal() };
    let (mut after, mut count) = (span.after.clone(), 0_u64);
    loop {
        let page = store.records(span.us, &after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        count += page.len() as u64;
        page.iter().for_each(&mut take);
        if began.elapsed() >= QUIET {
            progress.tell(&format!("{count} records {done}"));
        }
        if page.len() < PAGE as usize {
            break;
        }
    }
    Ok(())
}

/// One line at a terminal that is written anew, and taken away in the end.
struct Progress {
    is_shown: bool,
    can_show: bool,
}

impl Progress {
    fn tell(&mut self, text: &str) {
        if self.can_show {
            self.is_shown = true;
            let mut stderr = std::io::stderr().lock();
            let _ = write!(stderr, "\r\x1b[K{text}");
            let _ = stderr.flush();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}

fn as_json(report: &Report, us: (i64, i64), is_cut: bool) -> anyhow::Result<Value> {
    let mut told = serde_json::to_value(report)?;
    if let Some(fields) = told.as_object_mut() {
        let time = |us: i64| Timestamp::from_microsecond(us).ok().map(|time| time.to_string());
        fields.insert("since".to_owned(), json!(time(us.0)));
        fields.insert("until".to_owned(), json!(time(us.1)));
        fields.insert("limit_reached".to_owned(), json!(is_cut));
    }
    Ok(told)
}

/// Whether the cost rises by no more than was allowed.
fn verdict(report: &Report, percent: Option<u32>) -> ExitCode {
    let Some(percent) = percent else { return ExitCode::SUCCESS };
    let (before, after) = (u128::from(report.before.cost_nanos), u128::from(report.after.cost_nanos));
    if after * 100 <= before * (100 + u128::from(percent)) {
        return ExitCode::SUCCESS;
    }
    complain(&format!("the cost would rise by more than {percent} %"));
    ExitCode::FAILURE
}
