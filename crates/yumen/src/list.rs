//! `yumen models` and `yumen providers`: what can be asked for.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use comfy_table::CellAlignment;
use serde_json::{Value, json};
use yumen_config::{Day, Deployment, Listed, ModelPatterns, ModelQuery, PerToken, Price, Snapshot, Word};

use crate::cli::{ModelsOptions, SettingsOptions, remark, say, table};
use crate::settings::Source;

/// How long servers may take to say which models they have.
const SERVERS_MOST: Duration = Duration::from_secs(5);

/// Prints the models of the configured providers.
pub fn models(options: &ModelsOptions) -> anyhow::Result<ExitCode> {
    let source = Source::find(&options.settings)?;
    let mut snapshot = source.read_or_fail()?;
    if !options.no_discovery {
        snapshot = with_servers_models(&snapshot)?;
    }
    let mut query = ModelQuery::default();
    for (name, value) in options.query.pairs() {
        query
            .set(name, value)
            .map_err(|error| anyhow::anyhow!("--{}: {}", error.parameter.replace('_', "-"), error.message))?;
    }
    query.set("q", options.filter.as_deref().unwrap_or_default())?;
    let models =
        query.page(snapshot.listed(&ModelPatterns::all()), jiff::Timestamp::now().as_second()).models;
    let rows =
        models.iter().flat_map(|model| model.deployments().map(move |deployment| (*model, deployment)));
    if options.json {
        let rows: Vec<_> = rows.map(|(model, deployment)| as_json(model, deployment)).collect();
        say(&serde_json::to_string_pretty(&rows)?);
        return Ok(ExitCode::SUCCESS);
    }
    if models.is_empty() {
        say(
            "No configured provider serves such a model. `yumen providers` shows which variables configure them.",
        );
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = table(&["model", "provider", "reads", "context", "max output", "$ in / M", "$ out / M"]);
    for column in 3..7 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for (model, deployment) in rows {
        let served = &deployment.model;
        let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        let [input, output] = served.price.as_ref().map(shown).unwrap_or_default();
        table.add_row([
            model.name.to_owned(),
            deployment.provider.id.to_string(),
            words(deployment.input().iter()).join(" "),
            number(served.context),
            number(served.max_output),
            input,
            output,
        ]);
    }
    say(&table.to_string());
    Ok(ExitCode::SUCCESS)
}

/// The same settings with what the servers of providers say of their own models now. One that says nothing is named, and what is
/// configured of it stays.
fn with_servers_models(snapshot: &Snapshot) -> anyhow::Result<Snapshot> {
    if snapshot.providers.values().all(|provider| provider.model_source.is_none()) {
        return Ok(snapshot.clone());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let told = runtime.block_on(yumen_gateway::discover_once(snapshot, SERVERS_MOST));
    let mut discovered = BTreeMap::new();
    for (provider, told) in told {
        match told {
            Ok(models) => drop(discovered.insert(provider, models)),
            Err(error) => remark(&format!("{provider}: its server does not say its models: {error}")),
        }
    }
    Ok(snapshot.with_discovered(&discovered))
}

/// One deployment of a model; what is not known is null.
fn as_json(model: Listed<'_>, deployment: &Deployment) -> serde_json::Value {
    let served = &deployment.model;
    let facts = &served.facts;
    let text = |day: Option<Day>| day.map(|day| day.to_string());
    let price = served.price.map(|price| {
        let special = |price: Option<PerToken>| price.map(|price| price.to_string());
        let long = price.long.map(|long| {
            json!({ "above": long.above, "input": long.input.to_string(), "output": long.output.to_string() })
        });
        json!({
            "input": price.input.to_string(), "output": price.output.to_string(),
            "cache_read": special(price.cache_read), "cache_write": special(price.cache_write),
            "cache_write_1h": special(price.cache_write_1h), "reasoning": special(price.reasoning), "long": long,
            "batch": price.batch.map(|batch| json!({ "input": batch.input.to_string(), "output": batch.output.to_string() })),
            "characters": special(price.units.characters), "image_input": special(price.units.image_input),
            "audio_input": special(price.units.audio_input), "image_output": special(price.units.image_output),
            "audio_output": special(price.units.audio_output),
        })
    });
    json!({
        "name": model.name, "title": model.title(), "provider": deployment.provider.id,
        "native_id": served.native_id, "context": served.context, "max_output": served.max_output,
        "input_modalities": words(deployment.input().iter()), "output_modalities": deployment.outputs(),
        "supported_parameters": words(deployment.parameters().iter()),
        "released": text(facts.released), "knowledge_cutoff": text(facts.knowledge),
        "expiration_date": text(facts.deprecated), "open_weights": facts.open_weights,
        "license": facts.licence, "distillable": facts.distillable, "usd_per_million": price,
        "usd_each": served.price.as_ref().map(each).filter(|each| each != &json!({})),
    })
}

fn words<W: Word>(words: impl Iterator<Item = W>) -> Vec<&'static str> {
    words.map(Word::word).collect()
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

/// What is charged for each single unit.
fn each(price: &Price) -> Value {
    let units = &price.units;
    let all = [
        ("image", units.image),
        ("audio_hour", units.audio_hour),
        ("search", units.search),
        ("video_second", units.video_second),
        ("web_search", units.web_search),
    ];
    all.into_iter().filter_map(|(name, price)| Some((name.to_owned(), price?.dollars()))).collect()
}

/// What a table has room for of a price: what tokens cost on either side, else what the unit costs that it is sold by.
fn shown(price: &Price) -> [String; 2] {
    let units = &price.units;
    let each = |price: Option<PerToken>, unit: &str| Some(format!("{}/{unit}", price?.dollars()));
    let by_unit = each(units.image, "picture")
        .or_else(|| each(units.audio_hour, "hour"))
        .or_else(|| each(units.search, "search"))
        .or_else(|| each(units.video_second, "second"))
        .or_else(|| Some(format!("{}/M characters", units.characters?)));
    match by_unit.filter(|_| price.input == PerToken::default()) {
        Some(by_unit) => [by_unit, String::new()],
        None => [price.input.to_string(), price.output.to_string()],
    }
}
