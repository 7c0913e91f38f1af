//! identify: head → Consumer. Checks the virtual key; never looks at limits.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderMap, Uri};
use yumen_config::{Snapshot, VirtualKey};
use yumen_llm::percent::percent_decode;

use crate::rejection::{Code, Rejection};
use crate::worker::Gateway;

/// Finds who calls.
pub fn identify(
    gateway: &Gateway,
    snapshot: &Snapshot,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<Arc<VirtualKey>, Rejection> {
    let Some(presented) = presented_secret(headers, uri) else {
        return Err(Rejection::new(
            Code::MissingKey,
            "No virtual key was sent. Send it as `Authorization: Bearer sk-yu-…` or `x-api-key: sk-yu-…`.",
        ));
    };
    // The table is looked up by a keyed hash, so the time it takes tells nothing about any secret.
    let key = snapshot.keys.get(&gateway.hasher.hash(&presented));
    let key = key.ok_or_else(|| Rejection::new(Code::InvalidKey, "This virtual key is not known here."))?;
    good(key)?;
    Ok(Arc::clone(key))
}

/// Refuses a key that is good no more.
pub fn good(key: &VirtualKey) -> Result<(), Rejection> {
    if key.disabled {
        return Err(Rejection::new(Code::InvalidKey, "This virtual key is switched off."));
    }
    if let Some(expires_at) = key.expires_at {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if i64::try_from(now).unwrap_or(i64::MAX) >= expires_at {
            return Err(Rejection::new(Code::InvalidKey, "This virtual key has expired."));
        }
    }
    Ok(())
}

/// The secret with which a client says who it is.
pub fn presented_secret<'h>(headers: &'h HeaderMap, uri: &Uri) -> Option<Cow<'h, str>> {
    let in_headers = presented(headers).or_else(|| in_protocols(headers));
    in_headers.map(Cow::Borrowed).or_else(|| in_query(uri).map(Cow::Owned))
}

/// Before the secret among the protocols that a page in a browser offers, which can send no header of its own.
const SECRET_PROTOCOL: &str = "openai-insecure-api-key.";

/// The protocols that a client offers for its WebSocket.
pub fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(http::header::SEC_WEBSOCKET_PROTOCOL).iter();
    values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).map(str::trim)
}

fn in_protocols(headers: &HeaderMap) -> Option<&str> {
    offered(headers)
        .find_map(|protocol| protocol.strip_prefix(SECRET_PROTOCOL))
        .filter(|secret| !secret.is_empty())
}

/// The secret as today's clients send it in headers.
fn presented(headers: &HeaderMap) -> Option<&str> {
    let bearer =
        headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
            let (scheme, secret) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(secret)
        });
    let plain = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // An empty one hides no good one: libraries send `Bearer ` when only another header is configured.
    let some = |secret: &&str| !secret.trim().is_empty();
    let found = bearer.filter(some);
    let found =
        found.or_else(|| plain("x-api-key").filter(some)).or_else(|| plain("x-goog-api-key").filter(some));
    found.map(str::trim)
}

fn in_query(uri: &Uri) -> Option<String> {
    let pair = uri.query()?.split('&').find_map(|pair| pair.strip_prefix("key="))?;
    Some(percent_decode(pair)).filter(|secret| !secret.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_bearer_hides_no_other_secret() {
        for empty in ["Bearer", "Bearer  ", "Basic abc"] {
            let mut headers = HeaderMap::new();
            headers.insert("authorization", empty.parse().unwrap());
            assert_eq!(presented(&headers), None, "{empty}");
            headers.insert("x-goog-api-key", "last".parse().unwrap());
            headers.insert("x-api-key", " ".parse().unwrap());
            assert_eq!(presented(&headers), Some("last"), "{empty}");
            headers.insert("x-api-key", "second".parse().unwrap());
            assert_eq!(presented(&headers), Some("second"), "{empty}");
            headers.insert("authorization", "bearer  first ".parse().unwrap());
            assert_eq!(presented(&headers), Some("first"));
        }
    }
}
