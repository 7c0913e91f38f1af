use yumen_config::KeyTable;

use super::*;
use crate::Store;

async fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), None).await.unwrap();
    (dir, store)
}

fn key_of<'a>(table: &'a KeyTable, store: &Store, secret: &Secret) -> Option<&'a Arc<VirtualKey>> {
    table.get(&store.key_hasher().hash(secret.expose()))
}

#[tokio::test]
async fn life_of_a_key() {
    let (dir, store) = store().await;
    let keys = store.keys();
    let spec = KeySpec {
        models: vec!["openai/*".into()],
        access: vec!["files".into()],
        expires_at: Some(2_000_000_000),
        requests_per_minute: Some(60),
        concurrency: Some(4),
        routing: Some(serde_json::json!({ "zdr": true })),
        tags: vec!["beta".into()],
        team: Some("red".into()),
        heal_json: Some(false),
    };
    let made = keys.create("ci", &spec).await.unwrap();
    let secret = made.secret.expose().to_owned();
    assert!(secret.starts_with("sk-yu-") && secret.len() == 46);
    assert!(
        made.key.prefix.starts_with("sk-yu-") && secret.starts_with(made.key.prefix.trim_end_matches('…'))
    );
    assert!(matches!(keys.create("ci", &spec).await, Err(StoreError::NameTaken(name)) if name == "ci"));
    keys.create("other", &KeySpec::default()).await.unwrap();
    let listed = keys.list().await.unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.contains(&made.key));
    assert_eq!(keys.find("ci").await.unwrap(), Some(made.key.clone()));
    assert_eq!(keys.find(&made.key.id).await.unwrap(), Some(made.key.clone()));
    assert_eq!(keys.find("nobody").await.unwrap(), None);
    assert!(keys.disable("ci").await.unwrap().disabled);
    assert!(!keys.enable(&made.key.id).await.unwrap().disabled);
    assert!(matches!(keys.rotate("nobody", Duration::ZERO).await, Err(StoreError::NoSuchKey(_))));
    store.close().await;
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let content = std::fs::read(&path).unwrap();
        let found = content.windows(20).any(|window| window == &secret.as_bytes()[10..30]);
        assert!(!found, "the secret is in {}", path.display());
    }
}

#[tokio::test]
async fn names_that_cannot_be_used() {
    let (_dir, store) = store().await;
    for name in ["", " a", "a ", "a\nb", &"x".repeat(101)] {
        let made = store.keys().create(name, &KeySpec::default()).await;
        assert!(matches!(made, Err(StoreError::BadName)), "{name:?}");
    }
    store.keys().create("ключ 钥匙", &KeySpec::default()).await.unwrap();
}

#[tokio::test]
async fn a_running_server_sees_what_another_process_changes() {
    let (dir, server) = store().await;
    let before = server.keys().create("before", &KeySpec::default()).await.unwrap();
    let mut watch = server.watch();
    let mut table = KeyTable::default().with_all(watch.changes().await.unwrap().keys);
    assert_eq!(table.len(), 1);
    assert!(key_of(&table, &server, &before.secret).is_some());
    assert!(watch.changes().await.unwrap().is_empty());

    let other = Store::open(dir.path(), None).await.unwrap();
    let spec = KeySpec { concurrency: Some(2), access: vec!["files".into()], ..KeySpec::default() };
    let made = other.keys().create("ci", &spec).await.unwrap();
    let changes = watch.next().await.keys;
    assert_eq!(changes.len(), 1, "only what changed");
    table = table.with_all(changes);
    let known = key_of(&table, &server, &made.secret).unwrap();
    assert_eq!((&*known.name, known.concurrency, known.models.allows("x")), ("ci", Some(2), true));
    assert!(known.access.files() && !known.access.provider("openai"));

    other.keys().disable("ci").await.unwrap();
    table = table.with_all(watch.changes().await.unwrap().keys);
    assert!(key_of(&table, &server, &made.secret).unwrap().disabled);
}

#[tokio::test]
async fn a_changed_key_keeps_its_secret_and_what_was_not_changed() {
    let (_dir, store) = store().await;
    let keys = store.keys();
    let mut watch = store.watch();
    let spec = KeySpec { concurrency: Some(2), tags: vec!["beta".into()], ..KeySpec::default() };
    let made = keys.create("ci", &spec).await.unwrap();
    keys.create("other", &KeySpec::default()).await.unwrap();
    let table = KeyTable::default().with_all(watch.changes().await.unwrap().keys);

    let change = |was: KeySpec| KeySpec { team: Some("red".into()), concurrency: None, ..was };
    let changed = keys.update("ci", Some("batch"), change).await.unwrap();
    assert_eq!((&*changed.id, &*changed.name), (&*made.key.id, "batch"));
    let changes = watch.changes().await.unwrap().keys;
    assert_eq!(changes.len(), 1, "only what changed");
    let table = table.with_all(changes);
    let known = key_of(&table, &store, &made.secret).unwrap();
    assert_eq!((&*known.name, known.concurrency, known.team.as_deref()), ("batch", None, Some("red")));
    assert_eq!(known.tags.first().map(|tag| &**tag), Some("beta"));

    assert!(matches!(keys.update("batch", Some("other"), change).await, Err(StoreError::NameTaken(_))));
    assert!(matches!(keys.update("ci", None, change).await, Err(StoreError::NoSuchKey(_))));
    let bad = |was: KeySpec| KeySpec { team: Some(String::new()), ..was };
    assert!(matches!(keys.update("batch", None, bad).await, Err(StoreError::BadTeam)));
    assert!(watch.changes().await.unwrap().is_empty(), "what is refused changes nothing");
}

#[tokio::test]
async fn a_change_takes_back_no_name_that_another_has_given_meanwhile() {
    let (_dir, store) = store().await;
    let keys = store.keys();
    let id = keys.create("ci", &KeySpec::default()).await.unwrap().key.id;
    // Another process writes, and has not ended.
    let mut other = keys.begin().await.unwrap();
    let rename = "UPDATE virtual_keys SET name = 'batch' WHERE id = $1";
    sqlx::query(rename).bind(&id).execute(&mut *other).await.unwrap();
    let update = keys.update(&id, None, |was| KeySpec { team: Some("red".into()), ..was });
    let end = async {
        // Whatever can be read without the others' leave is read by now.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        other.commit().await.unwrap();
    };
    let (changed, ()) = tokio::join!(update, end);
    let changed = changed.unwrap();
    assert_eq!((&*changed.name, changed.spec.team.as_deref()), ("batch", Some("red")));
}

#[tokio::test]
async fn rotation_ends_old_secrets() {
    let (_dir, store) = store().await;
    let keys = store.keys();
    let mut watch = store.watch();
    let first = keys.create("ci", &KeySpec::default()).await.unwrap();
    let mut table = KeyTable::default().with_all(watch.changes().await.unwrap().keys);

    let second = keys.rotate("ci", Duration::from_secs(3600)).await.unwrap();
    table = table.with_all(watch.changes().await.unwrap().keys);
    assert_eq!(second.key.id, first.key.id, "limits and usage go on under the same id");
    let grace = key_of(&table, &store, &first.secret).unwrap().expires_at.unwrap();
    assert!(grace > now() + 3500 && grace <= now() + 3600);
    assert_eq!(key_of(&table, &store, &second.secret).unwrap().expires_at, None);

    // Two rotations between two looks: none of the older secrets stays.
    let third = keys.rotate("ci", Duration::ZERO).await.unwrap();
    let fourth = keys.rotate("ci", Duration::ZERO).await.unwrap();
    table = table.with_all(watch.changes().await.unwrap().keys);
    assert!(key_of(&table, &store, &second.secret).is_none());
    assert!(key_of(&table, &store, &third.secret).is_none());
    assert!(key_of(&table, &store, &fourth.secret).is_some());
    assert!(key_of(&table, &store, &first.secret).is_some(), "its grace was promised and goes on");
    let fresh = KeyTable::default().with_all(store.watch().changes().await.unwrap().keys);
    assert_eq!(fresh.len(), 2);
}

#[tokio::test]
async fn the_earlier_end_wins() {
    let (_dir, store) = store().await;
    let soon = now() + 60;
    let spec = KeySpec { expires_at: Some(soon), ..KeySpec::default() };
    let first = store.keys().create("ci", &spec).await.unwrap();
    store.keys().rotate("ci", Duration::from_secs(3600)).await.unwrap();
    let table = KeyTable::default().with_all(store.watch().changes().await.unwrap().keys);
    assert_eq!(key_of(&table, &store, &first.secret).unwrap().expires_at, Some(soon));
}

#[tokio::test]
async fn a_key_of_the_store_has_what_one_of_the_configuration_has() {
    let (_dir, store) = store().await;
    let spec = KeySpec {
        routing: Some(
            serde_json::json!({ "zdr": true, "only": ["openai"], "max_price": { "prompt": "0.15" } }),
        ),
        tags: vec!["beta".into(), "red".into()],
        heal_json: Some(false),
        ..KeySpec::default()
    };
    let made = store.keys().create("ci", &spec).await.unwrap();
    assert_eq!(made.key.spec, spec);
    let table = KeyTable::default().with_all(store.watch().changes().await.unwrap().keys);
    let known = key_of(&table, &store, &made.secret).unwrap();
    assert!(known.routing.zero_retention && known.routing.only.len() == 1);
    assert!(known.routing.max_price.prompt.is_some());
    assert_eq!(
        (known.heal_json, known.tags.iter().map(|tag| &**tag).collect::<Vec<_>>()),
        (Some(false), vec!["beta", "red"])
    );

    let routing = Some(serde_json::json!({ "zdr": true, "later": 1 }));
    let refused = store.keys().create("x", &KeySpec { routing: routing.clone(), ..KeySpec::default() }).await;
    assert!(matches!(refused, Err(StoreError::BadRouting(_))));
    let tags = vec![String::new()];
    assert!(matches!(
        store.keys().create("x", &KeySpec { tags, ..KeySpec::default() }).await,
        Err(StoreError::BadTags)
    ));
}

#[tokio::test]
async fn a_key_whose_preferences_are_not_understood_opens_nothing() {
    let (_dir, store) = store().await;
    let made = store.keys().create("ci", &KeySpec::default()).await.unwrap();
    let other = store.keys().create("other", &KeySpec::default()).await.unwrap();
    sqlx::query("UPDATE virtual_keys SET spec = '{\"routing\":{\"later\":true}}' WHERE name = 'ci'")
        .execute(&store.keys().database.writer)
        .await
        .unwrap();
    let table = KeyTable::default().with_all(store.watch().changes().await.unwrap().keys);
    assert!(key_of(&table, &store, &made.secret).is_none());
    assert!(key_of(&table, &store, &other.secret).is_some());
}
