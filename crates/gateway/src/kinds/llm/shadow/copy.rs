//! One copy: asked whole, through the gateway itself, as a client would ask the candidate.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use yumen_llm::dialects::{Dialect, codec};
use yumen_llm::ir::{Answer, Request, Tool};
use yumen_llm::json::{Edit, splice};
use yumen_telemetry::ShadowRecord;

use super::compare::compare;
use super::{Due, Heard, Role};
use crate::exchange::Exchange;
use crate::kinds::llm::arrival::Arrived;
use crate::kinds::llm::call::Call;
use crate::kinds::llm::decode;
use crate::kinds::llm::dispatch::dispatch;
use crate::kinds::llm::heal::is_only_healing;
use crate::kinds::llm::intent::{choose, failed};
use crate::kinds::llm::relay::relay;
use crate::kinds::llm::resolve::{Ask, split_variant};
use crate::rejection::Rejection;
use crate::route::{InPath, LlmRoute, Skin, Task};
use crate::shadows::Fate;
use crate::worker::Worker;

/// The operation under which it is recorded.
const OPERATION: &str = "shadow";
/// Members of requests that have servers do something: nobody has asked for that twice.
const WORKING: [&str; 3] = ["mcp_servers", "container", "search_parameters"];

impl Due {
    /// Asks the candidate and records how its answer compares.
    pub(super) async fn copy(&self, worker: &Arc<Worker>, original: ShadowRecord, heard: Box<Heard>) -> Fate {
        let (dialect, body) = (self.dialect, self.body.clone());
        // Parsing takes its time with large answers, and this thread serves clients.
        let read = move || if only_answers(dialect, &body) { heard.read() } else { None };
        let Ok(Some(answer)) = tokio::task::spawn_blocking(read).await else { return Fate::Unfit };
        let mut exchange = Box::new(Exchange::open(worker));
        exchange.routed(&self.route());
        OPERATION.clone_into(&mut exchange.record.operation);
        // Whoever looks at a key's usage does not find it there; whoever looks at all keys' does, by the alias.
        let payer = format!("{OPERATION}:{}", self.shadow.alias);
        exchange.record.key_name = Some(payer.clone());
        exchange.record.key_id = Some(payer);
        exchange.record.model_requested = self.shadow.model.to_string();
        exchange.record.shadow = Some(Box::new(original));
        let asked = async {
            let call = self.call()?;
            let plan = {
                let mut ask = Ask::of(&call, &self.headers);
                (ask.rule, ask.guard) = (self.rule.as_deref(), Some(&self.guard));
                choose(worker, &self.snapshot, &self.key, &ask)?
            };
            exchange.chosen(plan.decision.record(None));
            let settings = &self.snapshot.gateway;
            let arrival = dispatch(&mut exchange, settings, &call, &plan, &self.headers).await?;
            Ok::<_, Rejection>((call, arrival))
        };
        let (call, mut arrival) = match asked.await {
            Ok(answered) => answered,
            Err(rejection) => {
                failed(&mut exchange, &rejection);
                return Fate::Failed;
            }
        };
        if let Arrived::Whole { heard, .. } = &mut arrival.answer
            && let Some(heard) = heard.take()
        {
            self.compare(&mut exchange, answer, heard).await;
        }
        let answer = relay(exchange, call, arrival);
        // Nobody wants it; a large one is read so that its record says what it has used.
        let mut body = answer.body;
        while let Some(frame) = body.frame().await {
            if frame.is_err() {
                return Fate::Failed;
            }
        }
        Fate::Answered
    }

    async fn compare(&self, exchange: &mut Exchange, answer: Answer, heard: Box<Heard>) {
        let json = self.asks_json;
        let compared = move || heard.read().map(|copy| compare(answer, copy, json));
        let compared = tokio::task::spawn_blocking(compared).await.ok().flatten();
        if let Some(shadow) = &mut exchange.record.shadow {
            shadow.compared = compared;
        }
    }

    fn route(&self) -> LlmRoute {
        let (model, ai_sdk_version) = (self.shadow.model.to_string(), self.ai_sdk_version);
        let said = InPath { model, stream: false, json_array: false, ai_sdk_version };
        LlmRoute { dialect: self.dialect, task: Task::Generate, skin: Skin::Plain, in_path: Some(said) }
    }

    /// The call as it was, but that it asks the candidate for a whole answer that nobody keeps.
    fn call(&self) -> Result<Box<Call>, Rejection> {
        let settings = &self.snapshot.gateway;
        let call = decode::read(settings, self.route(), self.body.clone())?;
        let says = |name: &str| call.object.get(&call.body, name).is_some();
        let no = || Bytes::from_static(b"false");
        let mut edits = Vec::new();
        if says("stream") || codec(self.dialect).outline().streams_by_default {
            edits.push(Edit::Set { name: "stream", value: no() });
        }
        if says("stream_options") {
            edits.push(Edit::Remove { name: "stream_options" });
        }
        if says("store") || self.dialect == Dialect::OpenAiResponses {
            edits.push(Edit::Set { name: "store", value: no() });
        }
        let mut call = match edits.is_empty() {
            true => call,
            false => {
                let body = splice(&call.body, &call.object, &edits).concat();
                decode::read(settings, self.route(), body.into())?
            }
        };
        let (model, variant) = split_variant(&self.snapshot, &self.shadow.model);
        (call.model, call.variant) = (model.to_owned(), variant);
        call.fallbacks.clear();
        call.memory = None;
        call.preset.clone_from(&self.preset);
        call.shadow = Role::Copy(Arc::clone(&self.key.id));
        call.decide_healing(&self.snapshot, &self.key);
        Ok(call)
    }
}

/// Whether a request asks for an answer and nothing else: what a provider's own tools do is done, and paid for, each time.
fn only_answers(dialect: Dialect, body: &[u8]) -> bool {
    let Ok(Request::Chat(chat)) = codec(dialect).decode_request(body) else { return false };
    let has_server_tool =
        chat.web_search.is_some() || chat.tools.iter().any(|tool| matches!(tool, Tool::Other { .. }));
    let works = chat.extra.iter().any(|(name, value)| match name.as_str() {
        "plugins" => !is_only_healing(value.get().as_bytes()),
        name => WORKING.contains(&name),
    });
    !has_server_tool && !works
}
