//! Where a wire format is spoken: a base URL joined with a dialect's path, taken apart once.
//!
//! In: `https://host:port/base?query` and `/path`. Out: an [`Endpoint`] with everything a connection needs.
//! Messages never repeat the URL: it may hold a secret.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Where a wire format is spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `http`, `https` or `builtin`.
    pub scheme: Scheme,
    /// Host name or address without brackets.
    pub host: Arc<str>,
    /// Port.
    pub port: u16,
    /// Path and query of a request.
    pub path: RequestPath,
    /// The same for one that asks for a stream.
    pub stream_path: RequestPath,
    /// The same for one of the wire format's second form, or for one that goes on with an answer, where that is another one.
    pub second_path: Option<RequestPath>,
    /// The same for one that has tokens counted, where the provider can.
    pub count_path: Option<RequestPath>,
    /// The same for one that brings a picture.
    pub upload_path: Option<RequestPath>,
    /// Other places to which an answer may lead.
    pub leads_to: Vec<Endpoint>,
    /// The headers that every request has, `Host` among them.
    pub headers: HeaderMap,
}

/// Path and query of requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestPath {
    /// The same for all models.
    Fixed(PathAndQuery),
    /// With the provider's own model id between two parts.
    OfModel {
        /// What stands before it.
        before: Arc<str>,
        /// What stands after it.
        after: Arc<str>,
        /// Whether the id's slashes are steps of the path, as in `owner/name`.
        steps: bool,
    },
}

impl RequestPath {
    /// The path for a model. Whatever its id holds, it stays within its place; an id that could be taken for a step
    /// up the path has none.
    pub fn for_model(&self, native_id: &str) -> Option<PathAndQuery> {
        match self {
            Self::Fixed(path) => Some(path.clone()),
            Self::OfModel { before, after, steps } => {
                let mut path = String::with_capacity(before.len() + native_id.len() + after.len());
                path.push_str(before);
                let whole = std::iter::once(native_id).filter(|_| !steps);
                let parts = native_id.split('/').filter(|_| *steps);
                for (place, step) in whole.chain(parts).enumerate() {
                    if step.bytes().all(|byte| byte == b'.') {
                        return None;
                    }
                    path.push_str(if place == 0 { "" } else { "/" });
                    push_encoded(&mut path, step.as_bytes());
                }
                path.push_str(after);
                path.try_into().ok()
            }
        }
    }
}

/// Adds bytes as they are when they are unreserved in URLs (RFC 3986), and as `%` and two digits otherwise.
pub fn push_encoded(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |value: u8| char::from(DIGITS.get(usize::from(value)).copied().unwrap_or(b'0'));
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            out.push(char::from(*byte));
        } else {
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// A text as it stands in a query or a form.
pub fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    push_encoded(&mut encoded, text.as_bytes());
    encoded
}

/// How an endpoint is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// Answered inside the gateway.
    Builtin,
}

/// What is wrong with a base URL or a path, worded to follow the field's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum EndpointError {
    #[error("must begin with `https://` or `http://`")]
    Scheme,
    #[error("must not contain a user name or a password; put the secret in `credentials`")]
    UserInfo,
    #[error("must not contain a fragment (`#…`)")]
    Fragment,
    #[error("names no host")]
    NoHost,
    #[error("has a host that is neither a name nor an address")]
    Host,
    #[error("has a port that is not a number from 1 to 65535")]
    Port,
    #[error("contains white space, a control character or a character that must be percent-encoded")]
    Character,
}

/// The paths of one wire format below a base URL. `{model}`, or `{model_path}`, may stand in each of them once.
#[derive(Debug, Clone, Default)]
pub struct Paths<'a> {
    /// For whole answers.
    pub path: Cow<'a, str>,
    /// For streams; as `path` when there is none.
    pub stream_path: Option<Cow<'a, str>>,
    /// For requests of the wire format's second form, and those that go on with an answer.
    pub second_path: Option<Cow<'a, str>>,
    /// For counting tokens.
    pub count_path: Option<Cow<'a, str>>,
    /// For bringing pictures.
    pub upload_path: Option<Cow<'a, str>>,
}

impl Endpoint {
    /// Joins a base URL and a path below it; exactly one slash stands between them.
    pub fn join(base_url: &str, path: &str) -> Result<Self, EndpointError> {
        Self::join_all(base_url, &Paths { path: Cow::Borrowed(path), ..Paths::default() })
    }

    /// A URL that is asked as it stands, such as one that gives tokens.
    pub fn at(url: &str) -> Result<Self, EndpointError> {
        let (scheme, rest) = url.split_once("://").ok_or(EndpointError::Scheme)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if url.contains(MODEL) {
            return Err(EndpointError::Character);
        }
        Self::join(&format!("{scheme}://{authority}"), path)
    }

    /// The same for all paths of a wire format.
    pub fn join_all(base_url: &str, paths: &Paths<'_>) -> Result<Self, EndpointError> {
        if !base_url.bytes().all(allowed_in_url) {
            return Err(EndpointError::Character);
        }
        if base_url.contains('#') {
            return Err(EndpointError::Fragment);
        }
        let (scheme, rest) = base_url.split_once("://").ok_or(EndpointError::Scheme)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            "builtin" => Scheme::Builtin,
            _ => return Err(EndpointError::Scheme),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, base) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let (host, port) = split_authority(authority)?;
        let default_port = match scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
            Scheme::Builtin => 0,
        };
        let path = request_path(base, &paths.path)?;
        Ok(Self {
            scheme,
            host: Arc::from(host.to_ascii_lowercase()),
            port: port.unwrap_or(default_port),
            stream_path: match paths.stream_path.as_deref() {
                Some(path) => request_path(base, path)?,
                None => path.clone(),
            },
            second_path: paths.second_path.as_deref().map(|path| request_path(base, path)).transpose()?,
            count_path: paths.count_path.as_deref().map(|path| request_path(base, path)).transpose()?,
            upload_path: paths.upload_path.as_deref().map(|path| request_path(base, path)).transpose()?,
            leads_to: Vec::new(),
            path,
            headers: common_headers(HeaderValue::from_str(authority).map_err(|_| EndpointError::Host)?),
        })
    }

    /// The place and the path of an address that an answer has told, if the answer may lead there: to where it came from,
    /// or to one of the places that are allowed beside it, and by the same scheme.
    pub fn led(&self, address: &str) -> Option<(&Self, PathAndQuery)> {
        let told = Self::at(address).ok()?;
        let is_told =
            |place: &&Self| (place.scheme, &place.host, place.port) == (told.scheme, &told.host, told.port);
        let place = std::iter::once(self).chain(&self.leads_to).find(is_told)?;
        Some((place, told.path.for_model("")?))
    }

    /// The same with these headers on each request, in place of common ones of the same name.
    pub(crate) fn with_headers(mut self, headers: &[(HeaderName, HeaderValue)]) -> Self {
        self.headers.extend(headers.iter().cloned());
        self
    }
}

/// What stands for the model's id in a path: as one step, or as the steps that its slashes make.
const MODEL: &str = "{model}";
const MODEL_PATH: &str = "{model_path}";

fn request_path(base: &str, path: &str) -> Result<RequestPath, EndpointError> {
    if path.contains('#') {
        return Err(EndpointError::Fragment);
    }
    let steps = path.contains(MODEL_PATH);
    let model = if steps { MODEL_PATH } else { MODEL };
    if !path.replacen(model, "", 1).bytes().all(allowed_in_url) {
        return Err(EndpointError::Character);
    }
    let joined = join_paths(base, path);
    let fixed = |path: String| PathAndQuery::try_from(path).map_err(|_| EndpointError::Character);
    match joined.split_once(model) {
        None => Ok(RequestPath::Fixed(fixed(joined)?)),
        Some((before, after)) => {
            fixed(format!("{before}x{after}"))?;
            Ok(RequestPath::OfModel { before: Arc::from(before), after: Arc::from(after), steps })
        }
    }
}

/// What every request says, whoever is asked.
fn common_headers(host: HeaderValue) -> HeaderMap {
    let agent = HeaderValue::from_static(concat!("yumen/", env!("CARGO_PKG_VERSION")));
    let mut headers = HeaderMap::with_capacity(12);
    headers.insert(header::HOST, host);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(header::USER_AGENT, agent);
    headers
}

/// Bytes that may stand in a URL as they are (RFC 3986), brackets only for IPv6 hosts.
fn allowed_in_url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

fn split_authority(authority: &str) -> Result<(&str, Option<u16>), EndpointError> {
    if authority.contains('@') {
        return Err(EndpointError::UserInfo);
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']').ok_or(EndpointError::Host)?;
            address.parse::<Ipv6Addr>().map_err(|_| EndpointError::Host)?;
            match after.strip_prefix(':') {
                Some(port) => (address, Some(port)),
                None if after.is_empty() => (address, None),
                None => return Err(EndpointError::Host),
            }
        }
        None => {
            let (host, port) = match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            };
            check_name(host)?;
            (host, port)
        }
    };
    let port = match port {
        None => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse().ok().filter(|port| *port != 0).ok_or(EndpointError::Port)?)
        }
        Some(_) => return Err(EndpointError::Port),
    };
    Ok((host, port))
}

fn check_name(host: &str) -> Result<(), EndpointError> {
    if host.is_empty() {
        return Err(EndpointError::NoHost);
    }
    let numeric = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let named = host.len() <= 253 && host.strip_suffix('.').unwrap_or(host).split('.').all(label);
    match if numeric { host.parse::<Ipv4Addr>().is_ok() } else { named } {
        true => Ok(()),
        false => Err(EndpointError::Host),
    }
}

/// Joins paths with one slash; the queries of both follow, the base's first.
fn join_paths(base: &str, path: &str) -> String {
    let (base, base_query) = base.split_once('?').unwrap_or((base, ""));
    let (path, path_query) = path.split_once('?').unwrap_or((path, ""));
    let mut joined = base.trim_end_matches('/').to_owned();
    if !path.trim_start_matches('/').is_empty() || joined.is_empty() {
        joined.push('/');
    }
    joined.push_str(path.trim_start_matches('/'));
    for (query, separator) in
        [base_query, path_query].into_iter().filter(|query| !query.is_empty()).zip(['?', '&'])
    {
        joined.push(separator);
        joined.push_str(query);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn urls_are_joined_with_one_slash() {
        for (base, path, expected) in [
            (
                "https://api.openai.com/v1",
                "/chat/completions",
                "https api.openai.com 443 api.openai.com /v1/chat/completions",
            ),
            (
                "https://api.anthropic.com/",
                "/v1/messages",
                "https api.anthropic.com 443 api.anthropic.com /v1/messages",
            ),
            ("http://127.0.0.1:8000/v1//", "chat", "http 127.0.0.1 8000 127.0.0.1:8000 /v1/chat"),
            ("http://[::1]:11434", "/api?a=1", "http ::1 11434 [::1]:11434 /api?a=1"),
            ("https://X.example?v=2", "/p?q=3", "https x.example 443 X.example /p?v=2&q=3"),
            ("builtin://demo", "/chat", "builtin demo 0 demo /chat"),
            ("HTTP://host/base", "", "http host 80 host /base"),
        ] {
            let found = Endpoint::join(base, path).unwrap();
            let scheme = format!("{:?}", found.scheme).to_lowercase();
            let authority = found.headers["host"].to_str().unwrap();
            let path = found.path.for_model("m").unwrap();
            assert_eq!(format!("{scheme} {} {} {authority} {path}", found.host, found.port), expected);
        }
    }

    #[test]
    fn a_whole_url_is_asked_as_it_stands() {
        for (url, expected) in [
            ("https://oauth2.googleapis.com/token", "oauth2.googleapis.com 443 /token"),
            ("http://127.0.0.1:80/oauth/token/?a=b", "127.0.0.1 80 /oauth/token/?a=b"),
            ("https://host?a=b", "host 443 /?a=b"),
            ("https://host", "host 443 /"),
        ] {
            let found = Endpoint::at(url).unwrap();
            let path = found.path.for_model("").unwrap();
            assert_eq!(format!("{} {} {path}", found.host, found.port), expected);
        }
        for bad in
            ["host/token", "ftp://host/t", "https://user@host/t", "https://host/{model}", "https://host/#"]
        {
            assert!(Endpoint::at(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_answer_leads_only_where_it_may() {
        let mut endpoint = Endpoint::join("https://api.example.com/v1", "/x").unwrap();
        endpoint.leads_to.push(Endpoint::join("https://stream.example.com", "/").unwrap());
        let led = |address: &str| endpoint.led(address).map(|(place, path)| format!("{} {path}", place.host));
        assert_eq!(led("https://stream.example.com/v1/f?a=b").unwrap(), "stream.example.com /v1/f?a=b");
        assert_eq!(led("https://API.example.com:443/v1/p").unwrap(), "api.example.com /v1/p");
        for address in [
            "http://stream.example.com/",
            "https://stream.example.com:8443/",
            "https://stream.example.com.evil.example/",
            "https://evil.example/#stream.example.com",
            "https://user@stream.example.com/",
            "https://evil.example\\@stream.example.com/",
            "https://stream.example.com./",
            "//stream.example.com/",
            "/v1/f",
            "",
        ] {
            assert_eq!(led(address), None, "{address}");
        }
    }

    #[test]
    fn a_model_stays_in_its_place_of_the_path() {
        let paths = Paths {
            path: Cow::Borrowed("/models/{model}:generate"),
            stream_path: Some(Cow::Borrowed("/models/{model}:stream?alt=sse")),
            ..Paths::default()
        };
        let found = Endpoint::join_all("https://host/v1", &paths).unwrap();
        let of = |path: &RequestPath, model: &str| path.for_model(model).map(|path| path.to_string());
        for (model, expected) in [
            ("gemini-2.5", Some("/v1/models/gemini-2.5:generate")),
            ("a/b:c", Some("/v1/models/a%2Fb%3Ac:generate")),
            ("../x", Some("/v1/models/..%2Fx:generate")),
            ("%2e%2E?a#b", Some("/v1/models/%252e%252E%3Fa%23b:generate")),
            ("玉\r\n", Some("/v1/models/%E7%8E%89%0D%0A:generate")),
            ("..", None),
            (".", None),
        ] {
            assert_eq!(of(&found.path, model).as_deref(), expected, "{model}");
        }
        assert_eq!(of(&found.stream_path, "m").unwrap(), "/v1/models/m:stream?alt=sse");
        let steps = Endpoint::join("https://host/v1", "/models/{model_path}/predictions").unwrap();
        for (model, expected) in [
            ("meta/llama-3", Some("/v1/models/meta/llama-3/predictions")),
            ("meta/llama 3:b?c", Some("/v1/models/meta/llama%203%3Ab%3Fc/predictions")),
            ("one", Some("/v1/models/one/predictions")),
            ("meta/../x", None),
            ("meta//x", None),
            ("/x", None),
        ] {
            assert_eq!(of(&steps.path, model).as_deref(), expected, "{model}");
        }
        assert!(Endpoint::join("https://host", "/{model}/{model}").is_err());
        assert!(Endpoint::join("https://host", "/{model_path}/{model}").is_err());
        assert!(Endpoint::join("https://host", "/{other}").is_err());
    }

    #[test]
    fn what_is_no_base_url_is_refused() {
        for (base, expected) in [
            ("api.openai.com/v1", EndpointError::Scheme),
            ("ftp://host", EndpointError::Scheme),
            ("https://user:pass@host/v1", EndpointError::UserInfo),
            ("https://host/#top", EndpointError::Fragment),
            ("https:///v1", EndpointError::NoHost),
            ("https://ho st/", EndpointError::Character),
            ("https://host/ü", EndpointError::Character),
            ("https://host:0", EndpointError::Port),
            ("https://host:65536", EndpointError::Port),
            ("https://host:+80", EndpointError::Port),
            ("https://host:", EndpointError::Port),
            ("https://1.2.3", EndpointError::Host),
            ("https://[::1", EndpointError::Host),
            ("https://[::1]x", EndpointError::Host),
            ("https://a..b", EndpointError::Host),
        ] {
            assert_eq!(Endpoint::join(base, "/x"), Err(expected), "{base}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_always_gives_a_path(base in "(https?://)?[a-z0-9:/?#@.\\[\\]%ü ]{0,24}", path in ".{0,12}") {
            if let Ok(endpoint) = Endpoint::join(&base, &path) {
                prop_assert!(endpoint.path.for_model("m").is_some_and(|path| path.as_str().starts_with('/')));
            }
        }
    }
}
