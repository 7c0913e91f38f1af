//! The fetching of one file.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use yumen_config::FetchSettings;

use super::address::is_open;
use super::files::File;
use super::kind::media_type;
use super::place::Place;
use super::refusal::Refusal;
use super::room::{Place as Held, Room};
use crate::upstream::connect_to;

/// How often an address may lead on to another.
const REDIRECTS_MOST: usize = 3;
/// Largest head of an answer.
const HEAD_BYTES_MOST: usize = 64 << 10;

/// What came of asking one address.
enum Came {
    File(Vec<u8>, Held),
    /// It lies elsewhere.
    Moved(String),
}

/// The bounds of one file.
pub(super) struct Bounds {
    pub settings: Arc<FetchSettings>,
    /// What all files of the request may still have in bytes; each takes its own from there.
    pub left: Arc<AtomicUsize>,
    /// What the files of all requests share.
    pub room: Arc<Room>,
    /// Until when it may take.
    pub deadline: Instant,
}

/// Fetches a file.
pub(super) async fn fetch(address: &str, bounds: &Bounds) -> Result<File, Refusal> {
    let mut place = Place::read(address)?;
    for _ in 0..=REDIRECTS_MOST {
        match ask(&place, bounds).await? {
            Came::File(bytes, held) => {
                let media_type = media_type(&bytes).ok_or(Refusal::Kind)?;
                return Ok(File { media_type, base64: STANDARD.encode(&bytes), _place: held });
            }
            Came::Moved(location) => place = place.follow(&location)?,
        }
    }
    Err(Refusal::Redirects(REDIRECTS_MOST))
}

/// The addresses of a host, all of which may be connected to. A name with one that may not is refused whole: it is
/// either a slip or a trick.
async fn checked(place: &Place, settings: &FetchSettings) -> Result<Vec<SocketAddr>, Refusal> {
    if !settings.ports.contains(&place.port) {
        return Err(Refusal::Port(place.port));
    }
    let addresses: Vec<SocketAddr> = match place.literal {
        Some(address) => vec![(address, place.port).into()],
        None => {
            let found = tokio::net::lookup_host((&*place.host, place.port)).await;
            found.map_err(|_| Refusal::Closed)?.collect()
        }
    };
    let open = |address: &SocketAddr| is_open(address.ip(), &settings.allowed);
    if addresses.is_empty() || !addresses.iter().all(open) {
        return Err(Refusal::Closed);
    }
    Ok(addresses)
}

async fn ask(place: &Place, bounds: &Bounds) -> Result<Came, Refusal> {
    let addresses = checked(place, &bounds.settings).await?;
    let unreachable = |_| Refusal::Unreachable;
    let stream = connect_to(addresses, place.scheme, &place.host).await.map_err(|_| Refusal::Unreachable)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MOST)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(unreachable)?;
    // Dropping the set closes the connection.
    let mut connections = JoinSet::new();
    connections.spawn(connection);
    let response = sender.send_request(request(place)?).await.map_err(unreachable)?;
    match response.status().as_u16() {
        200 => read(response, bounds).await.map(|(bytes, held)| Came::File(bytes, held)),
        status @ (301 | 302 | 303 | 307 | 308) => {
            let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
            location.map(|location| Came::Moved(location.to_owned())).ok_or(Refusal::Status(status))
        }
        status => Err(Refusal::Status(status)),
    }
}

/// Nothing of the client's request stands in it.
fn request(place: &Place) -> Result<Request<Empty<Bytes>>, Refusal> {
    Request::get(&place.target)
        .header(header::HOST, place.authority())
        .header(header::USER_AGENT, HeaderValue::from_static(concat!("yumen/", env!("CARGO_PKG_VERSION"))))
        .header(header::ACCEPT, HeaderValue::from_static("image/*, application/pdf"))
        .header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))
        .header(header::CONNECTION, HeaderValue::from_static("close"))
        .body(Empty::new())
        .map_err(|_| Refusal::Spelling)
}

async fn read(response: Response<Incoming>, bounds: &Bounds) -> Result<(Vec<u8>, Held), Refusal> {
    let Bounds { settings, left, room, deadline } = bounds;
    let most = settings.max_bytes;
    let mut body = response.into_body();
    let hint = body.size_hint();
    if hint.lower() > most as u64 {
        return Err(Refusal::TooLarge(most));
    }
    // Whoever does not say how much it is may send as much as is allowed.
    let said = hint.upper().and_then(|said| usize::try_from(said).ok()).unwrap_or(most);
    let taking = room.take(said.min(most), settings.max_total_bytes);
    let held = timeout_at(*deadline, taking).await;
    let mut held = held.map_err(|_| Refusal::Crowded(settings.max_total_bytes))?;
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::Unreachable)?;
        let Some(chunk) = frame.data_ref() else { continue };
        if chunk.len() > most.saturating_sub(bytes.len()) {
            return Err(Refusal::TooLarge(most));
        }
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(chunk.len()))
            .map_err(|_| Refusal::TooLargeTogether(together(settings)))?;
        bytes.extend_from_slice(chunk);
    }
    held.shrink(bytes.len());
    Ok((bytes, held))
}

/// What all files of a request may have in bytes.
pub(super) fn together(settings: &FetchSettings) -> usize {
    settings.max_bytes.saturating_mul(2)
}
