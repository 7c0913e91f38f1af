//! A call that goes through: what of it reaches the provider.

use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::route::HttpRoute;

/// A call that goes through.
#[derive(Debug)]
pub struct Call {
    /// Where to.
    pub route: HttpRoute,
    /// Its method.
    pub method: Method,
    /// Its query as it was sent, without what names our key.
    pub query: String,
    /// Those of its headers that go on.
    pub headers: HeaderMap,
    /// Its body as it was sent, still compressed where it was.
    pub body: Bytes,
}
