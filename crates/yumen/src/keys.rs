//! `yumen keys`: virtual keys of the store.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use serde_json::json;
use yumen_store::{KeySpec, NewKey, Store, StoredKey};

use crate::cli::{KeysCommand, say};
use crate::list::table;

/// Runs one of the commands.
pub fn run(data_dir: &Path, command: KeysCommand) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = Store::open(data_dir, None).await?;
        let result = act(&store, command).await;
        store.close().await;
        result
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn act(store: &Store, command: KeysCommand) -> anyhow::Result<()> {
    let keys = store.keys();
    match command {
        KeysCommand::Create { name, models, expires, requests_per_minute, concurrency, json } => {
            let models = if models.is_empty() { vec!["*".to_owned()] } else { models };
            let expires_at = expires.as_deref().map(moment).transpose().context("--expires")?;
            let spec = KeySpec { models, expires_at, requests_per_minute, concurrency };
            show_new(&keys.create(&name, &spec).await?, json)
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
            let grace = grace.as_deref().map(duration).transpose().context("--grace")?.unwrap_or_default();
            show_new(&keys.rotate(&key, grace).await?, json)
        }
    }
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
    say(&format!("This is the secret of `{}` ({}). It is shown only now: the store keeps a hash of it.", new.key.name, new.key.id));
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
    let mut table = table(&["id", "name", "secret", "models", "per minute", "at once", "expires", "state"]);
    for key in keys {
        let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
        let expired = key.spec.expires_at.is_some_and(|at| at <= Timestamp::now().as_second());
        let state = if key.disabled { "off" } else if expired { "expired" } else { "on" };
        table.add_row([
            key.id.clone(),
            key.name.clone(),
            key.prefix.clone(),
            key.spec.models.join(", "),
            number(key.spec.requests_per_minute),
            number(key.spec.concurrency),
            key.spec.expires_at.and_then(|at| Timestamp::from_second(at).ok()).map(|at| at.to_string()).unwrap_or_default(),
            state.to_owned(),
        ]);
    }
    say(&table.to_string());
    Ok(())
}

/// A moment in Unix seconds: a time, or how long it is until then.
fn moment(text: &str) -> anyhow::Result<i64> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.as_second());
    }
    let after = duration(text).context("write a time such as 2027-01-31T00:00:00Z, or how long it lasts, such as 30d")?;
    Ok(Timestamp::now().as_second().saturating_add(i64::try_from(after.as_secs())?))
}

/// A duration such as `90s`, `30m`, `24h`, `7d`, `2w`.
pub fn duration(text: &str) -> anyhow::Result<Duration> {
    let digits = text.trim_end_matches(|last: char| last.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or_default();
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => bail!("`{text}` is no duration: write 90s, 30m, 24h, 7d or 2w"),
    };
    let number: u64 = digits.parse().with_context(|| format!("`{text}` is no duration: write 90s, 30m, 24h, 7d or 2w"))?;
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("24h").unwrap(), Duration::from_secs(86_400));
        assert_eq!(duration("2w").unwrap(), Duration::from_secs(1_209_600));
        for bad in ["", "h", "24", "-1h", "1y", "1.5h", "٣h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn moments() {
        assert_eq!(moment("2027-01-31T00:00:00Z").unwrap(), 1_801_353_600);
        assert!(moment("30d").unwrap() > Timestamp::now().as_second());
        assert!(moment("tomorrow").is_err());
    }
}
