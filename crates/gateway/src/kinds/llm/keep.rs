//! What is remembered of an answer of the Responses API, before its client can go on with it.
//!
//! In: an answer on its way. Out: the same, when the response, or who owns it at its provider, is kept; or the same which says
//! that it is not. Bytes before the last event of a stream wait for nothing.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinHandle;
use yumen_config::GatewaySettings;
use yumen_llm::dialects::{Tap, memory};
use yumen_llm::json::{Read, Walk, scan_object};
use yumen_telemetry::{Account, KeepLimits, KeptResponse, LookupError, NotKept, ObjectKind, OwnedObject};

use super::arrival::{Arrival, Arrived};
use super::call::Call;
use super::memory::oldest;
use crate::exchange::Exchange;
use crate::kinds::owned::is_id;
use crate::worker::Gateway;

/// How long an answer waits for what is remembered of it.
const WRITE_MOST: Duration = Duration::from_secs(2);
/// How long a store that took nothing is left alone, in seconds: answers are not to wait one after another.
const PAUSE_S: i64 = 5;
/// The name under which it is told that an answer was not kept.
pub const LOST: &str = "store";

/// Who keeps an answer.
#[derive(Debug)]
pub enum Keep {
    /// The gateway, under this id.
    Here(String),
    /// The provider, for this account.
    There(Account),
}

/// Has a whole answer remembered, and sees to it that a stream will be.
pub async fn keep(
    exchange: &mut Exchange,
    settings: &GatewaySettings,
    call: &Call,
    mut arrival: Box<Arrival>,
) -> Box<Arrival> {
    let keep = arrival.keep.take();
    let Some(mut remembering) = keep.and_then(|keep| Remembering::new(exchange, settings, call, keep)) else {
        return arrival;
    };
    let kept = match &mut arrival.answer {
        Arrived::Stream(..) => {
            arrival.remembering = Some(Box::new(remembering));
            return arrival;
        }
        // The API of sessions keeps nothing.
        Arrived::Session(..) => return arrival,
        Arrived::Large(begin, _) => {
            remembering.seen(&first_words(begin));
            remembering.finished().await
        }
        Arrived::Whole { tap, told, streamed, .. } => {
            if let (What::There(_), false) = (&remembering.what, *streamed) {
                tap.items = memory::item_ids(told);
            }
            remembering.seen(tap);
            let at = if *streamed { memory::last_event(told) } else { 0 };
            let last = told.slice(at..);
            remembering.ended(&last, *streamed);
            let kept = remembering.finished().await;
            if kept.is_err() {
                let before = told.slice(..at);
                *told = [before, remembering.denied(last, *streamed)].concat().into();
            }
            kept
        }
    };
    if let Err(why) = kept {
        tell(exchange, &why);
        arrival.lossy.push(LOST.to_owned());
    }
    arrival
}

/// Says in the log why an answer was not kept.
pub fn tell(exchange: &Exchange, why: &NotKept) {
    tracing::warn!(id = exchange.record.id, "a response was not kept: {why}");
}

/// Something that is being remembered of an answer.
pub struct Remembering {
    gateway: Arc<Gateway>,
    key_id: String,
    created_at: i64,
    what: What,
    task: Option<JoinHandle<Result<(), NotKept>>>,
    /// Whether the answer's items are being remembered.
    has_items: bool,
}

enum What {
    Here { id: String, previous_id: Option<String>, input: Bytes, limits: KeepLimits },
    There(Account),
}

impl Remembering {
    fn new(exchange: &Exchange, settings: &GatewaySettings, call: &Call, keep: Keep) -> Option<Self> {
        let memory = call.memory.as_deref()?;
        let responses = &settings.responses;
        let what = match keep {
            Keep::There(account) => What::There(account),
            Keep::Here(id) => What::Here {
                id,
                previous_id: memory.kept().map(str::to_owned),
                input: memory.input.clone(),
                limits: KeepLimits {
                    response_bytes: responses.max_response_bytes,
                    key_bytes: responses.max_key_bytes,
                    total_bytes: responses.max_bytes,
                    since: oldest(exchange, settings),
                },
            },
        };
        Some(Self {
            gateway: Arc::clone(&exchange.worker().gateway),
            key_id: exchange.record.key_id.clone()?,
            created_at: exchange.created(),
            what,
            task: None,
            has_items: false,
        })
    }

    /// What a provider says of its answer so far. Who owns it is written as soon as its id is known, once, and who owns its
    /// items when it has ended.
    pub fn seen(&mut self, tap: &Tap) {
        let What::There(account) = &self.what else { return };
        let Some(id) = tap.id.as_ref().filter(|id| tap.stored != Some(false) && is_id(id)) else { return };
        let object = |kind, id: &String| OwnedObject {
            kind,
            id: id.clone(),
            key_id: self.key_id.clone(),
            account: account.clone(),
            model: String::new(),
            created_at: self.created_at,
        };
        let response = self.task.is_none().then(|| object(ObjectKind::Response, id));
        let is_over = tap.finished && !self.has_items;
        let items = tap.items.iter().filter(|id| is_over && is_id(id));
        let items: Vec<OwnedObject> = items.map(|id| object(ObjectKind::Item, id)).collect();
        self.has_items |= tap.finished;
        match response {
            Some(response) => self.begin(remembered(Arc::clone(&self.gateway), response, items)),
            None if !items.is_empty() => self.then_remember(items),
            None => {}
        }
    }

    /// Remembers items after their response. Servers may give an id again: then the item stays its first owner's.
    fn then_remember(&mut self, items: Vec<OwnedObject>) {
        let (gateway, before) = (Arc::clone(&self.gateway), self.task.take());
        self.begin(async move {
            if let Some(before) = before {
                before.await.map_err(|error| NotKept::Unavailable(error.to_string()))??;
            }
            let written = gateway.owners.remember(items).await;
            written.map(drop).map_err(|error| NotKept::Unavailable(error.to_string()))
        });
    }

    /// Keeps the response that ends an answer, as it is told: by itself, or in the last event of a stream.
    pub fn ended(&mut self, last: &Bytes, streamed: bool) {
        let response = if streamed { memory::ended_response(last) } else { whole_response(last) };
        let Some(response) = response.filter(|_| self.task.is_none()) else { return };
        let What::Here { id, previous_id, input, limits } = &self.what else { return };
        let kept = KeptResponse {
            id: id.clone(),
            previous_id: previous_id.clone(),
            created_at: self.created_at,
            input: input.to_vec(),
            response: response.to_vec(),
        };
        let (gateway, key_id, limits) = (Arc::clone(&self.gateway), self.key_id.clone(), *limits);
        self.begin(async move { gateway.keeper.keep(&key_id, kept, limits).await });
    }

    /// The client may leave meanwhile: the response is there.
    fn begin(&mut self, writing: impl Future<Output = Result<(), NotKept>> + Send + 'static) {
        let (gateway, now) = (Arc::clone(&self.gateway), self.created_at);
        self.task = Some(tokio::spawn(async move {
            if now.saturating_sub(gateway.store_failed_at.load(Ordering::Relaxed)) < PAUSE_S {
                return Err(NotKept::Unavailable("it has taken nothing a moment ago".to_owned()));
            }
            let written = tokio::time::timeout(WRITE_MOST, writing).await;
            let written =
                written.unwrap_or_else(|_| Err(NotKept::Unavailable(format!("nothing in {WRITE_MOST:?}"))));
            if let Err(NotKept::Unavailable(_)) = &written {
                gateway.store_failed_at.store(now, Ordering::Relaxed);
            }
            written
        }));
    }

    /// Where the bytes begin that may not be told before something is remembered: at the last event of what is written here;
    /// all of what passes through, for its write has begun long before.
    pub fn hold_from(&self, bytes: &Bytes) -> usize {
        match self.what {
            What::Here { .. } => memory::last_event(bytes),
            What::There(_) => 0,
        }
    }

    /// Whether it is remembered by now; at once where there is nothing to remember.
    pub fn poll_finished(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), NotKept>> {
        let Some(task) = &mut self.task else { return Poll::Ready(Ok(())) };
        Pin::new(task)
            .poll(cx)
            .map(|ended| ended.unwrap_or_else(|error| Err(NotKept::Unavailable(error.to_string()))))
    }

    async fn finished(&mut self) -> Result<(), NotKept> {
        std::future::poll_fn(|cx| self.poll_finished(cx)).await
    }

    /// The end of an answer, which says that it is not kept. What a provider says of its own stays as it is.
    pub fn denied(&self, last: Bytes, streamed: bool) -> Bytes {
        match (&self.what, streamed) {
            (What::There(_), _) => last,
            (What::Here { .. }, true) => memory::event_not_kept(&last),
            (What::Here { .. }, false) => memory::not_kept(&last),
        }
    }
}

/// Remembers a response together with its items, for its client waits for both. Servers may give the id of an item again: then it
/// stays its first owner's, and the response counts alone.
async fn remembered(
    gateway: Arc<Gateway>,
    response: OwnedObject,
    items: Vec<OwnedObject>,
) -> Result<(), NotKept> {
    let owners = &gateway.owners;
    let all = std::iter::once(response.clone()).chain(items).collect();
    let unavailable = |error: LookupError| NotKept::Unavailable(error.to_string());
    let is_own = owners.remember(all).await.map_err(unavailable)?
        || owners.remember(vec![response]).await.map_err(unavailable)?;
    if is_own { Ok(()) } else { Err(NotKept::IdTaken) }
}

/// A whole response, unless it has failed.
fn whole_response(told: &Bytes) -> Option<Bytes> {
    let object = scan_object(told, usize::MAX).ok()?;
    match object.string(told, "status") {
        Read::Is(status) if matches!(&*status, "completed" | "incomplete") => Some(told.clone()),
        _ => None,
    }
}

/// What the beginning of a large response says of it.
fn first_words(begin: &[u8]) -> Tap {
    let mut tap = Tap::default();
    // More of it is not there to be read.
    const DEEPEST: usize = 128;
    let Ok(mut walk) = Walk::object(begin, DEEPEST) else { return tap };
    while let Ok(Some(key)) = walk.key() {
        let Ok(value) = walk.value() else { break };
        match key {
            b"id" => tap.id = serde_json::from_slice(value).ok(),
            b"store" => tap.stored = serde_json::from_slice(value).ok(),
            _ => {}
        }
    }
    tap
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_response_says_at_its_beginning_who_it_is() {
        let said = |begin: &str| {
            let tap = first_words(begin.as_bytes());
            (tap.id, tap.stored)
        };
        assert_eq!(
            said(r#"{"id":"resp_1","store":true,"output":[{"id":"x"#),
            (Some("resp_1".into()), Some(true))
        );
        assert_eq!(said(r#"{"output":[{"id":"x"},"#), (None, None));
        assert_eq!(said("[]"), (None, None));
    }

    #[test]
    fn what_has_failed_is_not_kept() {
        let whole = |told: &'static str| whole_response(&Bytes::from_static(told.as_bytes())).is_some();
        assert!(whole(r#"{"status":"completed"}"#) && whole(r#"{"status":"incomplete"}"#));
        assert!(!whole(r#"{"status":"failed"}"#) && !whole("{") && !whole("{}"));
    }
}
