//! Makes the secrets of virtual keys and their ids.

use crate::error::StoreError;

/// How a virtual key begins, so that people and scanners recognise it.
pub(crate) const SECRET_PREFIX: &str = "sk-yu-";
/// 62^40 secrets: more than 2^238.
const SECRET_LENGTH: usize = 40;
const ID_LENGTH: usize = 16;
/// Characters of the secret that are kept to tell keys apart.
const SHOWN_LENGTH: usize = SECRET_PREFIX.len() + 4;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A new secret.
pub(super) fn make() -> Result<String, StoreError> {
    random(SECRET_PREFIX, SECRET_LENGTH)
}

/// A new key's id.
pub(super) fn make_id() -> Result<String, StoreError> {
    random("key-", ID_LENGTH)
}

/// The part of a secret that may be shown later.
pub(super) fn shown(secret: &str) -> String {
    format!("{}…", secret.chars().take(SHOWN_LENGTH).collect::<String>())
}

fn random(prefix: &str, length: usize) -> Result<String, StoreError> {
    let mut text = String::with_capacity(prefix.len() + length);
    text.push_str(prefix);
    let mut bytes = [0; 64];
    while text.len() < prefix.len() + length {
        getrandom::fill(&mut bytes).map_err(StoreError::Random)?;
        // Bytes from 248 on are left out: with them some characters would come up more often.
        let characters =
            bytes.iter().filter(|byte| **byte < 248).filter_map(|byte| BASE62.get(usize::from(byte % 62)));
        text.extend(characters.take(prefix.len() + length - text.len()).map(|byte| char::from(*byte)));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_and_never_the_same() {
        let (first, second) = (make().unwrap(), make().unwrap());
        assert_eq!(first.len(), 46);
        assert_ne!(first, second);
        assert!(first.strip_prefix("sk-yu-").unwrap().chars().all(|c| c.is_ascii_alphanumeric()));
        assert_eq!(shown(&first).chars().count(), 11);
    }
}
