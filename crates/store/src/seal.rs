//! Seals texts that are kept, with a key that comes from the server key.
//!
//! In: a text and the name of its place. Out: bytes that only the same server key opens, and only at the same place. A copy of
//! the database alone tells nothing of them.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};

use crate::error::StoreError;

/// What seals. Its key is in no log.
#[derive(Clone)]
pub(crate) struct Sealer([u8; 32]);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Sealer")
    }
}

impl Sealer {
    /// From the server key.
    pub(crate) fn new(server_key: &[u8; 32]) -> Self {
        Self(blake3::derive_key("yumen kept texts v1", server_key))
    }

    /// Each place has a key of its own, so that no two texts share a key and a nonce.
    fn key(&self, place: &str) -> Result<RandomizedNonceKey, StoreError> {
        let key = blake3::keyed_hash(&self.0, place.as_bytes());
        RandomizedNonceKey::new(&AES_256_GCM, key.as_bytes()).map_err(|_| StoreError::Sealed)
    }

    /// Seals a text for its place: the nonce, the sealed text, the tag.
    pub(crate) fn seal(&self, place: &str, mut text: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let nonce = self.key(place)?.seal_in_place_append_tag(Aad::from(place.as_bytes()), &mut text);
        let nonce = nonce.map_err(|_| StoreError::Sealed)?;
        let mut sealed = Vec::with_capacity(NONCE_LEN + text.len());
        sealed.extend_from_slice(nonce.as_ref());
        sealed.append(&mut text);
        Ok(sealed)
    }

    /// Opens what was sealed for this place.
    pub(crate) fn open(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or(StoreError::Sealed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| StoreError::Sealed)?;
        let mut text = sealed.to_vec();
        let opened = self.key(place)?.open_in_place(nonce, Aad::from(place.as_bytes()), &mut text);
        let length = opened.map_err(|_| StoreError::Sealed)?.len();
        text.truncate(length);
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_opens_and_only_at_the_same_place() {
        let sealer = Sealer::new(&[7; 32]);
        let text = b"Where is the gate?".to_vec();
        let sealed = sealer.seal("a/1", text.clone()).unwrap();
        assert_eq!(sealer.open("a/1", &sealed).unwrap(), text);
        assert_ne!(sealer.seal("a/1", text.clone()).unwrap(), sealed, "no two are alike");
        assert!(!sealed.windows(4).any(|window| window == b"gate"));
        assert!(sealer.open("b/1", &sealed).is_err());
        assert!(Sealer::new(&[8; 32]).open("a/1", &sealed).is_err());
        for place in [0, NONCE_LEN, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(sealer.open("a/1", &changed).is_err(), "{place}");
        }
        assert!(sealer.open("a/1", &sealed[..NONCE_LEN - 1]).is_err());
    }
}
