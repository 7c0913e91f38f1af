//! Secrets in memory and the keyed hash by which virtual keys are found.
//!
//! In: the text of a secret. Out: a value that only shows itself when asked to. It must never appear in a log,
//! a diagnostic or a schema.

use std::fmt;
use std::sync::Arc;

/// A secret: never shown by `Debug`, never serialised.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// The secret itself; call it only where it is sent or hashed.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text: std::borrow::Cow<'de, str> = serde::Deserialize::deserialize(deserializer)?;
        Ok(Self::new(&text))
    }
}

impl schemars::JsonSchema for Secret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "writeOnly": true })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// The keyed hash of a virtual key's secret (BLAKE3, 32 bytes).
pub type KeyHash = [u8; 32];

/// Hashes virtual keys with the server's own key, so that a stolen table of hashes helps nobody to guess.
#[derive(Clone)]
pub struct KeyHasher(Arc<[u8; 32]>);

impl KeyHasher {
    /// From the server's key: 32 random bytes that are made once and kept.
    pub fn new(server_key: [u8; 32]) -> Self {
        Self(Arc::new(server_key))
    }

    /// The hash under which the key with this secret is kept.
    pub fn hash(&self, secret: &str) -> KeyHash {
        *blake3::keyed_hash(&self.0, secret.as_bytes()).as_bytes()
    }
}

impl fmt::Debug for KeyHasher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeyHasher(…)")
    }
}

/// The stable id of a credential: the same for the same secret of the same provider entry, one way. `more` is what else it
/// takes to be the same: further parts, and where its tokens come from.
pub(crate) fn credential_id(provider: &str, secret: &Secret, more: &[&str]) -> u64 {
    let mut hasher = blake3::Hasher::new_derive_key("yumen credential id v1");
    let length = |text: &str| (text.len() as u64).to_le_bytes();
    hasher.update(&length(provider)).update(provider.as_bytes());
    hasher.update(secret.expose().as_bytes());
    if !more.is_empty() {
        hasher.update(&length(secret.expose()));
        for text in more {
            hasher.update(text.as_bytes()).update(&length(text));
        }
    }
    let mut id = [0; 8];
    hasher.finalize_xof().fill(&mut id);
    u64::from_le_bytes(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_shows_nothing() {
        let shown = format!("{:?} {:?}", Secret::new("hunter2-hunter2"), KeyHasher::new([7; 32]));
        assert_eq!(shown, "Secret(…) KeyHasher(…)");
    }

    #[test]
    fn hashes_depend_on_the_server_key_and_ids_on_the_provider() {
        assert_ne!(KeyHasher::new([1; 32]).hash("sk-yu-a"), KeyHasher::new([2; 32]).hash("sk-yu-a"));
        assert_eq!(KeyHasher::new([1; 32]).hash("sk-yu-a"), KeyHasher::new([1; 32]).hash("sk-yu-a"));
        let id =
            |provider: &str, secret: &str, more: &[&str]| credential_id(provider, &Secret::new(secret), more);
        assert_eq!(id("openai", "sk-1", &[]), id("openai", "sk-1", &[]));
        assert_ne!(id("openai", "sk-1", &[]), id("openai-2", "sk-1", &[]));
        assert_ne!(id("a", "bc", &[]), id("ab", "c", &[]));
        assert_ne!(id("a", "b", &[]), id("a", "b", &["c"]));
        assert_ne!(id("a", "b", &["c", "d"]), id("a", "b", &["cd"]));
    }
}
