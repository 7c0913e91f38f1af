//! relay for sessions: frames both ways until one side ends it, then a word to the other and the record.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Mutex as Turn;
use tokio::time::timeout;
use yumen_telemetry::Outcome;

use super::end::{End, Verdict, Whose};
use super::ledger::Ledger;
use super::models::Chosen;
use super::opening::Opening;
use super::pumps::Ways;
use crate::body::Session;
use crate::exchange::Exchange;
use crate::kinds::llm::resolve::Step;
use crate::kinds::scrub::Scrub;
use crate::rejection::Origin;
use crate::upstream::Tunnel;
use crate::websocket::{Close, Kind, Reader, Side, Writer};

/// How long the other side's last words are awaited: an answer's usage may be among them.
const LAST_WORDS_MOST: Duration = Duration::from_secs(5);
/// How long it is awaited that a side which was told so closes: a connection that is closed over unread bytes is reset,
/// and what was said last may be lost with it.
const PARTING_MOST: Duration = Duration::from_secs(2);

/// A session between its two connections.
pub struct Conversation {
    exchange: Box<Exchange>,
    upgrade: OnUpgrade,
    tunnel: Option<Tunnel>,
    idle_most: Duration,
    ways: Ways,
}

impl Conversation {
    /// The session of a call, over the connection that its provider has switched.
    pub fn new(
        exchange: Box<Exchange>,
        asked: &str,
        opening: &Opening,
        step: Step,
        (tunnel, scrub): (Tunnel, Scrub),
    ) -> Self {
        let gateway = Arc::clone(&exchange.worker().gateway);
        let settings = Arc::clone(&gateway.snapshot.load().gateway);
        let timeouts = step.provider().timeouts;
        let ways = Ways {
            settings,
            scrub,
            key: opening.key,
            generation_id: exchange.record.id.clone(),
            started: exchange.started,
            write_most: timeouts.idle,
            ledger: Mutex::new(Ledger::new(step.deployment.model.price)),
            chosen: Chosen {
                asked: asked.to_owned(),
                deployment: step.deployment,
                transcribes: opening.transcribes,
            },
            gateway,
        };
        let upgrade = opening.upgrade.clone();
        Self { exchange, upgrade, tunnel: Some(tunnel), idle_most: timeouts.idle, ways }
    }

    async fn talk(&mut self) {
        let Some(tunnel) = self.tunnel.take() else { return };
        let Ok(client) = (&mut self.upgrade).await else { return };
        self.exchange.first_byte();
        let most = self.ways.settings.max_event_bytes;
        let (from_client, to_client) = tokio::io::split(TokioIo::new(client));
        let Tunnel { io: provider, counted: _counted } = tunnel;
        let (from_provider, to_provider) = tokio::io::split(provider);
        let mut from_client = Reader::new(from_client, Side::Client, most);
        let mut from_provider = Reader::new(from_provider, Side::Server, most);
        let to_client = Turn::new(Writer::new(to_client, Side::Server));
        let to_provider = Turn::new(Writer::new(to_provider, Side::Client));
        let ways = &self.ways;
        let end = tokio::select! {
            end = ways.down(&mut from_provider, &to_client) => end,
            end = ways.up(&mut from_client, &to_provider, &to_client) => end,
            end = ways.watch(self.idle_most) => end,
        };
        let verdict = end.verdict(false);
        // Whoever is told nothing has said it himself, or is gone.
        let told_provider = tell(ways, &to_provider, verdict.to_provider);
        let told_client = tell(ways, &to_client, verdict.to_client);
        tokio::join!(told_provider, told_client);
        match &end {
            End::Closed(Whose::Client, close) => {
                let rest = ways.down(&mut from_provider, &to_client);
                let answer = match timeout(LAST_WORDS_MOST, rest).await {
                    Ok(End::Closed(_, answer)) => answer,
                    _ => close.clone(),
                };
                tell(ways, &to_client, Some(answer)).await;
            }
            End::Closed(Whose::Provider, _) | End::Broken(Whose::Provider, _) => {
                timeout(PARTING_MOST, parted(&mut from_client)).await.unwrap_or_default();
            }
            End::Broken(Whose::Client, _) | End::Ours { .. } => {
                let listened = timeout(PARTING_MOST, listened(ways, &mut from_provider));
                let _ = tokio::join!(listened, timeout(PARTING_MOST, parted(&mut from_client)));
            }
        }
        self.close(&end);
        let closing = async {
            let _ = to_client.lock().await.shutdown().await;
            let _ = to_provider.lock().await.shutdown().await;
        };
        timeout(PARTING_MOST, closing).await.unwrap_or_default();
    }

    /// Writes the record.
    fn close(&mut self, end: &End) {
        let answering = self.ways.account(|ledger| ledger.is_answering());
        let Verdict { mut outcome, code, .. } = end.verdict(answering);
        if let End::Broken(whose, fault) = end {
            tracing::debug!(id = self.exchange.record.id, ?whose, %fault, "a session broke");
        }
        self.exchange.record.error_code = code.map(|code| code.row().name.to_owned());
        if outcome == Outcome::ClientGone {
            outcome = self.exchange.gone();
        }
        let exchange = &mut self.exchange;
        if code.is_some_and(|code| code.row().origin != Origin::Upstream) {
            // What the client did, or this gateway, says nothing of the deployment.
            exchange.serving = None;
        }
        self.ways.account(|ledger| ledger.close(exchange, outcome));
    }
}

impl Session for Conversation {
    fn run(mut self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { self.talk().await })
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        if self.exchange.is_open() {
            let outcome = self.exchange.gone();
            let exchange = &mut self.exchange;
            self.ways.account(|ledger| ledger.close(exchange, outcome));
        }
    }
}

/// Tells a side that the session is closed.
async fn tell<W: AsyncWrite + Unpin>(ways: &Ways, to: &Turn<Writer<W>>, close: Option<Close>) {
    let Some(close) = close else { return };
    // A side that takes nothing any more is told nothing.
    let _ = timeout(PARTING_MOST, ways.write(to, close.frame())).await;
}

/// Waits until a side closes or is gone.
async fn parted<R: AsyncRead + Unpin>(from: &mut Reader<R>) {
    while let Ok(frame) = from.next().await {
        if frame.kind == Kind::Close {
            return;
        }
    }
}

/// The same for the provider, whose last words are counted.
async fn listened<R: AsyncRead + Unpin>(ways: &Ways, from: &mut Reader<R>) {
    let mut message = BytesMut::new();
    while let Ok(frame) = ways.next(from, &mut message).await {
        if frame.kind == Kind::Close {
            return;
        }
    }
}
