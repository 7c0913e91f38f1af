//! A recorded exchange asked again: the choice that other settings would make for it.
//!
//! In: a record, the key that the settings have for it, and how deployments do at that moment. Out: the plan or the refusal,
//! found by the same stages as for a request. A record holds no text, so what only the request's body tells is taken as empty,
//! and said to be so where a rule reads it. Nothing is sent.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, request};
use serde_json::{Value as Json, json};
use yumen_config::cel::{Attribute, Facts, Fault, Map, Value};
use yumen_config::{Snapshot, VirtualKey};
use yumen_llm::dialects::{ALL, Operation, Outline};
use yumen_llm::json::Kind;
use yumen_telemetry::ExchangeRecord;

use super::auto::chosen;
use super::call::Call;
use super::intent::by_pattern;
use super::resolve::{Live, Plan, resolve};
use super::rules::{Looked, PARTS, Request, look_with};
use super::{decode, preset};
use crate::rejection::Rejection;
use crate::route::{InPath, LlmRoute, Skin, Task};
use crate::stages;

/// Recorded exchanges asked again of one configuration.
#[derive(Debug)]
pub struct Replay<'s> {
    snapshot: &'s Snapshot,
    head: request::Parts,
}

/// What would be done with a recorded exchange.
#[derive(Debug)]
pub struct Replayed {
    /// What would be tried, or why nothing.
    pub plan: Result<Plan, Rejection>,
    /// Whether a rule has read what no record holds.
    pub is_guessed: bool,
}

impl<'s> Replay<'s> {
    /// With these settings.
    pub fn new(snapshot: &'s Snapshot) -> Self {
        let (head, ()) = http::Request::new(()).into_parts();
        Self { snapshot, head }
    }

    /// Chooses for a recorded exchange whose prompt has so many tokens; nothing where no choice of this kind was made for it.
    pub fn choose(
        &self,
        live: &Live<'_>,
        key: &VirtualKey,
        record: &ExchangeRecord,
        tokens: u64,
    ) -> Option<Replayed> {
        let outline = asked_in(record)?;
        let met = Cell::new(false);
        let plan = self.call(outline, record, tokens).and_then(|call| {
            let call = chosen(self.snapshot, key, call, &HeaderMap::new())?;
            for model in call.to_permit(key) {
                stages::permitted(self.snapshot, key, model)?;
            }
            let looked = self.look(live, key, record, &call, &met);
            let call = looked.obeyed(self.snapshot, call)?;
            resolve(live, self.snapshot, key, &looked.ask(self.snapshot, &call, &self.head.headers))
        });
        Some(Replayed { plan, is_guessed: met.get() })
    }

    /// The rule that decides, if one does.
    fn look(
        &self,
        live: &Live<'_>,
        key: &VirtualKey,
        record: &ExchangeRecord,
        call: &Call,
        met: &Cell<bool>,
    ) -> Looked<'s> {
        let (snapshot, rules) = (self.snapshot, &self.snapshot.rules);
        if rules.list.is_empty() {
            return Looked::default();
        }
        let recorded = record.route.as_ref().and_then(|route| route.category.as_deref());
        let category = rules.read(Attribute::Category).then(|| match recorded {
            Some(category) => Arc::from(category),
            None => by_pattern(&snapshot.intent, call),
        });
        let request = Request::new(call, key, &self.head, (live.draw)(PARTS), category.as_deref())
            .at(record.started_at_us.div_euclid(1_000_000));
        look_with(snapshot, call, &Recorded { request: &request, knows_category: recorded.is_some(), met })
    }

    /// The call as far as it is known.
    fn call(&self, outline: &Outline, record: &ExchangeRecord, tokens: u64) -> Result<Box<Call>, Rejection> {
        let in_path = InPath {
            model: record.model_requested.clone(),
            stream: record.streamed,
            json_array: false,
            ai_sdk_version: 0,
        };
        let route = LlmRoute {
            dialect: outline.dialect,
            task: Task::Generate,
            skin: Skin::Plain,
            in_path: Some(in_path),
        };
        let call = decode::read(&self.snapshot.gateway, route, body(outline, preset_of(record)))?;
        let mut call = decode::understood(self.snapshot, call, &HeaderMap::new())?;
        // Whether the preset stood in the place of a model is not recorded: a key that may use it needs no more.
        call.addressed_preset = call.preset.is_some();
        call.recorded_tokens = Some(tokens);
        Ok(call)
    }
}

/// The dialect in which a text was asked for; none for what is no question to a model, or one of another kind.
fn asked_in(record: &ExchangeRecord) -> Option<&'static Outline> {
    let is_text =
        |operation| matches!(operation, Operation::Chat | Operation::Completions | Operation::Embeddings);
    ALL.iter().map(|codec| codec.outline()).find(|outline| {
        outline.clients
            && outline.name == record.dialect
            && outline.operation.word() == record.operation
            && is_text(outline.operation)
    })
}

/// The preset that a request has asked for itself.
fn preset_of(record: &ExchangeRecord) -> Option<&str> {
    let route = record.route.as_ref().filter(|route| route.rule.is_none())?;
    let label = route.preset.as_deref()?;
    Some(label.rsplit_once('@').map_or(label, |(name, _)| name))
}

/// A request that says nothing.
fn body(outline: &Outline, preset: Option<&str>) -> Bytes {
    let nothing = match outline.content_kinds.first() {
        Some(Kind::Array) => json!([]),
        Some(Kind::Object) => json!({}),
        _ => json!(""),
    };
    let mut members = serde_json::Map::new();
    members.insert(outline.content.to_owned(), nothing);
    if let Some(preset) = preset {
        members.insert(preset::MEMBER.to_owned(), json!(preset));
    }
    Json::Object(members).to_string().into()
}

/// What conditions read, with a note of whether they read what no record holds.
struct Recorded<'r, 'a> {
    request: &'r Request<'a>,
    knows_category: bool,
    met: &'r Cell<bool>,
}

impl Facts for Recorded<'_, '_> {
    fn attribute(&self, attribute: Attribute) -> Result<Value<'_>, Fault> {
        let is_recorded = match attribute {
            Attribute::Category => self.knows_category,
            Attribute::Path
            | Attribute::MaxTokens
            | Attribute::Tools
            | Attribute::ToolNames
            | Attribute::Images
            | Attribute::LastMessage
            | Attribute::MessagesText
            | Attribute::Tags
            | Attribute::Session => false,
            _ => true,
        };
        self.met.set(self.met.get() || !is_recorded);
        self.request.attribute(attribute)
    }

    fn entry(&self, map: Map, name: &str) -> Option<Cow<'_, str>> {
        self.met.set(true);
        self.request.entry(map, name)
    }

    fn split(&self, name: &str, by: Option<&str>) -> f64 {
        // Without a text of its own it goes by the session, which is not recorded.
        self.met.set(self.met.get() || by.is_none());
        self.request.split(name, by)
    }
}
