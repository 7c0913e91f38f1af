//! Virtual keys by keyed hash.
//!
//! In: keys of the configuration and of the store. Out: an immutable table; a change to one key copies one
//! small shard. It never sees a key's secret, only its hash.

use std::collections::HashMap;
use std::sync::Arc;

use crate::access::Access;
use crate::patterns::ModelPatterns;
use crate::routing::Preferences;
use crate::secret::KeyHash;

/// A fixed number: with a million keys a shard holds about a thousand.
const SHARDS: usize = 1024;

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
        }
    }
}

type Shard = Arc<HashMap<KeyHash, Arc<VirtualKey>>>;

/// Virtual keys by keyed hash: immutable; a change copies one small shard, never all keys.
#[derive(Debug, Clone, Default)]
pub struct KeyTable {
    shards: Arc<[Shard]>,
}

impl KeyTable {
    /// The key with this hash.
    pub fn get(&self, hash: &KeyHash) -> Option<&Arc<VirtualKey>> {
        self.shards.get(shard_of(hash))?.get(hash)
    }

    /// A table in which this hash stands for `key`, or for nothing.
    pub fn with(&self, hash: KeyHash, key: Option<Arc<VirtualKey>>) -> Self {
        self.with_all([(hash, key)])
    }

    /// A table with many changes made in one go.
    pub fn with_all(&self, changes: impl IntoIterator<Item = (KeyHash, Option<Arc<VirtualKey>>)>) -> Self {
        let mut shards = self.shards.to_vec();
        shards.resize_with(SHARDS, Shard::default);
        for (hash, key) in changes {
            let Some(shard) = shards.get_mut(shard_of(&hash)).map(Arc::make_mut) else { continue };
            match key {
                Some(key) => shard.insert(hash, key),
                None => shard.remove(&hash),
            };
        }
        Self { shards: shards.into() }
    }

    /// All keys, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&KeyHash, &Arc<VirtualKey>)> {
        self.shards.iter().flat_map(|shard| shard.iter())
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.is_empty())
    }
}

/// The hash is uniform, so its first bytes choose the shard.
fn shard_of(hash: &KeyHash) -> usize {
    let [first, second, ..] = hash;
    usize::from(u16::from_le_bytes([*first, *second])) % SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Arc<VirtualKey> {
        Arc::new(VirtualKey { id: Arc::from(name), name: Arc::from(name), ..VirtualKey::for_all() })
    }

    fn hash(number: u16) -> KeyHash {
        *blake3::hash(&number.to_le_bytes()).as_bytes()
    }

    #[test]
    fn a_change_copies_one_shard_and_leaves_the_old_table_alone() {
        let before = KeyTable::default().with_all((0..2000).map(|n| (hash(n), Some(key("a")))));
        let after = before.with(hash(7), Some(key("b"))).with(hash(8), None);
        assert_eq!((before.len(), after.len()), (2000, 1999));
        assert_eq!(before.get(&hash(7)).map(|key| &*key.name), Some("a"));
        assert_eq!(after.get(&hash(7)).map(|key| &*key.name), Some("b"));
        assert!(after.get(&hash(8)).is_none() && before.get(&hash(8)).is_some());
        let shared = before.shards.iter().zip(after.shards.iter()).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
        assert!(shared >= SHARDS - 2, "only the two changed shards are copied");
    }

    #[test]
    fn an_empty_table_knows_nobody() {
        let table = KeyTable::default();
        assert!(table.get(&hash(1)).is_none() && table.is_empty());
        assert_eq!(table.with(hash(1), None).iter().count(), 0);
    }
}
