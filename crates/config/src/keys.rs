//! Virtual keys by keyed hash.
//!
//! In: keys of the configuration and of the store. Out: an immutable table. It never sees a key's secret, only its hash.

use std::sync::Arc;

use crate::access::Access;
use crate::patterns::ModelPatterns;
use crate::routing::Preferences;
use crate::secret::KeyHash;
use crate::table::{Sharded, Table};

/// A secret we issue to a consumer.
#[derive(Debug, Clone, PartialEq)]
pub struct VirtualKey {
    /// Stable id: the store's, or `file:<name>`.
    pub id: Arc<str>,
    /// What people call it.
    pub name: Arc<str>,
    /// Allowed models.
    pub models: ModelPatterns,
    /// What it may do beyond asking models.
    pub access: Access,
    /// Unix seconds after which it is no longer good.
    pub expires_at: Option<i64>,
    /// Switched off.
    pub disabled: bool,
    /// Requests per minute.
    pub requests_per_minute: Option<u32>,
    /// Exchanges at the same time.
    pub concurrency: Option<u32>,
    /// Whether broken JSON is repaired for it; nothing where the alias or the gateway decides.
    pub heal_json: Option<bool>,
    /// What is wished of the choice for it.
    pub routing: Arc<Preferences>,
    /// Words that rules can read.
    pub tags: Vec<Arc<str>>,
    /// The team that it belongs to.
    pub team: Option<Arc<str>>,
}

impl VirtualKey {
    /// One that may do everything, for questions that nobody asks over the network.
    pub fn for_all() -> Self {
        Self {
            id: Arc::from(""),
            name: Arc::from(""),
            models: ModelPatterns::all(),
            access: Access::default(),
            expires_at: None,
            disabled: false,
            requests_per_minute: None,
            concurrency: None,
            routing: Arc::default(),
            heal_json: None,
            tags: Vec::new(),
            team: None,
        }
    }
}

/// Virtual keys by keyed hash.
pub type KeyTable = Table<KeyHash, Arc<VirtualKey>>;

impl Sharded for KeyHash {
    /// The hash is uniform, so its first bytes will do.
    fn spread(&self) -> usize {
        let [first, second, ..] = self;
        usize::from(u16::from_le_bytes([*first, *second]))
    }
}
