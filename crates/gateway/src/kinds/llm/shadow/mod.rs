//! Shadow traffic: copies of requests to a candidate, whose answers are compared and never returned.
//!
//! In: a call whose alias names a candidate, and what its upstream has said. Out: an exchange of its own with its own record,
//! which begins when the client's answer has come to its end. Nothing that becomes of it reaches the client, and it counts
//! against no limit of the key. It never goes where the client's own request could not.

mod compare;
mod copy;
mod heard;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, header};
use yumen_config::{Preferences, Preset, SHADOW_ALL, Shadow, Snapshot, VirtualKey};
use yumen_llm::dialects::{Dialect, Operation, codec};
use yumen_llm::framing::Framing;
use yumen_telemetry::ShadowRecord;

pub use heard::Heard;

use super::call::Call;
use super::resolve::{Plan, Variant};
use super::rules::Looked;
use crate::exchange::Exchange;
use crate::route::Task;
use crate::shadows::Fate;

/// What shadow traffic has to do with a call.
#[derive(Debug, Clone, Default)]
pub enum Role {
    /// Nothing.
    #[default]
    None,
    /// A copy of it is to be sent.
    Original(Arc<Due>),
    /// It is a copy of a call that this key made.
    Copy(Arc<str>),
}

impl Role {
    /// What keeps the words of an upstream, where they are to be compared.
    pub fn hears(&self, dialect: Dialect, framing: Option<Framing>) -> Option<Box<Heard>> {
        (!matches!(self, Self::None)).then(|| Box::new(Heard::new(dialect, framing)))
    }

    /// What is needed for the copy that is to be sent.
    pub fn due(&self) -> Option<Arc<Due>> {
        match self {
            Self::Original(due) => Some(Arc::clone(due)),
            Self::None | Self::Copy(_) => None,
        }
    }
}

/// What is needed to send a copy.
#[derive(Debug)]
pub struct Due {
    shadow: Arc<Shadow>,
    snapshot: Arc<Snapshot>,
    key: VirtualKey,
    headers: HeaderMap,
    dialect: Dialect,
    body: Bytes,
    ai_sdk_version: u8,
    asks_json: bool,
    preset: Option<Arc<Preset>>,
    /// What the rule that decided wishes.
    rule: Option<Arc<Preferences>>,
    /// Who may get it beside.
    guard: Preferences,
}

/// A client's headers that a copy does not take with it: who asks, and what makes two requests one.
const LEFT_OUT: [&str; 5] = ["x-api-key", "x-goog-api-key", "idempotency-key", "x-yumen-explain", "cookie"];

/// The call with what is needed for its copy, when it is drawn for one. For all aliases without a candidate this is one look at
/// an `Option`.
pub fn drawn(
    exchange: &Exchange,
    snapshot: &Arc<Snapshot>,
    key: &VirtualKey,
    mut call: Box<Call>,
    plan: &Plan,
    looked: &Looked<'_>,
    headers: &HeaderMap,
) -> Box<Call> {
    let Some(shadow) = &plan.shadow else { return call };
    let worker = exchange.worker();
    let shadows = &worker.gateway.shadows;
    if !can_be_copied(&call) || worker.below(SHADOW_ALL) >= shadow.share {
        return call;
    }
    if let Err(fate) = shadows.draw(shadow, Instant::now()) {
        shadows.count(&shadow.alias, fate);
        return call;
    }
    let rule = looked.rule.map(|rule| &*rule.routing);
    let mut headers = headers.clone();
    headers.remove(header::AUTHORIZATION);
    LEFT_OUT.iter().for_each(|name| drop(headers.remove(*name)));
    call.shadow = Role::Original(Arc::new(Due {
        shadow: Arc::clone(shadow),
        guard: guard(snapshot, &shadow.alias, &call, key, rule),
        snapshot: Arc::clone(snapshot),
        key: key.clone(),
        headers,
        dialect: call.dialect,
        body: call.body.clone(),
        ai_sdk_version: call.ai_sdk_version,
        asks_json: call.wish.asks_json(),
        preset: call.preset.clone(),
        rule: looked.rule.map(|rule| Arc::clone(&rule.routing)),
    }));
    call
}

/// Whether a call is a question to a model that somebody else could answer as well.
fn can_be_copied(call: &Call) -> bool {
    let is_bound = call.memory.as_ref().is_some_and(|memory| memory.background || memory.is_bound());
    call.task == Task::Generate
        && codec(call.dialect).outline().operation == Operation::Chat
        && call.form.is_none()
        // What is searched is searched, and paid for, each time.
        && call.models().all(|named| named.variant != Some(Variant::Online))
        && !is_bound
}

/// Who may get copies beside what holds for every request. What else the alias wishes of the choice is meant for its own
/// deployments: the candidate is named beside it. Those who want certain providers and no others want no copies elsewhere.
fn guard(
    snapshot: &Snapshot,
    alias: &str,
    call: &Call,
    key: &VirtualKey,
    rule: Option<&Preferences>,
) -> Preferences {
    let target = snapshot.target(alias);
    let routing = target.as_ref().map(|target| &*target.routing);
    let preset = call.preset.as_ref().map(|preset| &*preset.routing);
    let levels = [rule, call.wishes.as_deref(), preset, Some(&key.routing)];
    let strict = levels
        .into_iter()
        .flatten()
        .find(|level| level.allow_fallbacks == Some(false) && !level.order.is_empty());
    Preferences {
        no_training: routing.is_some_and(|routing| routing.no_training),
        zero_retention: routing.is_some_and(|routing| routing.zero_retention),
        regions: routing.map(|routing| routing.regions.clone()).unwrap_or_default(),
        only: strict.map(|level| level.order.clone()).unwrap_or_default(),
        ..Preferences::default()
    }
}

impl Due {
    /// Counts that no copy is sent after all.
    pub fn leave_out(&self, exchange: &Exchange, fate: Fate) {
        exchange.worker().gateway.shadows.count(&self.shadow.alias, fate);
    }

    /// Sends the copy beside everything else, now that the exchange has been closed as completed.
    pub fn send(self: Arc<Self>, exchange: &Exchange, heard: Option<Box<Heard>>) {
        let worker = Arc::clone(exchange.worker());
        let gateway = &worker.gateway;
        if gateway.draining.load(Ordering::Relaxed) {
            return;
        }
        let begun = match heard {
            // The last room for records is kept for what clients ask.
            _ if !gateway.sink.has_room() => Err(Fate::Busy),
            Some(heard) if !heard.is_too_large() => {
                gateway.shadows.begin(&self.shadow).map(|place| (place, heard))
            }
            _ => Err(Fate::Large),
        };
        let (place, heard) = match begun {
            Ok(begun) => begun,
            Err(fate) => return gateway.shadows.count(&self.shadow.alias, fate),
        };
        let record = &exchange.record;
        let original = ShadowRecord {
            of: record.id.clone(),
            alias: self.shadow.alias.to_string(),
            provider: record.provider.clone(),
            model: record.model_served.clone(),
            streamed: record.streamed,
            output_tokens: record.tokens.output,
            cost_nanos: record.cost_nanos,
            first_byte_us: record.first_byte_us,
            total_us: record.total_us,
            compared: None,
        };
        tokio::spawn(async move {
            let fate = Box::pin(self.copy(&worker, original, heard)).await;
            worker.gateway.shadows.count(&self.shadow.alias, fate);
            drop(place);
        });
    }
}
