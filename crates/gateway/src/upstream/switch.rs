//! A connection to a provider that is switched to another protocol: opened for one session, and never given back.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use hyper::StatusCode;
use hyper::client::conn::http1;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use yumen_config::{Endpoint, Timeouts};

use super::connect::{Stream, connect};
use super::pool::{Phase, Pool, RequestBody, SendError};
use crate::gauges::Gauges;

/// A refusal is read up to this size.
const REFUSAL_BYTES_MOST: usize = 64 * 1024;

/// What came of a request to switch.
pub enum Switched {
    /// The connection is switched.
    Over(http::response::Parts, Tunnel),
    /// It is not, and this was said instead.
    Refused(http::response::Parts, Bytes),
}

/// A connection that was switched.
pub struct Tunnel {
    /// Its bytes.
    pub io: TokioIo<Upgraded>,
    /// Its place in the counts.
    pub counted: Counted,
}

/// One open connection in the counts.
pub struct Counted(Arc<Gauges>);

impl Counted {
    fn new(gauges: &Arc<Gauges>) -> Self {
        gauges.upstream_open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(gauges))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.upstream_open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    /// Sends a request to switch over a connection of its own, and waits for what is said to it.
    pub async fn switch(
        &self,
        endpoint: &Endpoint,
        timeouts: &Timeouts,
        request: http::Request<RequestBody>,
    ) -> Result<Switched, SendError> {
        let dial = async {
            let stream = connect(endpoint).await.map_err(SendError::Connect)?;
            let made = http1::Builder::new()
                .ignore_invalid_headers_in_responses(true)
                .handshake::<TokioIo<Stream>, RequestBody>(TokioIo::new(stream))
                .await;
            made.map_err(SendError::Broken)
        };
        let dialled = tokio::time::timeout(timeouts.connect, dial).await;
        let (sender, connection) = dialled.map_err(|_| SendError::Timeout(Phase::Connect))??;
        let counted = Counted::new(self.gauges());
        let asked = ask(sender, connection, request, counted);
        tokio::time::timeout(timeouts.first_byte, asked)
            .await
            .map_err(|_| SendError::Timeout(Phase::FirstByte))?
    }
}

/// Sends the request and reads what comes back. The connection is driven here: no task is made for it.
async fn ask(
    mut sender: http1::SendRequest<RequestBody>,
    connection: http1::Connection<TokioIo<Stream>, RequestBody>,
    request: http::Request<RequestBody>,
    counted: Counted,
) -> Result<Switched, SendError> {
    let (mut connection, mut ended) = (pin!(connection.with_upgrades()), false);
    let mut answer = pin!(sender.send_request(request));
    let mut answer = poll_fn(|cx| {
        // When it has ended it must not be asked again.
        ended = ended || connection.as_mut().poll(cx).is_ready();
        answer.as_mut().poll(cx)
    })
    .await
    .map_err(SendError::Broken)?;
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        let upgrade = hyper::upgrade::on(&mut answer);
        if !ended {
            connection.await.map_err(SendError::Broken)?;
        }
        let io = TokioIo::new(upgrade.await.map_err(SendError::Broken)?);
        return Ok(Switched::Over(answer.into_parts().0, Tunnel { io, counted }));
    }
    let (head, mut body) = answer.into_parts();
    let mut said = BytesMut::new();
    while said.len() < REFUSAL_BYTES_MOST {
        let frame = poll_fn(|cx| {
            ended = ended || connection.as_mut().poll(cx).is_ready();
            Pin::new(&mut body).poll_frame(cx)
        });
        // What has come until then is what can be told.
        let Some(Ok(frame)) = frame.await else { break };
        let Ok(piece) = frame.into_data() else { continue };
        let room = piece.len().min(REFUSAL_BYTES_MOST - said.len());
        said.extend_from_slice(piece.get(..room).unwrap_or_default());
    }
    Ok(Switched::Refused(head, said.freeze()))
}
