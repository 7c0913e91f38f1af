//! What the signing schemes have in common: SHA-256, HMAC-SHA-256, and how both and tokens are spelt.
//!
//! In: bytes. Out: digests and text.

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The SHA-256 of all pieces together, in hexadecimal.
pub(super) fn sha256_hex<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    pieces.into_iter().for_each(|piece| context.update(piece));
    hex(context.finish().as_ref())
}

/// HMAC-SHA-256.
pub(super) fn hmac_sha256(key: &[u8], message: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message)
}

/// A key that is derived step by step: each step's result is the key of the next.
pub(super) fn derived(secret: &str, steps: &[&str]) -> hmac::Tag {
    let (first, rest) = steps.split_first().unwrap_or((&"", &[]));
    let start = hmac_sha256(secret.as_bytes(), first.as_bytes());
    rest.iter().fold(start, |key, step| hmac_sha256(key.as_ref(), step.as_bytes()))
}

/// Bytes in lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The signed part of a JSON Web Token: header and claims, each in base64url.
pub(super) fn jwt_input(header: &serde_json::Value, claims: &serde_json::Value) -> String {
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// A JSON Web Token (RFC 7519): its signed part and the signature over it.
pub(super) fn jwt(input: &str, signature: &[u8]) -> String {
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}
