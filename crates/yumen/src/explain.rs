//! `yumen route` and `yumen explain`: where a request would go, and where one has gone.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde_json::Value;
use yumen_config::{PresetTable, Snapshot, VirtualKey};
use yumen_gateway::explain;
use yumen_store::{SPOOL_FOLDER, Store, StoreChanges, StoreError};
use yumen_telemetry::ExchangeRecord;

use crate::cli::{ExplainOptions, RouteOptions, SettingsOptions, remark, say, table};
use crate::settings::{self, Source};
use crate::usage::dollars;

/// Prints what would be done with a request; nothing is sent.
pub fn route(options: &RouteOptions) -> anyhow::Result<ExitCode> {
    let snapshot = settings_with_store(&options.settings)?;
    let body = read(&options.request)?;
    let mut request = http::Request::post(&options.path);
    for header in &options.header {
        let (name, value) = header.split_once(':').context("a header is written as `name: value`")?;
        request = request.header(name.trim(), value.trim());
    }
    let (head, ()) = request.body(()).context("the path or a header cannot be sent")?.into_parts();
    let key = key(&snapshot, options.key.as_deref())?;
    let told =
        explain(&snapshot, &key, &head, body.into()).map_err(|refused| anyhow::anyhow!("{refused}"))?;
    if options.json {
        say(&serde_json::to_string_pretty(&told)?);
    } else {
        show_plan(&told, options.explain);
    }
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut body = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut body)?;
        return Ok(body);
    }
    std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// The settings with the keys and presets of the store, if there is one in the data folder.
fn settings_with_store(options: &SettingsOptions) -> anyhow::Result<Snapshot> {
    let snapshot = Source::find(options)?.read_or_fail()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let changes = runtime.block_on(async {
        let url = snapshot.process.store_url.as_deref();
        let store = Store::open_existing(&options.data_dir, url).await?;
        let changes = store.watch().changes().await;
        store.close().await;
        changes
    });
    match changes {
        Ok(StoreChanges { keys, presets }) => {
            let presets = PresetTable::default().with_changes(presets);
            Ok(settings::with_store(&snapshot, &keys, &presets))
        }
        Err(StoreError::NoStore { .. } | StoreError::Address(_)) => Ok(snapshot),
        Err(error) => {
            remark(&format!("note: keys and presets of the store are not known here: {error}"));
            Ok(snapshot)
        }
    }
}

/// The virtual key of this name; without a name one that may do everything.
fn key(snapshot: &Snapshot, name: Option<&str>) -> anyhow::Result<VirtualKey> {
    let Some(name) = name else { return Ok(VirtualKey::for_all()) };
    let called = snapshot.keys.iter().map(|(_, key)| key).filter(|key| *key.name == *name);
    // A key of the configuration comes first: the store may have one of the same name.
    match called.min_by_key(|key| !key.id.starts_with("file:")) {
        Some(key) => Ok((**key).clone()),
        None => bail!("no virtual key is called `{name}`"),
    }
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn rows<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn show_plan(told: &Value, explains: bool) {
    let tokens = told.get("prompt_tokens_estimated").and_then(Value::as_u64).unwrap_or(0);
    let names: Vec<&str> = rows(told, "models").filter_map(Value::as_str).collect();
    say(&format!("{} by `{}`, about {tokens} prompt tokens", names.join(", "), text(told, "strategy")));
    let rule = Some(text(told, "rule")).filter(|rule| !rule.is_empty());
    if let Some(rule) = rule {
        say(&format!("by the rule `{rule}`"));
    }
    for failed in rows(told, "failed_rules").filter_map(Value::as_str) {
        say(&format!("the rule `{failed}` failed and was passed over"));
    }
    if !text(told, "preset").is_empty() {
        say(&format!("with the preset `{}`", text(told, "preset")));
    }
    let mut plan = table(&["#", "provider", "model", "dialect", "expected $", "after others because of"]);
    for (number, step) in rows(told, "plan").enumerate() {
        let same = |one: &&Value| {
            text(one, "provider") == text(step, "provider") && text(one, "model") == text(step, "model")
        };
        let behind = rows(told, "behind").find(same).map_or("", |one| text(one, "because"));
        plan.add_row([
            (number + 1).to_string().as_str(),
            text(step, "provider"),
            text(step, "model"),
            text(step, "dialect"),
            text(step, "expected_cost_usd"),
            behind,
        ]);
    }
    say(&plan.to_string());
    if explains {
        let mut out = table(&["provider", "model", "not tried because of"]);
        let mut any = false;
        for one in rows(told, "out") {
            any = true;
            out.add_row([text(one, "provider"), text(one, "model"), text(one, "because")]);
        }
        if any {
            say(&out.to_string());
        }
    }
}

/// Prints how an exchange was routed and what was tried.
pub fn exchange(options: &ExplainOptions) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let url = settings::store_url(&options.store)?;
    let (record, waiting) = runtime.block_on(async {
        let store = Store::open_existing(&options.store.data_dir, url.as_deref()).await?;
        let record = store.generation(&options.id, None).await;
        let waiting = store.waiting_records(&options.store.data_dir.join(SPOOL_FOLDER)).await;
        store.close().await;
        Ok::<_, StoreError>((record?, waiting?))
    })?;
    let Some(record) = record else {
        let hint =
            if waiting > 0 { format!("; {waiting} records still wait in the spool") } else { String::new() };
        bail!("there is no record `{}`{hint}", options.id);
    };
    if options.json {
        say(&serde_json::to_string_pretty(&record)?);
    } else {
        show_record(&record);
    }
    Ok(ExitCode::SUCCESS)
}

fn ms(us: u64) -> String {
    format!("{}.{:03} ms", us / 1000, us % 1000)
}

fn show_record(record: &ExchangeRecord) {
    let served = record.provider.as_deref().unwrap_or("nobody");
    let cost = record.cost_nanos.map_or_else(
        || "unknown".to_owned(),
        |nanos| format!("${}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000),
    );
    say(&format!(
        "{} {} · {} → {served} {} · status {} · {} · cost {cost}",
        record.operation,
        record.model_requested,
        record.outcome.as_str(),
        record.model_served.as_deref().unwrap_or_default(),
        record.status,
        ms(record.total_us),
    ));
    if let Some(route) = &record.route {
        let sticky = if route.sticky { ", where its session was" } else { "" };
        let rule = route.rule.as_ref().map(|rule| format!(", by the rule `{rule}`")).unwrap_or_default();
        say(&format!("chosen by `{}`{sticky}{rule}", route.strategy));
        for failed in &route.failed_rules {
            say(&format!("the rule `{failed}` failed and was passed over"));
        }
        if let Some(preset) = &route.preset {
            say(&format!("with the preset `{preset}`"));
        }
        let mut considered = table(&["provider", "model", "not tried because of", "after others because of"]);
        for one in &route.considered {
            let because = |word: &Option<String>| word.clone().unwrap_or_default();
            considered.add_row([
                one.provider.clone(),
                one.model.clone(),
                because(&one.out),
                because(&one.behind),
            ]);
        }
        say(&considered.to_string());
    }
    if let Some(shadow) = &record.shadow {
        let read = if shadow.compared.is_some() { "compared" } else { "not compared" };
        say(&format!("a copy of {} for the alias `{}`, {read}", shadow.of, shadow.alias));
    }
    show_tries(record);
}

fn show_tries(record: &ExchangeRecord) {
    let mut tries =
        table(&["try", "provider", "model", "credential", "status", "failed by", "began", "took"]);
    for (number, attempt) in record.attempts.iter().enumerate() {
        tries.add_row([
            (number + 1).to_string(),
            attempt.provider.clone(),
            attempt.model.clone(),
            attempt.credential.clone(),
            attempt.status.map(|status| status.to_string()).unwrap_or_default(),
            attempt.cause.clone().unwrap_or_default(),
            ms(attempt.started_us),
            ms(attempt.duration_us),
        ]);
    }
    say(&tries.to_string());
    for (number, attempt) in record.attempts.iter().enumerate() {
        let try_ = number + 1;
        if attempt.rescue {
            say(&format!("try {try_} went on with the answer that had broken off before it"));
        }
        if let Some(tokens) = &attempt.tokens {
            let cost = attempt.cost_nanos.map(|nanos| format!(" (${})", dollars(nanos))).unwrap_or_default();
            say(&format!(
                "try {try_} used {} and {} tokens{cost}, which are in the sum",
                tokens.input, tokens.output
            ));
        }
    }
}
