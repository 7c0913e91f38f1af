//! The base URL of a provider, below which calls go through as they are.
//!
//! In: a base URL. Out: where to connect, and the path and query of a call. It never changes a path.

use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue};

use crate::endpoint::{Endpoint, EndpointError, RequestPath, Scheme};
use crate::path_rules::PlainPath;

/// The base URL of a provider.
#[derive(Debug, Clone)]
pub struct Base {
    /// Where to connect, and the headers that each call has. Its paths are those of the base alone.
    pub endpoint: Endpoint,
    path: Arc<str>,
    query: Option<Arc<str>>,
}

impl Base {
    /// Takes a base URL apart.
    pub(crate) fn new(base_url: &str, headers: &[(HeaderName, HeaderValue)]) -> Result<Self, EndpointError> {
        let endpoint = Endpoint::join(base_url, "")?.with_headers(headers);
        if endpoint.scheme == Scheme::Builtin {
            return Err(EndpointError::Scheme);
        }
        let RequestPath::Fixed(whole) = &endpoint.path else { return Err(EndpointError::Character) };
        let path = Arc::from(whole.path().trim_end_matches('/'));
        let query = whole.query().filter(|query| !query.is_empty()).map(Arc::from);
        Ok(Self { endpoint, path, query })
    }

    /// The path at the provider: the base's own, then the call's, byte for byte.
    pub fn path_to(&self, path: PlainPath<'_>) -> String {
        format!("{}{}", self.path, path.as_str())
    }

    /// What of a path at the provider stands below the base.
    pub fn below<'p>(&self, path: &'p str) -> Option<&'p str> {
        path.strip_prefix(&*self.path).filter(|rest| rest.starts_with('/'))
    }

    /// The query that belongs to the base, such as a version.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// Path and query of a call; the base's query comes first.
    pub fn target(&self, path: PlainPath<'_>, query: &str) -> Option<PathAndQuery> {
        let mut target = self.path_to(path);
        for (part, separator) in [self.query().unwrap_or_default(), query]
            .into_iter()
            .filter(|part| !part.is_empty())
            .zip(['?', '&'])
        {
            target.push(separator);
            target.push_str(part);
        }
        target.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn base(url: &str) -> Base {
        Base::new(url, &[]).unwrap()
    }

    #[test]
    fn a_path_stands_behind_the_base() {
        for (url, path, query, expected) in [
            ("https://api.openai.com/v1", "/files", "", "/v1/files"),
            ("https://api.openai.com/v1//", "/files", "a=1&b", "/v1/files?a=1&b"),
            ("https://host", "/a/b", "", "/a/b"),
            ("https://host/x?api-version=1", "/a", "q=2", "/x/a?api-version=1&q=2"),
            ("https://host?v=1", "/a", "", "/a?v=1"),
        ] {
            let target = base(url).target(PlainPath::parse(path).unwrap(), query).unwrap();
            assert_eq!(target.as_str(), expected);
        }
        let below = |url, path| base(url).below(path).map(str::to_owned);
        assert_eq!(below("https://host/v1", "/v1/responses").as_deref(), Some("/responses"));
        assert_eq!(
            (below("https://host/v1", "/v1x"), below("https://host", "/a")),
            (None, Some("/a".into()))
        );
        assert!(Base::new("builtin://demo", &[]).is_err() && Base::new("https://host/{model}", &[]).is_err());
    }

    proptest! {
        #[test]
        fn an_allowed_path_is_sent_byte_for_byte(path in "(/[a-zA-Z0-9._~!$&'()*+,=:@-]{1,8}(%(20|22|3A|E7%8E%89))?){1,5}") {
            if let Ok(plain) = PlainPath::parse(&path) {
                for (url, before) in [("https://host/v1", "/v1"), ("http://host", "")] {
                    let target = base(url).target(plain, "").unwrap();
                    prop_assert_eq!(target.path(), format!("{before}{path}"));
                }
            }
        }
    }
}
