//! `yumen presets`: presets of the store.

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use yumen_config::{CheckedDocument, PresetTable, Snapshot, preset_document};
use yumen_store::{Store, StoredPreset};

use crate::cli::{PresetOptions, PresetsCommand, SetOptions, StoreOptions, remark, say, table};
use crate::settings;

/// Runs one of the commands.
pub fn run(options: &StoreOptions, command: PresetsCommand) -> anyhow::Result<ExitCode> {
    let source = settings::beside_store(options)?;
    let snapshot = source.read_or_fail()?;
    let url = snapshot.process.store_url.as_deref();
    // Without a file nobody knows here which models the gateway serves.
    let file = source.file.as_ref().map(|_| &snapshot);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = match &command {
            PresetsCommand::Set(_) => Store::open(&options.data_dir, url).await?,
            _ => Store::open_existing(&options.data_dir, url).await?,
        };
        let result = act(&store, command, file).await;
        store.close().await;
        result
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn act(store: &Store, command: PresetsCommand, file: Option<&Snapshot>) -> anyhow::Result<()> {
    let presets = store.presets();
    match command {
        PresetsCommand::Set(options) => set(store, &options, file).await,
        PresetsCommand::List { json } => list(store, file, json).await,
        PresetsCommand::Show { name, version, json } => show(store, &name, version, json).await,
        PresetsCommand::Use { name, version } => {
            let preset = presets.choose(&name, version).await?;
            say(&format!("`@preset/{name}` stands for `{name}@{version}`."));
            note_hidden(&preset, file);
            Ok(())
        }
        PresetsCommand::Remove { name } => {
            presets.remove(&name).await?;
            say(&format!("`@preset/{name}` is not served any more."));
            Ok(())
        }
    }
}

async fn set(store: &Store, options: &SetOptions, file: Option<&Snapshot>) -> anyhow::Result<()> {
    let document = settings::accepted(document(&options.document, file)?)?;
    let preset = store.presets().set(&options.name, &document.to_string()).await?;
    note_hidden(&preset, file);
    if options.json {
        say(&serde_json::to_string_pretty(&preset)?);
    } else {
        let StoredPreset { name, newest, .. } = &preset;
        say(&format!("`{name}@{newest}` is made, and `@preset/{name}` stands for it."));
    }
    Ok(())
}

fn document(options: &PresetOptions, file: Option<&Snapshot>) -> anyhow::Result<CheckedDocument> {
    let env = |name: &str| std::env::var(name).ok();
    Ok(match &options.file {
        Some(path) if path == Path::new("-") => {
            let mut text = String::new();
            std::io::stdin().lock().read_to_string(&mut text).context("standard input")?;
            preset_document(&text, "standard input", &env, file)
        }
        Some(path) => preset_document(&settings::read_text(path)?, &path.display().to_string(), &env, file),
        None => preset_document(&written(options).to_string(), "options", &env, file),
    })
}

/// The document that the options stand for. A `$` in them is a plain one: the shell has read them.
fn written(options: &PresetOptions) -> Value {
    let plain = |text: &String| json!(text.replace('$', "$$"));
    let parameters = [
        ("temperature", options.temperature.as_ref().map(plain)),
        ("max_tokens", options.max_tokens.map(|most| json!(most))),
        ("reasoning_effort", options.reasoning_effort.as_ref().map(plain)),
    ];
    let parameters: Map<String, Value> =
        parameters.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    let models: Vec<Value> = options.models.iter().map(plain).collect();
    let mut document = Map::new();
    document.extend((!models.is_empty()).then(|| ("models".to_owned(), Value::Array(models))));
    document.extend(options.system.as_ref().map(|system| ("system".to_owned(), plain(system))));
    document.extend((!parameters.is_empty()).then(|| ("parameters".to_owned(), Value::Object(parameters))));
    Value::Object(document)
}

/// Says so when the configuration has a preset of the same name.
fn note_hidden(preset: &StoredPreset, file: Option<&Snapshot>) {
    if file.is_some_and(|file| file.presets.contains_key(&*preset.name)) {
        let name = &preset.name;
        remark(&format!("note: the configuration has a preset `{name}`, which wins over that of the store"));
    }
}

async fn list(store: &Store, file: Option<&Snapshot>, as_json: bool) -> anyhow::Result<()> {
    let presets = store.presets().list().await?;
    let served = PresetTable::default().with_changes(store.watch().changes().await?.presets);
    if presets.is_empty() && !as_json {
        say("The store has no presets. `yumen presets set NAME` makes one.");
        return Ok(());
    }
    let mut rows = Vec::with_capacity(presets.len());
    let mut shown = table(&["name", "in use", "newest", "models", "state"]);
    for preset in presets {
        let kept = served.get(&*preset.name);
        let used = kept.and_then(|kept| kept.versions.get(&kept.used)?.as_ref().ok());
        let models: Vec<&str> = used.iter().flat_map(|used| &used.models).map(|model| &**model).collect();
        let fault = kept.and_then(|kept| match file {
            Some(file) => file.fault_of(&preset.name, kept),
            None => kept.version(&preset.name, None).err().map(|fault| fault.to_string()),
        });
        let state = match (preset.used, &fault) {
            (None, _) => "removed",
            (_, Some(fault)) => fault,
            _ => "served",
        };
        if as_json {
            let mut row = serde_json::to_value(&preset)?;
            if let Some(fields) = row.as_object_mut() {
                fields.insert("models".to_owned(), json!(models));
                fields.insert("state".to_owned(), json!(state));
            }
            rows.push(row);
        } else {
            shown.add_row([
                preset.name.as_str(),
                &preset.used.map(|used| used.to_string()).unwrap_or_default(),
                &preset.newest.to_string(),
                &models.join(", "),
                state,
            ]);
        }
    }
    say(&if as_json { serde_json::to_string_pretty(&rows)? } else { shown.to_string() });
    Ok(())
}

async fn show(store: &Store, name: &str, version: Option<u32>, as_json: bool) -> anyhow::Result<()> {
    let presets = store.presets();
    let preset = presets.find(name).await?;
    let version = version.or(preset.used).unwrap_or(preset.newest);
    let found = presets.version(name, version).await?;
    let document: Value = serde_json::from_str(&found.spec)?;
    let created_at = Timestamp::from_second(found.created_at)?;
    if as_json {
        let told = json!({ "name": name, "version": version, "used": preset.used, "newest": preset.newest,
            "created_at": created_at.to_string(), "preset": document });
        say(&serde_json::to_string_pretty(&told)?);
        return Ok(());
    }
    let used = match preset.used {
        Some(used) if used == version => "in use".to_owned(),
        Some(used) => format!("version {used} is in use"),
        None => "removed".to_owned(),
    };
    say(&format!("{name}@{version}, {used}, made at {created_at}"));
    say(&serde_json::to_string_pretty(&document)?);
    Ok(())
}
