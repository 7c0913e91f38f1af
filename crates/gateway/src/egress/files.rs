//! The files of one exchange: each is fetched once, however many deployments are tried.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use yumen_config::FetchSettings;

use super::fetch::{Bounds, fetch, together};
use super::refusal::Refusal;
use super::room::{Place, Room};

/// Files that one request may have fetched.
const FILES_MOST: usize = 10;

/// A file that was fetched.
#[derive(Debug)]
pub struct File {
    /// What it is, by its first bytes.
    pub media_type: &'static str,
    /// Its bytes.
    pub base64: String,
    /// What it takes of the room that all requests share.
    pub(super) _place: Place,
}

/// What was fetched for one exchange, and what could not be.
#[derive(Debug)]
pub struct Files {
    settings: Arc<FetchSettings>,
    by_address: HashMap<String, Result<File, Refusal>>,
    /// What all files may still have in bytes.
    left: Arc<AtomicUsize>,
    room: Arc<Room>,
}

impl Files {
    /// None yet.
    pub fn new(settings: &Arc<FetchSettings>, room: &Arc<Room>) -> Self {
        let left = Arc::new(AtomicUsize::new(together(settings)));
        Self { settings: Arc::clone(settings), by_address: HashMap::new(), left, room: Arc::clone(room) }
    }

    /// Fetches those of these addresses that have not been asked yet, side by side, within `patience` and the time that is
    /// set. Whoever drops the future ends the fetching.
    pub async fn fetch(&mut self, addresses: &[String], patience: Duration) {
        let allowed = self.settings.timeout.min(patience);
        let deadline = Instant::now() + allowed;
        let mut fetching = JoinSet::new();
        for address in addresses {
            if self.by_address.contains_key(address) {
                continue;
            }
            if self.by_address.len() >= FILES_MOST {
                break;
            }
            self.by_address.insert(address.clone(), Err(Refusal::Unreachable));
            let (address, bounds) = (address.clone(), self.bounds(deadline));
            fetching.spawn(async move {
                let fetched = timeout_at(deadline, fetch(&address, &bounds)).await;
                (address, fetched.unwrap_or(Err(Refusal::Slow(allowed.as_millis()))))
            });
        }
        while let Some(done) = fetching.join_next().await {
            if let Ok((address, fetched)) = done {
                self.by_address.insert(address, fetched);
            }
        }
    }

    fn bounds(&self, deadline: Instant) -> Bounds {
        let (settings, left, room) =
            (Arc::clone(&self.settings), Arc::clone(&self.left), Arc::clone(&self.room));
        Bounds { settings, left, room, deadline }
    }

    /// The file at this address, or why there is none.
    pub fn get(&self, address: &str) -> Result<&File, Refusal> {
        match self.by_address.get(address) {
            Some(Ok(file)) => Ok(file),
            Some(Err(refusal)) => Err(refusal.clone()),
            None => Err(Refusal::TooMany(FILES_MOST)),
        }
    }
}
