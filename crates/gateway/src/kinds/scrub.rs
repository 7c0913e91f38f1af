//! Takes our own secrets out of what an upstream says about an error: some repeat the credential they refuse.

use std::sync::Arc;

use bytes::Bytes;
use yumen_config::{Credential, Provider};
use yumen_llm::dialects::ErrorFacts;

use super::mask::Mask;
use crate::upstream::AccessToken;

/// Shorter "secrets" are no secrets, and would be found everywhere.
const SECRET_BYTES_LEAST: usize = 4;
/// A configured header may be a secret or a plain word such as `true`; a word is part of many errors.
const HEADER_BYTES_LEAST: usize = 8;
const PUT_INSTEAD: &str = "[redacted]";

/// The secrets with which one try was made.
pub struct Scrub {
    provider: Arc<Provider>,
    credential: Option<Arc<Credential>>,
    token: Option<Arc<AccessToken>>,
}

impl Scrub {
    /// The secrets of a try.
    pub fn new(
        provider: &Arc<Provider>,
        credential: Option<&Arc<Credential>>,
        token: Option<&Arc<AccessToken>>,
    ) -> Self {
        let provider = Arc::clone(provider);
        Self { provider, credential: credential.map(Arc::clone), token: token.map(Arc::clone) }
    }

    fn secrets(&self) -> impl Iterator<Item = &[u8]> {
        let configured = self.provider.headers.iter().map(|(_, value)| value);
        let configured = configured.filter(|value| value.is_sensitive() && value.len() >= HEADER_BYTES_LEAST);
        let configured =
            configured.map(|value| value.as_bytes().strip_prefix(b"Bearer ").unwrap_or(value.as_bytes()));
        let held = self.credential.iter().flat_map(|credential| &credential.secrets);
        let held = held.map(|secret| secret.expose().as_bytes());
        let token = self.token.iter().map(|token| token.secret().as_bytes());
        held.chain(token).chain(configured).filter(|secret| secret.len() >= SECRET_BYTES_LEAST)
    }

    /// What takes the secrets out of an answer that flows.
    pub fn mask(&self) -> Mask {
        Mask::new(self.secrets())
    }

    /// Whether any of the secrets stands in there.
    pub fn finds(&self, bytes: &[u8]) -> bool {
        self.secrets().any(|secret| memchr::memmem::find(bytes, secret).is_some())
    }

    /// The same bytes without the secrets.
    pub fn bytes(&self, mut bytes: Bytes) -> Bytes {
        for secret in self.secrets() {
            if memchr::memmem::find(&bytes, secret).is_some() {
                bytes = replaced(&bytes, secret).into();
            }
        }
        bytes
    }

    /// The same text without the secrets.
    pub fn text(&self, text: &str) -> String {
        let bytes = self.bytes(Bytes::copy_from_slice(text.as_bytes()));
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The same facts without the secrets.
    pub fn facts(&self, facts: &mut ErrorFacts) {
        facts.message = self.text(&facts.message);
        if let Some(metadata) = &mut facts.metadata {
            *metadata = serde_json::from_str(&self.text(&metadata.to_string())).unwrap_or_default();
        }
    }
}

fn replaced(bytes: &[u8], secret: &[u8]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((before, after)) =
        memchr::memmem::find(rest, secret).and_then(|at| rest.split_at_checked(at))
    {
        clean.extend_from_slice(before);
        clean.extend_from_slice(PUT_INSTEAD.as_bytes());
        rest = after.get(secret.len()..).unwrap_or_default();
    }
    clean.extend_from_slice(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_occurrence_goes() {
        assert_eq!(
            replaced(b"key sk-live-1, again sk-live-1", b"sk-live-1"),
            b"key [redacted], again [redacted]"
        );
        assert_eq!(replaced(b"nothing here", b"sk-live-1"), b"nothing here");
    }
}
