//! `yumen models` and `yumen providers`: what can be asked for.

use std::process::ExitCode;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, Table};
use serde_json::json;
use yumen_config::{PerToken, TargetKind};

use crate::cli::{SettingsOptions, say};
use crate::settings::Source;

/// Prints the models of the configured providers.
pub fn models(filter: Option<&str>, options: &SettingsOptions, as_json: bool) -> anyhow::Result<ExitCode> {
    let source = Source::find(options)?;
    let snapshot = source.read_or_fail()?;
    let filter = filter.unwrap_or_default().to_lowercase();
    let mut targets: Vec<_> = snapshot
        .models
        .values()
        .filter(|target| {
            matches!(target.kind, TargetKind::Alias | TargetKind::Canonical) || is_only_name(target)
        })
        .filter(|target| target.name.to_lowercase().contains(&filter))
        .collect();
    targets.sort_by(|a, b| a.name.cmp(&b.name));
    if as_json {
        let rows: Vec<_> = targets
            .iter()
            .flat_map(|target| target.deployments.items().iter().map(move |deployment| (target, deployment)))
            .map(|(target, deployment)| {
                let model = &deployment.model;
                let price = model
                    .price
                    .map(|price| json!({ "input": dollars(price.input), "output": dollars(price.output) }));
                json!({ "name": target.name, "provider": deployment.provider.id, "native_id": model.native_id,
                        "context": model.context, "max_output": model.max_output, "usd_per_million": price })
            })
            .collect();
        say(&serde_json::to_string_pretty(&rows)?);
        return Ok(ExitCode::SUCCESS);
    }
    if targets.is_empty() {
        say(
            "No configured provider serves such a model. `yumen providers` shows which variables configure them.",
        );
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = table(&["model", "provider", "context", "max output", "$ in / M", "$ out / M"]);
    for column in 2..6 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for target in targets {
        for deployment in target.deployments.items() {
            let model = &deployment.model;
            let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
            table.add_row([
                target.name.to_string(),
                deployment.provider.id.to_string(),
                number(model.context),
                number(model.max_output),
                model.price.map(|price| dollars(price.input)).unwrap_or_default(),
                model.price.map(|price| dollars(price.output)).unwrap_or_default(),
            ]);
        }
    }
    say(&table.to_string());
    Ok(ExitCode::SUCCESS)
}

/// Prints all known providers.
pub fn providers(options: &SettingsOptions, as_json: bool) -> anyhow::Result<ExitCode> {
    let source = Source::find(options)?;
    let snapshot = source.read_or_fail()?;
    let rows = source.catalogue.providers.values().map(|definition| {
        let configured: Vec<String> = snapshot
            .providers
            .values()
            .filter(|provider| *provider.kind == *definition.id)
            .map(|provider| provider.id.to_string())
            .collect();
        let variables: Vec<String> = definition
            .credential
            .iter()
            .flat_map(|usual| usual.env.iter().chain(&usual.file_env))
            .cloned()
            .collect();
        (definition, configured, variables)
    });
    if as_json {
        let rows: Vec<_> = rows
            .map(|(definition, configured, variables)| {
                json!({ "id": definition.id, "name": definition.name, "base_url": definition.base_url,
                        "dialects": definition.dialects.keys().collect::<Vec<_>>(), "env": variables,
                        "models": definition.models.len(), "configured_as": configured })
            })
            .collect();
        say(&serde_json::to_string_pretty(&rows)?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = table(&["provider", "name", "models", "variable", "configured as"]);
    for (definition, configured, variables) in rows {
        table.add_row([
            definition.id.clone(),
            definition.name.clone(),
            definition.models.len().to_string(),
            variables.first().cloned().unwrap_or_default(),
            configured.join(", "),
        ]);
    }
    say(&table.to_string());
    Ok(ExitCode::SUCCESS)
}

/// An empty table in the house's look.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_header(header);
    table
}

/// A model whose only public name is its provider's own.
fn is_only_name(target: &yumen_config::ModelTarget) -> bool {
    target.kind == TargetKind::Qualified
        && target.deployments.items().iter().all(|deployment| deployment.model.canonical_id.is_none())
}

/// Dollars per million tokens, without trailing zeros.
fn dollars(price: PerToken) -> String {
    let text = format!("{}.{:09}", price.0 / 1_000_000_000, price.0 % 1_000_000_000);
    let trimmed = text.trim_end_matches('0').trim_end_matches('.');
    trimmed.to_owned()
}
