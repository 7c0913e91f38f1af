//! The words with which a connection is switched (RFC 6455, section 4).

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Version, header, request};

/// The name of the protocol in `Upgrade`.
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
/// The version of it.
const VERSION: &str = "13";
/// What the standard adds to a nonce before it is hashed.
const ADDED: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const NONCE_BYTES: usize = 16;

/// The header that names protocols within the connection.
pub const PROTOCOL: HeaderName = header::SEC_WEBSOCKET_PROTOCOL;

/// What the client of a handshake has chosen at random, as it stands in the head.
#[derive(Debug, Clone)]
pub struct Nonce(HeaderValue);

impl Nonce {
    /// A fresh one.
    pub fn fresh() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; NONCE_BYTES];
        getrandom::fill(&mut bytes)?;
        let text = STANDARD.encode(bytes);
        Ok(Self(HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))))
    }

    /// What proves that a server has read it.
    fn answer(&self) -> String {
        let text = [self.0.as_bytes(), ADDED].concat();
        STANDARD.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &text))
    }
}

/// The nonce of a request that asks for a WebSocket; none where it does not, or not properly.
pub fn asks(head: &request::Parts) -> Option<Nonce> {
    let headers = &head.headers;
    let named = |name: HeaderName, word: &str| {
        let values = headers.get_all(name);
        let mut words =
            values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
        words.any(|said| said.trim().eq_ignore_ascii_case(word))
    };
    let nonce = headers.get(header::SEC_WEBSOCKET_KEY)?;
    let is_nonce = STANDARD.decode(nonce).is_ok_and(|bytes| bytes.len() == NONCE_BYTES);
    let asks = head.version == Version::HTTP_11
        && named(header::CONNECTION, "upgrade")
        && named(header::UPGRADE, "websocket")
        && headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == VERSION);
    (asks && is_nonce).then(|| Nonce(nonce.clone()))
}

/// The headers that ask for a WebSocket.
pub fn beginning(nonce: &Nonce, headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, WEBSOCKET);
    headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
    headers.insert(header::SEC_WEBSOCKET_KEY, nonce.0.clone());
}

/// The headers that give it.
pub fn confirms(nonce: &Nonce, headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, WEBSOCKET);
    if let Ok(answer) = HeaderValue::from_str(&nonce.answer()) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, answer);
    }
}

impl Nonce {
    /// Whether an answer gives what was asked for with it, and no extension beside.
    pub fn is_confirmed(&self, headers: &HeaderMap) -> bool {
        let says = |name: HeaderName, word: &str| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .is_some_and(|said| said.eq_ignore_ascii_case(word))
        };
        let proof = headers.get(header::SEC_WEBSOCKET_ACCEPT);
        says(header::UPGRADE, "websocket")
            && proof.is_some_and(|proof| proof.as_bytes() == self.answer().as_bytes())
            && !headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS)
    }
}
