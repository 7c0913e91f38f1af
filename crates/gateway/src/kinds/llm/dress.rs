//! An answer's dress: what clients of another gateway look for, put around what the provider said.
//!
//! In: whole answers and events in the client's dialect. Out: the same, dressed. It keeps what it needs of the exchange,
//! because a stream outlives the try that began it.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use yumen_config::{Deployment, Word as _};
use yumen_llm::dialects::{Dialect, ErrorFacts, Tap, codec};
use yumen_llm::price::Price;
use yumen_llm::skins::openrouter::{self, ErrorContext, Facts};
use yumen_llm::skins::{openrouter_responses, vercel};
use yumen_telemetry::HealRecord;

use super::attempt::Try;
use crate::exchange::Exchange;
use crate::route::Skin;

/// What an answer is dressed with.
pub struct Dress {
    skin: Skin,
    dialect: Dialect,
    id: String,
    created: i64,
    provider: Arc<str>,
    provider_id: Arc<str>,
    requested: String,
    model: Arc<str>,
    native_model: Arc<str>,
    price: Option<Price>,
    /// What earlier parts of the answer cost; nothing where nobody knows.
    before: Option<u64>,
    trace: Option<Value>,
}

impl Dress {
    /// The dress of an answer to this try; none where the provider's own words go on as they are.
    pub fn of(attempt: &Try<'_>, exchange: &Exchange) -> Option<Self> {
        let call = attempt.call;
        // Other dialects have no place for it.
        let dressed = match call.skin {
            Skin::Plain => false,
            Skin::Vercel => call.dialect == Dialect::OpenAiChat,
            Skin::OpenRouter => matches!(
                call.dialect,
                Dialect::OpenAiChat
                    | Dialect::OpenAiCompletions
                    | Dialect::OpenAiEmbeddings
                    | Dialect::OpenAiResponses
            ),
        };
        if !dressed {
            return None;
        }
        let Deployment { provider, model, .. } = &attempt.step.deployment;
        Some(Self {
            skin: call.skin,
            dialect: call.dialect,
            id: exchange.record.id.clone(),
            created: exchange.created(),
            provider: Arc::clone(&provider.name),
            provider_id: Arc::clone(&provider.id),
            requested: call.model.clone(),
            native_model: Arc::clone(&model.native_id),
            model: Arc::clone(model.name()),
            price: model.price,
            before: exchange.cost_before(),
            trace: call.wants_trace.then(|| trace(attempt, exchange)),
        })
    }

    /// Notes what was paid beside this answer, once it is known.
    pub fn paid_before(&mut self, before: Option<u64>) {
        self.before = before;
    }

    /// What is charged for an answer, as far as it is known.
    fn price_for(&self, tap: &Tap) -> Option<Price> {
        // A cost that is told is all of it.
        self.before.and(self.price)?.at_tier(tap.tier, tap.usage.map_or(0, |usage| usage.input))
    }

    /// Tells what was done to the answer's JSON, where the client is told how it came about.
    pub fn healed(&mut self, record: Option<&HealRecord>) {
        if let (Some(Value::Object(trace)), Some(record)) = (&mut self.trace, record) {
            let stage = json!({ "type": "response_healing", "name": "response-healing",
                "summary": format!("{}, {} edits", record.status.as_str(), record.count), "data": record });
            trace.insert("pipeline".to_owned(), json!([stage]));
        }
    }

    fn facts<'a>(&'a self, tap: &'a Tap) -> Facts<'a> {
        Facts {
            id: &self.id,
            provider: &self.provider,
            model: Some(&self.model),
            native_finish: tap.finish_reason.as_deref(),
            usage: tap.usage.as_ref(),
            price: self.price_for(tap),
            before: self.before.unwrap_or_default(),
            trace: self.trace.as_ref(),
        }
    }

    fn vercels<'a>(&'a self, tap: &'a Tap) -> vercel::Facts<'a> {
        vercel::Facts {
            id: &self.id,
            requested: &self.requested,
            provider: Some(&self.provider_id),
            native_model: Some(&self.native_model),
            usage: tap.usage.as_ref(),
            units: tap.units,
            price: self.price_for(tap),
            before: self.before.unwrap_or_default(),
        }
    }

    /// A whole answer.
    pub fn answer(&self, told: Bytes, tap: &Tap) -> Bytes {
        let dressed = match self.skin {
            Skin::Vercel => vercel::answer(&told, &self.vercels(tap)),
            _ if self.dialect == Dialect::OpenAiResponses => {
                openrouter_responses::answer(&told, &self.facts(tap))
            }
            _ => openrouter::answer(&told, &self.facts(tap)),
        };
        dressed.map_or(told, Bytes::from)
    }

    /// One event of which this is the payload, dressed and framed.
    fn framed(&self, data: &[u8], tap: &Tap) -> Option<Vec<u8>> {
        let chunk = match self.skin {
            Skin::Vercel => vercel::chunk(data, &self.vercels(tap)),
            _ if self.dialect == Dialect::OpenAiResponses => {
                return openrouter_responses::event(data, &self.facts(tap), tap.error.as_deref());
            }
            _ => openrouter::chunk(data, &self.facts(tap)),
        };
        Some([b"data: ".as_slice(), &chunk?, b"\n\n"].concat())
    }

    /// One event of a stream as it came, of which `data` is the payload.
    pub fn event(&self, raw: Bytes, data: &[u8], tap: &Tap) -> Bytes {
        self.framed(data, tap).map_or(raw, Bytes::from)
    }

    /// Whole events as our own encoders write them.
    pub fn events(&self, said: &[u8], tap: &Tap) -> Bytes {
        let mut dressed = Vec::with_capacity(said.len() * 2);
        let mut rest = said;
        while let Some((event, after)) =
            memchr::memmem::find(rest, b"\n\n").and_then(|at| rest.split_at_checked(at + 2))
        {
            rest = after;
            let mut lines = event.split(|byte| *byte == b'\n');
            let data = lines.find_map(|line| line.strip_prefix(b"data: ")).unwrap_or_default();
            match self.framed(data, tap) {
                Some(framed) => dressed.extend_from_slice(&framed),
                None => dressed.extend_from_slice(event),
            }
        }
        dressed.extend_from_slice(rest);
        dressed.into()
    }

    /// Whether an error is told in the dress's own words, which end the stream, and not in the dialect's.
    pub fn tells_errors(&self) -> bool {
        self.dialect != Dialect::OpenAiResponses
    }

    /// The event that tells of an error, and the end of the stream.
    pub fn error_event(&self, error: &ErrorFacts, tap: &Tap) -> Bytes {
        if self.skin == Skin::Vercel {
            return codec(Dialect::OpenAiChat).encode_error_event(error).into();
        }
        if !self.tells_errors() {
            let tap = Tap { error: Some(Box::new(error.clone())), ..tap.clone() };
            return self.events(&codec(self.dialect).encode_error_event(error), &tap);
        }
        let context = ErrorContext { provider: Some(&self.provider), ..ErrorContext::default() };
        openrouter::error_chunk(error, &context, &self.facts(tap), self.created).into()
    }
}

/// How the exchange was routed.
fn trace(attempt: &Try<'_>, exchange: &Exchange) -> Value {
    let (call, chosen) = (attempt.call, attempt.step);
    let available = attempt.plan.steps.iter().map(|step| {
        let model = &step.deployment.model;
        json!({ "provider": step.provider().name,
                "model": model.name(),
                "selected": step.deployment.is_same(&chosen.deployment) })
    });
    let available: Vec<Value> = available.collect();
    let failed = exchange.record.attempts.iter();
    let mut attempts: Vec<Value> = failed
        .map(|attempt| json!({ "provider": attempt.provider, "model": attempt.model, "status": attempt.status }))
        .collect();
    let (provider, model) = (&chosen.provider().id, &chosen.deployment.model.native_id);
    let mut own = serde_json::Map::from_iter([
        ("provider".to_owned(), json!(provider)),
        ("model".to_owned(), json!(model)),
        ("status".to_owned(), json!(200)),
    ]);
    if call.rescue.begun().is_some() {
        own.insert("rescue".to_owned(), json!(true));
    }
    attempts.push(own.into());
    let strategy = if call.fallbacks.is_empty() { "direct" } else { "fallback" };
    let decision = &attempt.plan.decision;
    let summary = format!(
        "{} of {} deployments tried, in the order of `{}`",
        attempts.len(),
        available.len(),
        decision.strategy.word()
    );
    let excluded = decision.considered.iter().filter_map(|one| {
        let because = one.out?.word();
        Some(json!({ "provider": one.provider, "model": one.model, "excluded_by": because }))
    });
    let excluded: Vec<Value> = excluded.collect();
    json!({
        "requested": call.model, "strategy": strategy, "region": null, "summary": summary,
        "attempt": attempts.len(), "is_byok": false,
        "endpoints": { "total": available.len() + excluded.len(), "available": available, "excluded": excluded },
        "attempts": attempts,
    })
}
