//! Forgets what is remembered of responses when it is old: conversations that nobody continues, and who owned which response
//! at a provider.
//!
//! In: the settings of the moment. Out: rows deleted, an hour apart. What is old counts as forgotten before that; here its
//! room becomes free.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use yumen_gateway::Gateway;
use yumen_store::{Store, StoreError};
use yumen_telemetry::ObjectKind;

/// How often old things are looked for.
const LOOK: Duration = Duration::from_secs(3600);

/// Deletes what is old, now and from time to time, until the process stops.
pub async fn forget_old(gateway: Arc<Gateway>, store: Store) {
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        let retention = gateway.snapshot.load().gateway.responses.retention;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let before = i64::try_from(now.saturating_sub(retention).as_secs()).unwrap_or(0);
        match forget_before(&store, before).await {
            Ok((0, 0)) => {}
            Ok((conversations, owned)) => {
                tracing::info!(conversations, owned, "old responses were forgotten");
            }
            Err(error) => tracing::warn!(%error, "old responses cannot be forgotten now"),
        }
    }
}

async fn forget_before(store: &Store, before: i64) -> Result<(u64, u64), StoreError> {
    let conversations = store.kept_responses().forget_before(before).await?;
    let owned = store.owned_objects().forget_before(ObjectKind::Response, before).await?;
    Ok((conversations, owned))
}
