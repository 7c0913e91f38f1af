//! `yumen keys`: virtual keys of the store.

use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::{Value, json};
use yumen_config::routing_document;
use yumen_store::{KeySpec, NewKey, Store, StoredKey};

use crate::cli::{Allows, Cleared, KeysCommand, StoreOptions, say, table};
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
            let routing = routing(&options.allows)?;
            let spec = changed(KeySpec::default(), &options.allows, routing);
            show_new(&keys.create(&options.name, &spec).await?, options.json)
        }
        KeysCommand::Update(options) => {
            let routing = routing(&options.allows)?;
            let change = |was| changed(without(was, &options.clear), &options.allows, routing);
            let key = keys.update(&options.key, options.name.as_deref(), change).await?;
            if options.json {
                say(&serde_json::to_string_pretty(&key)?);
                return Ok(());
            }
            show_all(&[key], false)
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

/// What a key allows, with what was given in its place.
fn changed(was: KeySpec, given: &Allows, routing: Option<Value>) -> KeySpec {
    let words = |given: &Vec<String>, was| if given.is_empty() { was } else { given.clone() };
    KeySpec {
        models: words(&given.models, was.models),
        access: words(&given.access, was.access),
        expires_at: given.expires.or(was.expires_at),
        requests_per_minute: given.requests_per_minute.or(was.requests_per_minute),
        concurrency: given.concurrency.or(was.concurrency),
        routing: routing.or(was.routing),
        tags: words(&given.tags, was.tags),
        team: given.team.clone().or(was.team),
        heal_json: given.heal_json.or(was.heal_json),
    }
}

/// What a key allows, without what is to be as if it had never been given.
fn without(mut spec: KeySpec, cleared: &[Cleared]) -> KeySpec {
    for what in cleared {
        match what {
            Cleared::Models => spec.models = KeySpec::default().models,
            Cleared::Access => spec.access.clear(),
            Cleared::Expires => spec.expires_at = None,
            Cleared::RequestsPerMinute => spec.requests_per_minute = None,
            Cleared::Concurrency => spec.concurrency = None,
            Cleared::Routing => spec.routing = None,
            Cleared::Tags => spec.tags.clear(),
            Cleared::Team => spec.team = None,
            Cleared::HealJson => spec.heal_json = None,
        }
    }
    spec
}

/// Preferences in a file, or in place.
fn routing(given: &Allows) -> anyhow::Result<Option<Value>> {
    let Some(given) = given.routing.as_deref() else { return Ok(None) };
    let env = |name: &str| std::env::var(name).ok();
    let read = match given.trim_start().starts_with('{') {
        true => routing_document(given, "--routing", &env),
        false => routing_document(&settings::read_text(Path::new(given))?, given, &env),
    };
    settings::accepted(read).map(Some)
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
        "team",
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
            key.spec.team.clone().unwrap_or_default(),
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
