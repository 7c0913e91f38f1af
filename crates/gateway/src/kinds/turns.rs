//! Which credential of a provider is taken next: in weighted rotation, those that have room before those that have little.
//!
//! In: a provider's credentials, and what is known of their limits. Out: an order. It never rules a credential out.

use std::sync::Arc;
use std::time::Duration;

use yumen_config::{Credential, Deployment, Rotation};

use crate::allowances::Room;
use crate::worker::{Gateway, Worker};

/// Turns that are passed on to find a credential with room.
const TURNS_MOST: usize = 32;

/// What is to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Load<'l> {
    /// The number of the deployment that it goes to.
    pub deployment: u64,
    /// The provider's own id of the model.
    pub model: &'l str,
    /// About how many tokens it has.
    pub tokens: u64,
}

/// The credentials in the order in which they are to be tried. Each gets its share of turns by its weight, less of them when
/// little is left to it, and none while it rests or has no room.
pub fn turn<'c>(
    worker: &Worker,
    credentials: &'c Rotation<Arc<Credential>>,
    load: Load<'_>,
) -> impl Iterator<Item = &'c Arc<Credential>> + use<'c> {
    let (items, mut start) = (credentials.items(), credentials.next());
    if items.len() > 1 && !worker.gateway.allowances.is_empty() {
        let is_taken = |start: usize| {
            items.get(start).is_none_or(|credential| match room(&worker.gateway, credential, load) {
                Room::Free => true,
                // A turn that is passed on by lot leaves those that have little with that share of their weight.
                Room::Low(share) => worker.between(0.0, 1.0) < share,
                Room::None => false,
            })
        };
        let turns = std::iter::once(start).chain(std::iter::repeat_with(|| credentials.next()));
        start = turns.take(TURNS_MOST).find(|start| is_taken(*start)).unwrap_or(start);
    }
    credentials.starting_at(start)
}

/// Whether all others are tried before this credential: it rests, or it has no room.
pub fn waits(gateway: &Gateway, credential: &Credential, load: Load<'_>) -> bool {
    room(gateway, credential, load) == Room::None
}

/// After how long it is expected to wait no more; nothing where it does not.
pub fn returns_in(gateway: &Gateway, credential: &Credential, load: Load<'_>) -> Option<Duration> {
    let rest = gateway.resting.rests_for(credential.id, load.model);
    rest.max(gateway.allowances.returns_in(credential, load.deployment, load.tokens))
}

fn room(gateway: &Gateway, credential: &Credential, load: Load<'_>) -> Room {
    if gateway.resting.rests(credential.id, load.model) {
        return Room::None;
    }
    gateway.allowances.room(credential, load.deployment, load.tokens)
}

/// Whether no credential of a deployment has room for one more request of so many tokens, as far as limits are known.
pub fn is_limited(gateway: &Gateway, deployment: &Deployment, tokens: u64) -> bool {
    let credentials = deployment.provider.credentials.items();
    if gateway.allowances.is_empty() || credentials.is_empty() {
        return false;
    }
    let load = Load { deployment: deployment.id, model: &deployment.model.native_id, tokens };
    credentials.iter().all(|credential| waits(gateway, credential, load))
}
