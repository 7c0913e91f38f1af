//! Which headers go on in each direction: lists of names, everything else stays here.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use memchr::memchr;
use smallvec::SmallVec;
use yumen_config::Endpoint;
use yumen_llm::dialects::{Dialect, Outline, codec};

use super::call::Call;

/// A client's headers that its own dialect's upstream needs.
static TO_UPSTREAM: [HeaderName; 4] = [
    HeaderName::from_static("anthropic-version"),
    HeaderName::from_static("anthropic-beta"),
    HeaderName::from_static("openai-beta"),
    HeaderName::from_static("idempotency-key"),
];

/// An upstream's headers that client libraries read.
static TO_CLIENT: [HeaderName; 10] = [
    header::CONTENT_TYPE,
    HeaderName::from_static("request-id"),
    HeaderName::from_static("x-request-id"),
    header::RETRY_AFTER,
    HeaderName::from_static("retry-after-ms"),
    HeaderName::from_static("x-should-retry"),
    HeaderName::from_static("openai-processing-ms"),
    HeaderName::from_static("openai-version"),
    HeaderName::from_static("openai-model"),
    TOKEN_SOURCE,
];

/// Copies those of `from` whose name is in `names`. A header may be said in several lines, such as `anthropic-beta`.
fn pick(from: &HeaderMap, names: &[HeaderName], to: &mut HeaderMap) {
    let mut last = None;
    for (name, value) in from.iter().filter(|(name, _)| names.contains(name)) {
        if last == Some(name) {
            to.append(name, value.clone());
        } else {
            to.insert(name, value.clone());
        }
        last = Some(name);
    }
}

/// The headers of a request to a provider, but for the proof of who asks. `stream` is the dialect in which a stream is asked
/// for, if one is.
pub fn to_upstream(
    endpoint: &Endpoint,
    dialect: Dialect,
    client: Option<&HeaderMap>,
    call: &Call,
    stream: Option<&Outline>,
) -> HeaderMap {
    let mut headers = endpoint.headers.clone();
    let whole = if codec(dialect).passing().is_some() { "*/*" } else { "application/json" };
    // One that leads to its stream is JSON.
    let here = stream.filter(|outline| !outline.asking.leads_on);
    let accept = here.map_or(whole, |outline| outline.framing.media_type());
    headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    if let Some((name, value)) = stream.and_then(|outline| outline.asking.stream_header) {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Some(client) = client {
        pick(client, &TO_UPSTREAM, &mut headers);
        // It names the boundary of the form.
        if call.form.is_some() {
            pick(client, &[header::CONTENT_TYPE], &mut headers);
        }
    }
    headers
}

/// What a form with this boundary is.
pub fn form(boundary: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}")).ok()
}

/// The betas that a client of Anthropic's API names.
pub fn betas(client: &HeaderMap) -> SmallVec<[&str; 8]> {
    let lines = client.get_all("anthropic-beta").iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|name| !name.is_empty()).collect()
}

/// What a body is, without parameters.
pub fn media_type(headers: &HeaderMap) -> &str {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let end = memchr(b';', kind.as_bytes()).unwrap_or(kind.len());
    kind.get(..end).unwrap_or_default().trim_ascii()
}

/// Whether a body is JSON.
pub fn is_json(headers: &HeaderMap) -> bool {
    let kind = media_type(headers);
    kind.eq_ignore_ascii_case("application/json") || kind.ends_with("+json")
}

/// The headers of an upstream's answer that the client sees.
pub fn to_client(upstream: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    pick(upstream, &TO_CLIENT, &mut headers);
    headers
}

/// Says whether the gateway has counted tokens or estimated them; absent where the provider has counted.
const TOKEN_SOURCE: HeaderName = HeaderName::from_static("x-yumen-token-source");

/// The header of a count that the gateway makes itself.
pub fn token_source(is_exact: bool) -> (HeaderName, HeaderValue) {
    (TOKEN_SOURCE, HeaderValue::from_static(if is_exact { "counted" } else { "estimated" }))
}

/// Names the fields of the request that could not be carried to the provider's dialect.
const LOSSY: HeaderName = HeaderName::from_static("x-yumen-lossy");
/// More names than this are told by their number: a client chooses how many there are.
const LOSSY_NAMES_MOST: usize = 16;
const LOSSY_NAME_BYTES_MOST: usize = 64;

/// The header that lists what was lost of a request; none where nothing was.
pub fn lossy(names: &[String]) -> Option<(HeaderName, HeaderValue)> {
    let sayable =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']' | b':');
    let shown = names.iter().filter(|name| name.len() <= LOSSY_NAME_BYTES_MOST && name.bytes().all(sayable));
    let shown: Vec<&str> = shown.take(LOSSY_NAMES_MOST).map(String::as_str).collect();
    let mut list = shown.join(", ");
    if shown.len() < names.len() {
        let more = format!("{} more", names.len() - shown.len());
        list = if list.is_empty() { more } else { format!("{list}, {more}") };
    }
    (!list.is_empty()).then(|| Some((LOSSY, HeaderValue::from_str(&list).ok()?))).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn betas_are_read_from_all_lines() {
        let mut headers = HeaderMap::new();
        assert!(betas(&headers).is_empty());
        for line in ["a, b", " ", "c,"] {
            headers.append("anthropic-beta", HeaderValue::from_static(line));
        }
        assert_eq!(betas(&headers).as_slice(), ["a", "b", "c"]);
    }

    #[test]
    fn losses_are_listed_as_far_as_a_header_can() {
        let told = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            lossy(&names).map(|(_, value)| value.to_str().unwrap().to_owned())
        };
        assert_eq!(told(&[]), None);
        assert_eq!(told(&["seed", "messages.name"]).unwrap(), "seed, messages.name");
        assert_eq!(told(&["seed", "a\r\nx: y", "玉"]).unwrap(), "seed, 2 more");
        assert_eq!(told(&["\n"]).unwrap(), "1 more");
        assert!(told(&["n"; 40]).unwrap().ends_with("n, 24 more"));
    }
}
