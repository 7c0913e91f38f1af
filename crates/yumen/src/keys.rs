//! `yumen keys`: virtual keys of the store.

use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::{Value, json};
use yumen_config::routing_document;
use yumen_store::{KeySpec, NewKey, Store, StoredKey};

use crate::cli::{CreateOptions, KeysCommand, StoreOptions, say, table};
use crate::settings;

/// Runs one of the commands.
pub fn run(options: &StoreOptions, command: KeysCommand) -> anyhow::Result<ExitCode> {
    let url = settings::store_url(options)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Keys may be made before the first start; all else in a new store would only hide that the folder is wrong.
        let store = match &command {
            KeysCommand::Create(_) => Store::open(&options.data_dir, url.as_deref()).await?,
            _ => Store::open_existing(&options.data_dir, url.as_deref()).await?,
        };
        let result = act(&store, command).await;
        store.close().await;
        result
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn act(store: &Store, command: KeysCommand) -> anyhow::Result<()> {
    let keys = store.keys();
    match command {
        KeysCommand::Create(options) => {
            show_new(&keys.create(&options.name, &spec(&options)?).await?, options.json)
        }
        KeysCommand::List { json } => show_all(&keys.list().await?, json),
        KeysCommand::Disable { key } => {
            let key = keys.disable(&key).await?;
            say(&format!("`{}` ({}) is switched off.", key.name, key.id));
            Ok(())
        }
        KeysCommand::Enable { key } => {
            let key = keys.enable(&key).await?;
            say(&format!("`{}` ({}) is switched on.", key.name, key.id));
            Ok(())
        }
        KeysCommand::Rotate { key, grace, json } => {
            show_new(&keys.rotate(&key, grace.unwrap_or_default()).await?, json)
        }
    }
}

/// What a key is to allow.
fn spec(options: &CreateOptions) -> anyhow::Result<KeySpec> {
    let models = if options.models.is_empty() { vec!["*".to_owned()] } else { options.models.clone() };
    Ok(KeySpec {
        models,
        access: options.access.clone(),
        expires_at: options.expires,
        requests_per_minute: options.requests_per_minute,
        concurrency: options.concurrency,
        routing: options.routing.as_deref().map(routing).transpose()?,
        tags: options.tags.clone(),
        heal_json: options.heal_json,
    })
}

/// Preferences in a file, or in place.
fn routing(given: &str) -> anyhow::Result<Value> {
    let env = |name: &str| std::env::var(name).ok();
    settings::accepted(match given.trim_start().starts_with('{') {
        true => routing_document(given, "--routing", &env),
        false => routing_document(&settings::read_text(Path::new(given))?, given, &env),
    })
}

fn show_new(new: &NewKey, as_json: bool) -> anyhow::Result<()> {
    let secret = new.secret.expose();
    if as_json {
        let mut shown = serde_json::to_value(&new.key)?;
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("secret".to_owned(), json!(secret));
        }
        say(&serde_json::to_string_pretty(&shown)?);
        return Ok(());
    }
    say(&format!("{secret}\n"));
    say(&format!(
        "This is the secret of `{}` ({}). It is shown only now: the store keeps a hash of it.",
        new.key.name, new.key.id
    ));
    Ok(())
}

fn show_all(keys: &[StoredKey], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        say(&serde_json::to_string_pretty(keys)?);
        return Ok(());
    }
    if keys.is_empty() {
        say("The store has no virtual keys. `yumen keys create NAME` makes one.");
        return Ok(());
    }
    let mut table = table(&[
        "id",
        "name",
        "secret",
        "models",
        "access",
        "tags",
        "per minute",
        "at once",
        "expires",
        "state",
    ]);
    for key in keys {
        let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
        let expired = key.spec.expires_at.is_some_and(|at| at <= Timestamp::now().as_second());
        let state = if key.disabled {
            "off"
        } else if expired {
            "expired"
        } else {
            "on"
        };
        table.add_row([
            key.id.clone(),
            key.name.clone(),
            key.prefix.clone(),
            key.spec.models.join(", "),
            key.spec.access.join(", "),
            key.spec.tags.join(", "),
            number(key.spec.requests_per_minute),
            number(key.spec.concurrency),
            key.spec
                .expires_at
                .and_then(|at| Timestamp::from_second(at).ok())
                .map(|at| at.to_string())
                .unwrap_or_default(),
            state.to_owned(),
        ]);
    }
    say(&table.to_string());
    Ok(())
}
