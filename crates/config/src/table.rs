//! Many things by their keys, of which one changes at a time.
//!
//! In: changes. Out: an immutable table; a change copies one small shard, never all that is in it.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use foldhash::HashMap;

/// A fixed number: with a million entries a shard holds about a thousand.
const SHARDS: usize = 1024;

/// What a table can be asked by.
pub trait Sharded {
    /// A number that is spread evenly over all keys.
    fn spread(&self) -> usize;
}

type Shard<K, V> = Arc<HashMap<K, V>>;

/// Values by their keys: immutable; a change copies one small shard, never the whole table.
#[derive(Clone)]
pub struct Table<K, V> {
    shards: Arc<[Shard<K, V>]>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { shards: Arc::default() }
    }
}

impl<K, V> fmt::Debug for Table<K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Table").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<K, V> Table<K, V> {
    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.shards.iter().flat_map(|shard| shard.iter())
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.is_empty())
    }
}

impl<K: Sharded + Hash + Eq + Clone, V: Clone> Table<K, V> {
    /// What this key stands for.
    pub fn get<Q: Sharded + Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.shards.get(key.spread() % SHARDS)?.get(key)
    }

    /// A table in which this key stands for `value`, or for nothing.
    pub fn with(&self, key: K, value: Option<V>) -> Self {
        self.with_all([(key, value)])
    }

    /// A table with many changes made in one go.
    pub fn with_all(&self, changes: impl IntoIterator<Item = (K, Option<V>)>) -> Self {
        let mut shards = self.shards.to_vec();
        shards.resize_with(SHARDS, Shard::default);
        for (key, value) in changes {
            let Some(shard) = shards.get_mut(key.spread() % SHARDS).map(Arc::make_mut) else { continue };
            match value {
                Some(value) => shard.insert(key, value),
                None => shard.remove(&key),
            };
        }
        Self { shards: shards.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeyHash, KeyTable, PresetTable, VirtualKey};

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

    #[test]
    fn names_spread_over_the_shards() {
        let names = (0..10_000).map(|number| (Arc::from(format!("preset-{number}")), Some(Arc::default())));
        let table = PresetTable::default().with_all(names);
        assert_eq!(table.len(), 10_000);
        assert!(table.get("preset-77").is_some() && table.get("other").is_none());
        let most = table.shards.iter().map(|shard| shard.len()).max().unwrap_or_default();
        assert!(most < 40, "a shard holds {most}");
    }
}
