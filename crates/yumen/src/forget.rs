//! Forgets what is remembered for clients when it is old, or when a key has too much of it: conversations that nobody continues,
//! and who owns what at providers.
//!
//! In: the settings of the moment. Out: rows deleted, an hour apart. A conversation that is old counts as forgotten before
//! that; here its room becomes free.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use yumen_gateway::Gateway;
use yumen_store::{Store, StoreError};
use yumen_telemetry::ObjectKind;

/// How often old things are looked for.
const LOOK: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// So many objects of each kind are remembered of one key; the oldest go first.
const MOST_OF_A_KEY: u64 = 1_000_000;

/// Deletes what is old, now and from time to time, until the process stops.
pub async fn forget_old(gateway: Arc<Gateway>, store: Store) {
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        let retention = gateway.snapshot.load().gateway.responses.retention;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        match forget(&store, now, retention).await {
            Ok((0, 0)) => {}
            Ok((conversations, owned)) => {
                tracing::info!(conversations, owned, "old responses and owners were forgotten");
            }
            Err(error) => tracing::warn!(%error, "old responses and owners cannot be forgotten now"),
        }
    }
}

/// How long it is remembered who owns something: not longer than providers keep it. They keep files and conversations until
/// somebody deletes them.
fn retention_of(kind: ObjectKind, responses: Duration) -> Option<Duration> {
    match kind {
        ObjectKind::Response | ObjectKind::Item => Some(responses),
        ObjectKind::Video => Some(30 * DAY),
        ObjectKind::Batch => Some(365 * DAY),
        ObjectKind::File | ObjectKind::Conversation => None,
    }
}

async fn forget(store: &Store, now: Duration, responses: Duration) -> Result<(u64, u64), StoreError> {
    let before =
        |retention: Duration| i64::try_from(now.saturating_sub(retention).as_secs()).unwrap_or_default();
    let conversations = store.kept_responses().forget_before(before(responses)).await?;
    let (owners, mut owned) = (store.owned_objects(), 0);
    for kind in ObjectKind::ALL {
        if let Some(retention) = retention_of(kind, responses) {
            owned += owners.forget_before(kind, before(retention)).await?;
        }
        owned += owners.forget_beyond(kind, MOST_OF_A_KEY).await?;
    }
    Ok((conversations, owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use yumen_telemetry::{Account, ObjectOwners as _, OwnedObject};

    #[tokio::test]
    async fn owners_are_forgotten_when_providers_have_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), None).await.unwrap();
        let now = 1000 * DAY;
        let objects = |age: u32| {
            let made = |kind: ObjectKind| OwnedObject {
                kind,
                id: format!("{}-{age}", kind.as_str()),
                key_id: "a".into(),
                account: Account { provider: "openai".into(), ..Account::default() },
                model: String::new(),
                created_at: (now - age * DAY).as_secs() as i64,
            };
            ObjectKind::ALL.map(made)
        };
        for age in [6, 8, 29, 31, 364, 366] {
            store.owned_objects().remember(objects(age).to_vec()).await.unwrap();
        }
        let (_, forgotten) = forget(&store, now, 7 * DAY).await.unwrap();
        let mut left = Vec::new();
        for object in [6, 8, 29, 31, 364, 366].into_iter().flat_map(objects) {
            if store.owned_objects().find(object.kind, &object.id, "a").await.unwrap().is_some() {
                left.push(object.id);
            }
        }
        left.retain(|id| !id.starts_with("file") && !id.starts_with("conversation"));
        let expected = [
            "batch-6",
            "video-6",
            "response-6",
            "item-6",
            "batch-8",
            "video-8",
            "batch-29",
            "video-29",
            "batch-31",
            "batch-364",
        ];
        assert_eq!(left, expected);
        assert_eq!(forgotten, 24 - expected.len() as u64);
        assert_eq!(forget(&store, now, 7 * DAY).await.unwrap(), (0, 0));
    }
}
