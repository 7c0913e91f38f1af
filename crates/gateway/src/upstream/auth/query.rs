//! A secret as a parameter of the query, as Google's and Baidu's older interfaces take it.
//!
//! In: a URL and `name=value`, encoded. Out: the URL with it at the end of its query.

use http::Uri;
use http::uri::PathAndQuery;

/// Adds a parameter to a URL's query.
pub(super) fn add(uri: &mut Uri, pair: &str) {
    let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let separator = if path.contains('?') { '&' } else { '?' };
    let Ok(path) = PathAndQuery::try_from(format!("{path}{separator}{pair}")) else { return };
    let mut parts = std::mem::take(uri).into_parts();
    parts.path_and_query = Some(path);
    // Only what stands before the path could be wrong, and that is as it was.
    if let Ok(whole) = Uri::from_parts(parts) {
        *uri = whole;
    }
}
