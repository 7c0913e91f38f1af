//! Which headers go on in each direction: lists of names, everything else stays here.

use http::{HeaderMap, HeaderValue, header};
use yumen_config::{AuthHeader, Credential, Endpoint, Provider};

/// A client's headers that its own dialect's upstream needs.
const TO_UPSTREAM: [&str; 4] = ["anthropic-version", "anthropic-beta", "openai-beta", "idempotency-key"];

/// An upstream's headers that client libraries read.
const TO_CLIENT: [&str; 9] = [
    "content-type",
    "request-id",
    "x-request-id",
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
    "openai-processing-ms",
    "openai-version",
    "openai-model",
];

/// Copies those of `from` whose name is in `names`; messages have few headers, so they are gone through once.
fn pick(from: &HeaderMap, names: &[&str], to: &mut HeaderMap) {
    for (name, value) in from {
        if names.contains(&name.as_str()) {
            to.insert(name.clone(), value.clone());
        }
    }
}

/// The headers of a request to a provider.
pub fn to_upstream(
    endpoint: &Endpoint,
    provider: &Provider,
    credential: Option<&Credential>,
    client: Option<&HeaderMap>,
    stream: bool,
) -> HeaderMap {
    let mut headers = endpoint.headers.clone();
    let accept = if stream { "text/event-stream" } else { "application/json" };
    headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    if let Some(client) = client {
        pick(client, &TO_UPSTREAM, &mut headers);
    }
    if let Some(credential) = credential {
        let name = match &provider.auth {
            AuthHeader::Header(name) => name.clone(),
            AuthHeader::Bearer | AuthHeader::None => header::AUTHORIZATION,
        };
        headers.insert(name, credential.header.clone());
    }
    headers
}

/// The headers of an upstream's answer that the client sees.
pub fn to_client(upstream: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    pick(upstream, &TO_CLIENT, &mut headers);
    headers
}
