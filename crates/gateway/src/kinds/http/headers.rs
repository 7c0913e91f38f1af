//! Which headers go on in each direction: all but those that are a connection's own, that say who calls, or that would have
//! a provider see another call than the one that was allowed.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use yumen_config::{Endpoint, Provider, Scheme};

use crate::kinds::scrub::Scrub;

/// Headers of one connection (RFC 9110, 7.6.1), in both directions.
const HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What a client says to us alone: who it is, where it comes from, how it wants its answer.
const OURS: [&str; 20] = [
    "authorization",
    "x-api-key",
    "x-goog-api-key",
    "api-key",
    "cookie",
    "cookie2",
    "host",
    "forwarded",
    "x-real-ip",
    "via",
    "accept-encoding",
    "content-length",
    "expect",
    "http2-settings",
    "x-openrouter-metadata",
    "x-amz-security-token",
    "x-amz-date",
    // Which of the operator's own accounts is asked is not the client's to choose.
    "openai-organization",
    "openai-project",
    "x-goog-user-project",
];

/// With these some servers take another method or path than the request line says.
const OVERRIDES: [&str; 6] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
    "x-original-uri",
];

/// A client's headers whose value wins over the configured one, as for requests to models.
const CLIENT_WINS: [&str; 4] = ["anthropic-version", "anthropic-beta", "openai-beta", "idempotency-key"];

/// What an upstream says of its own connection or host, and what would make a browser keep or follow something of it.
const UPSTREAMS: [&str; 8] = [
    "set-cookie",
    "set-cookie2",
    "alt-svc",
    "strict-transport-security",
    "refresh",
    "clear-site-data",
    "content-length",
    "x-generation-id",
];

/// Those of a client's headers that go to a provider.
pub fn of_client(client: &HeaderMap, secret: &str) -> HeaderMap {
    let named = named_by_connection(client);
    let finds = |value: &HeaderValue| {
        !secret.is_empty() && memchr::memmem::find(value.as_bytes(), secret.as_bytes()).is_some()
    };
    let mut headers = HeaderMap::with_capacity(client.len());
    for (name, value) in client {
        let word = name.as_str();
        let stays = HOP.contains(&word)
            || OURS.contains(&word)
            || OVERRIDES.contains(&word)
            || word.starts_with("x-forwarded-")
            || word.starts_with("x-yumen-")
            || named.contains(name);
        if !stays && !finds(value) {
            headers.append(name, value.clone());
        }
    }
    headers
}

/// The headers of a call to a provider, but for the proof of who asks.
pub fn to_upstream(endpoint: &Endpoint, provider: &Provider, client: &HeaderMap) -> HeaderMap {
    let mut headers = client.clone();
    for name in [header::HOST, header::ACCEPT_ENCODING] {
        headers.extend(endpoint.headers.get(&name).map(|value| (name, value.clone())));
    }
    if !headers.contains_key(header::USER_AGENT) {
        let own = endpoint.headers.get(header::USER_AGENT);
        headers.extend(own.map(|value| (header::USER_AGENT, value.clone())));
    }
    for (name, value) in &provider.headers {
        if !(CLIENT_WINS.contains(&name.as_str()) && headers.contains_key(name)) {
            headers.insert(name.clone(), value.clone());
        }
    }
    headers
}

/// Those of a provider's headers that the client sees. `Location` is left out where it leads elsewhere.
pub fn to_client(upstream: &HeaderMap, endpoint: &Endpoint, scrub: &Scrub) -> HeaderMap {
    let named = named_by_connection(upstream);
    let mut headers = HeaderMap::with_capacity(upstream.len() + 4);
    for (name, value) in upstream {
        let word = name.as_str();
        let stays = HOP.contains(&word)
            || UPSTREAMS.contains(&word)
            || word.starts_with("x-yumen-")
            || named.contains(name)
            || (name == header::LOCATION && !stays_at(endpoint, value));
        if !stays && !scrub.finds(value.as_bytes()) {
            headers.append(name, value.clone());
        }
    }
    headers
}

fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(|name| name.trim().parse().ok()).collect()
}

/// Whether a redirect stays at the host to which our credential goes.
fn stays_at(endpoint: &Endpoint, location: &HeaderValue) -> bool {
    let Ok(location) = location.to_str() else { return false };
    if location.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'\\') {
        return false;
    }
    if location.starts_with('/') {
        return !location.starts_with("//");
    }
    let Ok(uri) = location.parse::<http::Uri>() else { return false };
    let Some((scheme, authority)) = uri.scheme_str().zip(uri.authority()) else { return false };
    let (own, usual) = match endpoint.scheme {
        Scheme::Https => ("https", 443),
        Scheme::Http => ("http", 80),
        Scheme::Builtin => return false,
    };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    scheme.eq_ignore_ascii_case(own)
        && !authority.as_str().contains('@')
        && host.eq_ignore_ascii_case(&endpoint.host)
        && authority.port_u16().unwrap_or(usual) == endpoint.port
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
        });
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(name, value);
        }
        map
    }

    #[test]
    fn what_a_client_says_to_us_alone_stays_here() {
        let sent = map(&[
            ("content-type", "multipart/form-data; boundary=x"),
            ("accept", "text/event-stream"),
            ("openai-beta", "assistants=v2"),
            ("openai-beta", "more"),
            ("range", "bytes=0-1"),
            ("connection", "close, X-Named"),
            ("x-named", "1"),
            ("x-tracing", "of sk-yu-secret"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-yumen-anything", "1"),
        ]);
        let kept = of_client(&sent, "sk-yu-secret");
        let mut names: Vec<&str> = kept.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "content-type", "openai-beta", "range"]);
        assert_eq!(kept.get_all("openai-beta").iter().count(), 2);
        for name in HOP.iter().chain(&OURS).chain(&OVERRIDES) {
            assert!(of_client(&map(&[(name, "x")]), "").is_empty(), "{name}");
        }
    }

    #[test]
    fn a_redirect_is_told_only_while_it_stays_at_the_host() {
        let https = Endpoint::at("https://api.example.com/").unwrap();
        let http = Endpoint::at("http://[::1]:8000/").unwrap();
        for (endpoint, location, expected) in [
            (&https, "/v1/x?y", true),
            (&https, "https://api.example.com/x", true),
            (&https, "HTTPS://API.example.com:443/x", true),
            (&http, "http://[::1]:8000/x", true),
            (&https, "//evil.example/x", false),
            (&https, "/\\evil.example", false),
            (&https, "\\\\evil.example", false),
            (&https, "http://api.example.com/x", false),
            (&https, "https://api.example.com:8443/x", false),
            (&https, "https://api.example.com.evil.example/x", false),
            (&https, "https://api.example.com@evil.example/x", false),
            (&https, "https://user@api.example.com/x", false),
            (&https, "https:evil.example", false),
            (&https, "javascript:alert(1)", false),
            (&https, "relative", false),
            (&http, "http://[::1]/x", false),
        ] {
            let location = HeaderValue::from_str(location).unwrap();
            assert_eq!(stays_at(endpoint, &location), expected, "{location:?}");
        }
    }
}
