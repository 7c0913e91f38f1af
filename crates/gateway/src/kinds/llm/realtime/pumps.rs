//! The two ways of a session: frames of the client to the provider, and back. Each waits for the side that takes its
//! frames, so that nobody sends faster than the other reads; neither waits for the other way.
//!
//! In: frames. Out: the same frames, and at last why no more go this way. A client's messages are looked at before they go
//! on, so one that comes in several frames is put together; a provider's go on frame by frame.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Mutex as Turn;
use yumen_config::{GatewaySettings, KeyHash, Snapshot, VirtualKey};
use yumen_llm::dialects::{Heard, named_models, read_event};

use super::end::{End, Whose};
use super::ledger::Ledger;
use super::models::{Chosen, refusal, spell};
use crate::kinds::scrub::Scrub;
use crate::rejection::{Code, Rejection};
use crate::stages::good;
use crate::websocket::{Close, Fault, Frame, Kind, Reader, Writer};
use crate::worker::Gateway;

/// A code for messages that are of a kind that nobody takes here.
const UNSUPPORTED: u16 = 1003;

/// What both ways know.
pub struct Ways {
    pub gateway: Arc<Gateway>,
    pub settings: Arc<GatewaySettings>,
    /// Takes our own secrets out of what a provider says of an error.
    pub scrub: Scrub,
    pub key: KeyHash,
    pub chosen: Chosen,
    pub generation_id: String,
    pub started: Instant,
    /// How long a side may take no byte.
    pub write_most: Duration,
    pub ledger: Mutex<Ledger>,
}

impl Ways {
    /// Looks at the account, or changes it.
    pub fn account<T>(&self, with: impl FnOnce(&mut Ledger) -> T) -> T {
        with(&mut self.ledger.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The key of the session as it is now; none where it is no longer good.
    pub fn key(&self, snapshot: &Snapshot) -> Option<Arc<VirtualKey>> {
        snapshot.keys.get(&self.key).filter(|key| good(key).is_ok()).cloned()
    }

    /// From the client to the provider.
    pub async fn up<R, W, B>(&self, from: &mut Reader<R>, to: &Turn<Writer<W>>, back: &Turn<Writer<B>>) -> End
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
        B: AsyncWrite + Unpin,
    {
        let mut message = BytesMut::new();
        loop {
            let frame = match from.next().await {
                Ok(frame) => frame,
                Err(fault) => return End::Broken(Whose::Client, fault),
            };
            self.account(|ledger| ledger.heard = Instant::now());
            let whole = match frame.kind {
                Kind::Close => return closed(Whose::Client, &frame),
                Kind::Ping | Kind::Pong => Ok(frame),
                Kind::Binary => {
                    let close = Close::with(UNSUPPORTED, "Events are sent as text.");
                    return End::Ours { close, code: Some(Code::BodyUnreadable) };
                }
                Kind::Text | Kind::More if !frame.last => {
                    message.unsplit(frame.payload);
                    continue;
                }
                Kind::Text => self.permitted(frame.payload),
                Kind::More => {
                    message.unsplit(frame.payload);
                    self.permitted(std::mem::take(&mut message))
                }
            };
            let (whose, sent) = match whole {
                Ok(frame) => (Whose::Provider, self.write(to, frame).await),
                Err(refused) => (Whose::Client, self.write(back, refused).await),
            };
            if let Err(fault) = sent {
                return End::Broken(whose, fault);
            }
        }
    }

    /// From the provider to the client.
    pub async fn down<R, W>(&self, from: &mut Reader<R>, to: &Turn<Writer<W>>) -> End
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut message = BytesMut::new();
        loop {
            let frame = match self.next(from, &mut message).await {
                Ok(frame) if frame.kind == Kind::Close => return closed(Whose::Provider, &frame),
                Ok(frame) => frame,
                Err(fault) => return End::Broken(Whose::Provider, fault),
            };
            if let Err(fault) = self.write(to, frame).await {
                return End::Broken(Whose::Client, fault);
            }
        }
    }

    /// The provider's next frame, with the account up to date before anybody sees it.
    pub async fn next<R>(&self, from: &mut Reader<R>, message: &mut BytesMut) -> Result<Frame, Fault>
    where
        R: AsyncRead + Unpin,
    {
        let mut frame = from.next().await?;
        let now = Instant::now();
        let heard = match (frame.kind, frame.last) {
            (Kind::Text, true) => Some(read_event(&frame.payload)),
            (Kind::Text | Kind::More, false) => {
                message.extend_from_slice(&frame.payload);
                None
            }
            (Kind::More, true) => {
                message.extend_from_slice(&frame.payload);
                Some(read_event(&std::mem::take(message)))
            }
            _ => None,
        };
        if heard == Some(Heard::Failed) && self.scrub.finds(&frame.payload) {
            frame.payload = self.scrub.bytes(frame.payload.freeze()).into();
        }
        self.account(|ledger| {
            (ledger.heard, ledger.told) = (now, now);
            if let Some(heard) = heard {
                ledger.hear(heard);
            }
        });
        Ok(frame)
    }

    /// The frame of a client's message that may go on, or that of its refusal.
    fn permitted(&self, message: BytesMut) -> Result<Frame, Frame> {
        let refused = |rejection: &Rejection, id: Option<&str>| {
            Frame::text(refusal(rejection, &self.generation_id, id))
        };
        let (named, id) = named_models(&message, self.settings.max_json_depth).map_err(|error| {
            let message = format!("The message cannot be read: {} (byte {}).", error.reason, error.position);
            refused(&Rejection::new(Code::InvalidJson, message), None)
        })?;
        if named.is_empty() {
            return Ok(Frame { kind: Kind::Text, last: true, payload: message });
        }
        let snapshot = self.gateway.snapshot.load();
        let spelt = match self.key(&snapshot) {
            Some(key) => spell(&snapshot, &key, &self.chosen, message, &named),
            None => Err(Rejection::new(Code::InvalidKey, "The virtual key is no longer good.")),
        };
        let (payload, transcriber) = spelt.map_err(|rejection| refused(&rejection, id.as_deref()))?;
        if let Some(found) = transcriber {
            self.account(|ledger| ledger.transcribed_by(found.native_id, found.price));
        }
        Ok(Frame { kind: Kind::Text, last: true, payload })
    }

    /// Writes a frame, within the time that a side may take for it.
    pub async fn write<W: AsyncWrite + Unpin>(
        &self,
        to: &Turn<Writer<W>>,
        frame: Frame,
    ) -> Result<(), Fault> {
        let written = async { to.lock().await.write(frame).await };
        let written = tokio::time::timeout(self.write_most, written).await;
        written.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())).map_err(Fault::Gone)
    }
}

/// A side has said that it closes, if it has said so properly.
fn closed(whose: Whose, frame: &Frame) -> End {
    match Close::read(&frame.payload) {
        Ok(close) => End::Closed(whose, close),
        Err(fault) => End::Broken(whose, fault),
    }
}
