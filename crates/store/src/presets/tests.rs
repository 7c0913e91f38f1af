use yumen_config::{NoPreset, PresetTable, StorePreset};

use super::*;
use crate::Store;

async fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), None).await.unwrap();
    (dir, store)
}

fn spec(model: &str) -> String {
    format!(r#"{{"model":"{model}"}}"#)
}

fn model(preset: &StorePreset, version: u32) -> &str {
    preset.versions.get(&version).unwrap().as_ref().unwrap().models.first().unwrap()
}

#[tokio::test]
async fn versions_are_counted_and_never_used_again() {
    let (_dir, store) = store().await;
    let presets = store.presets();
    for (number, model) in [(1, "a"), (2, "b"), (3, "c")] {
        let set = presets.set("coder", &spec(model)).await.unwrap();
        assert_eq!((set.used, set.newest), (Some(number), number));
    }
    let back = presets.choose("coder", 1).await.unwrap();
    assert_eq!((back.used, back.newest), (Some(1), 3));
    assert!(
        matches!(presets.choose("coder", 9).await, Err(StoreError::NoSuchPreset(name)) if name == "coder@9")
    );
    assert_eq!(presets.remove("coder").await.unwrap().used, None);
    assert_eq!(presets.version("coder", 2).await.unwrap().spec, spec("b"), "it stays known");
    assert_eq!(presets.set("coder", &spec("d")).await.unwrap().used, Some(4));
    assert_eq!(presets.list().await.unwrap(), [presets.find("coder").await.unwrap()]);
    assert!(matches!(presets.find("none").await, Err(StoreError::NoSuchPreset(_))));
    assert!(matches!(presets.remove("none").await, Err(StoreError::NoSuchPreset(_))));
}

#[tokio::test]
async fn a_running_server_sees_what_another_process_changes() {
    let (dir, server) = store().await;
    server.presets().set("coder", &spec("a")).await.unwrap();
    server.presets().set("other", &spec("x")).await.unwrap();
    let mut watch = server.watch();
    let mut table = PresetTable::default().with_changes(watch.changes().await.unwrap().presets);
    assert_eq!((table.len(), model(table.get("coder").unwrap(), 1)), (2, "a"));
    assert!(watch.changes().await.unwrap().is_empty());

    let other = Store::open(dir.path(), None).await.unwrap();
    other.presets().set("coder", &spec("b")).await.unwrap();
    other.presets().set("coder", &spec("c")).await.unwrap();
    let changes = watch.next().await.presets;
    assert_eq!(changes.len(), 1, "only what changed");
    assert_eq!(changes.first().unwrap().added.len(), 2, "and only its new versions");
    table = table.with_changes(changes);
    let coder = Arc::clone(table.get("coder").unwrap());
    assert_eq!((coder.used, coder.versions.len(), model(&coder, 2)), (3, 3, "b"));
    assert_eq!(&*coder.versions.get(&3).unwrap().as_ref().unwrap().label, "coder@3");

    other.presets().choose("coder", 2).await.unwrap();
    let changes = watch.changes().await.unwrap().presets;
    assert!(changes.first().unwrap().added.is_empty());
    table = table.with_changes(changes);
    assert_eq!((table.get("coder").unwrap().used, table.get("coder").unwrap().versions.len()), (2, 3));

    other.presets().remove("coder").await.unwrap();
    table = table.with_changes(watch.changes().await.unwrap().presets);
    assert!(table.get("coder").is_none() && table.get("other").is_some());
    // Removed and set again: all its versions are there, whoever watched in between.
    other.presets().set("coder", &spec("d")).await.unwrap();
    table = table.with_changes(watch.changes().await.unwrap().presets);
    let fresh = PresetTable::default().with_changes(server.watch().changes().await.unwrap().presets);
    assert_eq!(table.get("coder"), fresh.get("coder"));
    assert_eq!(fresh.get("coder").unwrap().versions.len(), 4);
    other.presets().remove("coder").await.unwrap();
    other.presets().choose("coder", 1).await.unwrap();
    table = table.with_changes(watch.changes().await.unwrap().presets);
    assert_eq!((table.get("coder").unwrap().used, table.get("coder").unwrap().versions.len()), (1, 4));
}

#[tokio::test]
async fn what_is_out_of_bounds_is_refused_and_changes_nothing() {
    let (_dir, store) = store().await;
    let presets = store.presets();
    let long = format!(r#"{{"system":"{}"}}"#, "x".repeat(MOST_BYTES));
    let none_of_these =
        [("", "{}"), ("a@1", "{}"), ("a b", "{}"), ("a", "{"), ("a", r#"{"later":1}"#), ("a", &long)];
    for (name, spec) in none_of_these {
        assert!(matches!(presets.set(name, spec).await, Err(StoreError::BadPreset(_))), "{name:?}");
    }
    assert_eq!(presets.list().await.unwrap(), []);
    presets.set("a", "{}").await.unwrap();
    sqlx::query("UPDATE presets SET newest = $1")
        .bind(MOST_VERSIONS)
        .execute(&presets.database.writer)
        .await
        .unwrap();
    assert!(matches!(presets.set("a", "{}").await, Err(StoreError::BadPreset(_))));
    sqlx::query("UPDATE presets SET newest = 1").execute(&presets.database.writer).await.unwrap();
    for (counter, most) in [("presets", MOST_PRESETS), ("preset_bytes", MOST_BYTES_OF_ALL)] {
        let before = counter_of(&presets, counter).await;
        set_counter(&presets, counter, most).await;
        assert!(matches!(presets.set("b", "{}").await, Err(StoreError::BadPreset(_))), "{counter}");
        set_counter(&presets, counter, before).await;
    }
    set_counter(&presets, "preset_bytes", MOST_BYTES_OF_ALL).await;
    assert!(matches!(presets.set("b", "{}").await, Err(StoreError::BadPreset(_))));
    presets.remove("a").await.unwrap();
    presets.remove("a").await.unwrap();
    presets.set("b", "{}").await.unwrap();
    assert!(matches!(presets.choose("a", 1).await, Err(StoreError::BadPreset(_))), "it has no room any more");
    assert_eq!(presets.find("a").await.unwrap().used, None);
}

async fn counter_of(presets: &Presets, counter: &str) -> i64 {
    let value = sqlx::query_scalar("SELECT value FROM counters WHERE name = $1").bind(counter);
    value.fetch_one(&presets.database.readers).await.unwrap()
}

async fn set_counter(presets: &Presets, counter: &str, value: i64) {
    let set = sqlx::query("UPDATE counters SET value = $2 WHERE name = $1").bind(counter).bind(value);
    set.execute(&presets.database.writer).await.unwrap();
}

#[tokio::test]
async fn what_is_removed_gives_its_room_back() {
    let (_dir, store) = store().await;
    let presets = store.presets();
    let room = async || (counter_of(&presets, "presets").await, counter_of(&presets, "preset_bytes").await);
    presets.set("a", "{}").await.unwrap();
    presets.set("a", &spec("m")).await.unwrap();
    presets.set("b", "{}").await.unwrap();
    let bytes = 2 + i64::try_from(spec("m").len()).unwrap();
    assert_eq!(room().await, (2, bytes + 2));
    presets.choose("a", 1).await.unwrap();
    assert_eq!(room().await, (2, bytes + 2));
    presets.remove("a").await.unwrap();
    assert_eq!(room().await, (1, 2));
    presets.choose("a", 2).await.unwrap();
    assert_eq!(room().await, (2, bytes + 2));
    presets.remove("a").await.unwrap();
    presets.set("a", "{}").await.unwrap();
    assert_eq!(room().await, (2, bytes + 4));
}

#[tokio::test]
async fn a_version_that_is_not_understood_takes_nothing_else_down() {
    let (_dir, store) = store().await;
    let presets = store.presets();
    presets.set("a", &spec("m")).await.unwrap();
    presets.set("a", &spec("m")).await.unwrap();
    sqlx::query("UPDATE preset_versions SET spec = '{\"later\":1}' WHERE version = 2")
        .execute(&presets.database.writer)
        .await
        .unwrap();
    let table = PresetTable::default().with_changes(store.watch().changes().await.unwrap().presets);
    let kept = table.get("a").unwrap();
    assert!(kept.versions.get(&1).unwrap().is_ok() && kept.versions.get(&2).unwrap().is_err());
    let told =
        NoPreset::Unfit("a@2".into(), Arc::clone(kept.versions.get(&2).unwrap().as_ref().unwrap_err()));
    assert!(told.to_string().contains("`later`"), "{told}");
}
