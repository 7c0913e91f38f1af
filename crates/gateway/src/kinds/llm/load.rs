//! Loading a model ahead, as Ollama's clients do with a request that asks nothing: elsewhere there is nothing to load.
//!
//! In: a call and whom it would be sent to. Out: the answer that the model is there, unless an Ollama server can give it
//! itself. A provider is never asked a question that nobody has put.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use yumen_llm::dialects::{AnswerContext, Dialect, codec};
use yumen_llm::ir::{Answer, Choice, Finish, FinishReason, Response};
use yumen_llm::json::Read;
use yumen_llm::usage::Usage;

use super::arrival::{Arrival, Arrived, Earlier};
use super::call::Call;
use super::resolve::Plan;
use crate::exchange::Exchange;

/// The answer to a call that only loads its model; none where there is more to it, or someone to ask.
pub fn load(exchange: &Exchange, call: &Call, plan: &Plan) -> Option<Box<Arrival>> {
    if !asks_nothing(call) || plan.steps.iter().any(|step| step.dialect == call.dialect) {
        return None;
    }
    let finish = Finish { reason: FinishReason::Stop, native: Some("load".to_owned()), stop_sequence: None };
    let answer = Answer {
        choices: vec![Choice { finish: Some(finish), ..Choice::default() }],
        usage: Some(Usage::default()),
        ..Answer::default()
    };
    let context = AnswerContext {
        id: exchange.record.id.clone(),
        model: call.model.clone(),
        created: exchange.created(),
        stopwatch: exchange.stopwatch(),
        ..AnswerContext::default()
    };
    let told = codec(call.dialect).encode_response(&Response::Chat(Box::new(answer)), &context);
    let told = Bytes::from(told);
    Some(Box::new(Arrival {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        dialect: call.dialect,
        step: None,
        credential: None,
        // Ollama, too, says it in one object, whether a stream was asked for or not.
        answer: Arrived::whole(call.dialect, &told, told.clone(), false),
        lossy: Vec::new(),
        dress: None,
        keep: None,
        remembering: None,
        prospect: None,
        earlier: Earlier::default(),
    }))
}

/// Whether there are no messages, or an empty prompt and no pictures.
fn asks_nothing(call: &Call) -> bool {
    let is_empty = |name| {
        let field = call.object.get(&call.body, name);
        field.is_none_or(|field| {
            let inner = field.value(&call.body).strip_prefix(b"[").and_then(|inner| inner.strip_suffix(b"]"));
            inner.is_some_and(|inner| inner.trim_ascii().is_empty())
        })
    };
    match call.dialect {
        Dialect::OllamaChat => is_empty("messages"),
        Dialect::OllamaGenerate => {
            let prompt = call.object.string(&call.body, "prompt");
            matches!(prompt, Read::Is(prompt) if prompt.is_empty()) && is_empty("images")
        }
        _ => false,
    }
}
