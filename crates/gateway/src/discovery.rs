//! Asking servers which models they have, behind all requests.
//!
//! In: the live Snapshot, whose providers say where they are to be asked. Out: what each of them has told, into a bounded
//! channel. One task for each provider that is asked, so that none waits for another, and none is asked twice at once. It
//! never touches the Snapshot: what becomes of a list is decided where settings are put together.

mod ask;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use yumen_config::{Discovered, ModelSource, Provider, Snapshot};

use crate::upstream::{AccessTokens, Pool};
use crate::worker::Gateway;
use ask::Asker;
pub(crate) use ask::{AskError, Asking};

/// How often it is looked whether other providers are to be asked.
const LOOK: Duration = Duration::from_millis(250);
/// The longest pause after a server could not be asked, unless it is asked less often anyway.
const PAUSE_MOST: Duration = Duration::from_secs(300);

/// The name of a provider and what its server has told.
pub type Told = (Arc<str>, Discovered);

/// Asks the servers of all providers of the live Snapshot again and again, until nobody listens.
pub async fn discover(gateway: Arc<Gateway>, told: mpsc::Sender<Told>) {
    let pool = Arc::new(Pool::new(Arc::clone(&gateway.gauges)));
    let mut rounds = Rounds { gateway, pool, told, asked: HashMap::new(), tasks: JoinSet::new() };
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut seen = None;
    while !rounds.told.is_closed() {
        look.tick().await;
        rounds.pool.sweep();
        let providers = Arc::clone(&rounds.gateway.snapshot.load().providers);
        if seen.as_ref().is_none_or(|seen| !Arc::ptr_eq(seen, &providers)) {
            rounds.follow(providers.values());
            seen = Some(providers);
        }
    }
}

/// Asks the servers of all providers once, all at the same time and for no longer than so. What each has told, or why it has
/// not.
pub async fn discover_once(
    snapshot: &Snapshot,
    most: Duration,
) -> Vec<(Arc<str>, Result<Discovered, String>)> {
    let (pool, tokens) = (Arc::new(Pool::new(Arc::default())), Arc::<AccessTokens>::default());
    let mut tasks = JoinSet::new();
    for provider in snapshot.providers.values() {
        let Some(source) = &provider.model_source else { continue };
        let source = Arc::new(source.clone());
        let mut asker = Asker::new(Arc::clone(&tokens), Arc::clone(&pool), Arc::clone(&source));
        let provider = Arc::clone(provider);
        tasks.spawn(async move {
            let told = match tokio::time::timeout(most, asker.ask(&provider)).await {
                Ok(Ok(models)) => Ok(Discovered { source, models }),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err(format!("no answer within {} s", most.as_secs())),
            };
            (Arc::clone(&provider.id), told)
        });
    }
    let mut told = tasks.join_all().await;
    told.sort_by(|(one, _), (other, _)| one.cmp(other));
    told
}

/// The tasks that ask.
struct Rounds {
    gateway: Arc<Gateway>,
    pool: Arc<Pool>,
    told: mpsc::Sender<Told>,
    asked: HashMap<Arc<str>, (Arc<ModelSource>, AbortHandle)>,
    tasks: JoinSet<()>,
}

impl Rounds {
    /// Ends the tasks of providers that are not asked as before, and begins those that are missing.
    fn follow<'p>(&mut self, providers: impl Iterator<Item = &'p Arc<Provider>>) {
        let wanted: HashMap<&Arc<str>, &ModelSource> =
            providers.filter_map(|provider| Some((&provider.id, provider.model_source.as_ref()?))).collect();
        self.asked.retain(|name, (source, task)| {
            let same = wanted.get(name).is_some_and(|wanted| **wanted == **source) && !task.is_finished();
            if !same {
                task.abort();
            }
            same
        });
        while self.tasks.try_join_next().is_some() {}
        for (name, source) in wanted {
            if self.asked.contains_key(name) {
                continue;
            }
            let source = Arc::new(source.clone());
            let tokens = Arc::clone(&self.gateway.access_tokens);
            let asker = Asker::new(tokens, Arc::clone(&self.pool), Arc::clone(&source));
            let gateway = Arc::clone(&self.gateway);
            let task = self.tasks.spawn(ask_again(gateway, asker, Arc::clone(name), self.told.clone()));
            self.asked.insert(Arc::clone(name), (source, task));
        }
    }
}

/// Asks one provider's server at its interval, and after failures less and less often. What it told last stays.
async fn ask_again(gateway: Arc<Gateway>, mut asker: Asker, name: Arc<str>, told: mpsc::Sender<Told>) {
    let mut failures = 0;
    loop {
        let Some(provider) = gateway.snapshot.load().providers.get(&name).cloned() else { return };
        match asker.ask(&provider).await {
            Ok(models) => {
                failures = 0;
                let discovered = Discovered { source: Arc::clone(&asker.source), models };
                if told.send((Arc::clone(&name), discovered)).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                failures += 1;
                tracing::debug!(provider = &*name, failures, "its models cannot be asked for: {error}");
            }
        }
        tokio::time::sleep(pause(asker.source.interval, failures)).await;
    }
}

/// Twice as long after each failure in a row, up to a bound.
fn pause(interval: Duration, failures: u32) -> Duration {
    interval.saturating_mul(2_u32.saturating_pow(failures)).min(PAUSE_MOST.max(interval))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_down_is_asked_less_and_less_often() {
        let seconds = |interval, failures| pause(Duration::from_secs(interval), failures).as_secs();
        assert_eq!([0, 1, 2, 3, 40].map(|failures| seconds(60, failures)), [60, 120, 240, 300, 300]);
        assert_eq!([0, 1, u32::MAX].map(|failures| seconds(3600, failures)), [3600, 3600, 3600]);
    }
}
