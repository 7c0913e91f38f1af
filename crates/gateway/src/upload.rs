//! A client's body: read whole, within its limits, and expanded when it was compressed.
//!
//! In: a request's head and its body as it comes. Out: the bytes, or why there are none. It never looks at what they say,
//! and leaves what it does not read to the caller.

use std::error::Error as _;
use std::io::{self, ErrorKind};

use bytes::{Bytes, BytesMut};
use http::{Version, request};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use yumen_config::GatewaySettings;

use crate::rejection::{Code, Rejection};
use crate::upstream::{Encoding, expand};

/// A body as it was sent.
pub struct Upload {
    raw: Bytes,
    encoding: Encoding,
}

/// Reads a body to its end, to be expanded.
pub async fn collect(
    settings: &GatewaySettings,
    head: &request::Parts,
    body: &mut Incoming,
) -> Result<Upload, Rejection> {
    let encoding = Encoding::of(&head.headers).ok_or_else(|| {
        let message = "The body's content-encoding is not one of gzip, deflate, br, zstd and identity.";
        Rejection::new(Code::UnsupportedEncoding, message)
    })?;
    Ok(Upload { raw: collect_raw(settings, head, body).await?, encoding })
}

/// Reads a body to its end, to be kept as it was sent.
pub async fn collect_raw(
    settings: &GatewaySettings,
    head: &request::Parts,
    body: &mut Incoming,
) -> Result<Bytes, Rejection> {
    let whole = read(settings.max_body_bytes, head, body);
    tokio::time::timeout(settings.body_read_timeout, whole).await.map_err(|_| {
        let seconds = settings.body_read_timeout.as_secs_f64();
        Rejection::new(Code::BodyTimeout, format!("The body did not come whole within {seconds} s."))
    })?
}

impl Upload {
    /// What was sent, of at most `limit` bytes.
    pub fn expand(self, limit: usize) -> Result<Bytes, Rejection> {
        let Self { raw, encoding } = self;
        if matches!(encoding, Encoding::Identity) {
            return Ok(raw);
        }
        let expanded = expand(encoding, &raw, limit).map_err(|error| {
            Rejection::new(
                Code::BodyUnreadable,
                format!("The body is not what its content-encoding says: {error}."),
            )
        })?;
        expanded.ok_or_else(|| too_large(limit))
    }
}

async fn read(limit: usize, head: &request::Parts, body: &mut Incoming) -> Result<Bytes, Rejection> {
    let announced = head.headers.get(http::header::CONTENT_LENGTH);
    let announced = announced.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit));
    }
    let Some(first) = next(head.version, body).await? else { return Ok(Bytes::new()) };
    if body.is_end_stream() && first.len() <= limit {
        return Ok(first);
    }
    let expected = announced.and_then(|length| usize::try_from(length).ok()).unwrap_or(first.len() * 2);
    let mut whole = BytesMut::with_capacity(expected.min(limit).min(4 << 20).max(first.len()));
    whole.extend_from_slice(&first);
    while let Some(chunk) = next(head.version, body).await? {
        if whole.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        whole.extend_from_slice(&chunk);
    }
    if whole.len() > limit {
        return Err(too_large(limit));
    }
    Ok(whole.freeze())
}

async fn next(version: Version, body: &mut Incoming) -> Result<Option<Bytes>, Rejection> {
    while let Some(frame) = body.frame().await {
        if let Ok(chunk) = frame.map_err(|error| broken_off(version, &error))?.into_data() {
            return Ok(Some(chunk));
        }
    }
    Ok(None)
}

/// A body that broke off: badly framed, or left by its client. In HTTP/2 the frames are not the body's own, so
/// only the client can have ended it.
fn broken_off(version: Version, error: &hyper::Error) -> Rejection {
    let kind = error.source().and_then(|source| source.downcast_ref::<io::Error>()).map(io::Error::kind);
    if version < Version::HTTP_2 && matches!(kind, Some(ErrorKind::InvalidInput | ErrorKind::InvalidData)) {
        return Rejection::new(Code::BodyUnreadable, "The body is not framed as its head says.").cause(error);
    }
    Rejection::new(Code::ClientGone, "The client left before its body was whole.")
}

fn too_large(limit: usize) -> Rejection {
    Rejection::new(Code::BodyTooLarge, format!("The body is larger than {limit} bytes."))
}
