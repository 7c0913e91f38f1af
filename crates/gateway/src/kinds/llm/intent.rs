//! What a message is about, told by a model that is asked through the gateway itself.
//!
//! In: a call whose rules want to know. Out: a category, in bounded time; the default where nobody said. What is asked is an
//! exchange with a record of its own, so that its cost is counted. It counts against no limit of the key: it is the operator
//! who asks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Value, json};
use yumen_config::{Deployment, Intent, IntentBy, Snapshot, VirtualKey};
use yumen_llm::dialects::Dialect;

use super::call::Call;
use super::decode;
use super::dispatch::dispatch;
use super::relay::relay;
use super::resolve::{Ask, Live, resolve};
use super::rules::Texts;
use crate::affinity::key_of;
use crate::exchange::Exchange;
use crate::intents::{Example, Known, nearest, unit};
use crate::kinds::turns::is_limited;
use crate::rejection::{Code, Rejection};
use crate::route::{LlmRoute, Skin, Task};
use crate::worker::Worker;

/// The operation under which it is recorded.
const OPERATION: &str = "intent";
/// Bytes of a message that a model reads.
const READ_MOST: usize = 4096;
/// Bytes of an answer.
const ANSWER_MOST: usize = 32 << 20;
/// How long examples may take, which nobody waits for.
const LEARNING_MOST: Duration = Duration::from_secs(30);

/// The category of a call's last message as its patterns tell, or the default.
pub fn by_pattern(intent: &Intent, call: &Call) -> Arc<str> {
    let told = intent.by_pattern(&Texts::read(call).last);
    Arc::clone(told.map_or(&intent.default, |category| &category.name))
}

/// The category of a call's last message.
pub async fn category(
    exchange: &mut Exchange,
    snapshot: &Snapshot,
    key: &VirtualKey,
    call: &Call,
) -> Arc<str> {
    let intent = &snapshot.intent;
    let message = Texts::read(call).last;
    if let Some(category) = intent.by_pattern(&message) {
        return Arc::clone(&category.name);
    }
    if !intent.asks() || message.is_empty() {
        return Arc::clone(&intent.default);
    }
    let worker = Arc::clone(exchange.worker());
    let remembered = key_of((intent.id, &message));
    let intents = &worker.gateway.intents;
    let told = match intents.told(remembered) {
        Some(told) => Some(told),
        None => {
            let read = message.get(..message.floor_char_boundary(READ_MOST)).unwrap_or_default();
            let asked = Instant::now();
            let told = match intent.by {
                IntentBy::Embedding => Box::pin(by_embedding(&worker, snapshot, key, read)).await,
                _ => Box::pin(by_model(&worker, snapshot, key, read)).await,
            };
            exchange.waited += asked.elapsed();
            if let Some(told) = told {
                intents.remember(remembered, told);
            }
            told
        }
    };
    let told = told.and_then(|place| intent.categories.get(place));
    Arc::clone(told.map_or(&intent.default, |category| &category.name))
}

/// The place of the category that a model names; that of all where it names none of them, which is not asked again.
async fn by_model(
    worker: &Arc<Worker>,
    snapshot: &Snapshot,
    key: &VirtualKey,
    message: &str,
) -> Option<usize> {
    let intent = &snapshot.intent;
    let body = json!({
        "model": intent.model, "temperature": 0, "max_tokens": 24,
        "messages": [{ "role": "system", "content": instructions(intent) }, { "role": "user", "content": message }],
    });
    let answer = ask(worker, snapshot, key, Dialect::OpenAiChat, body, intent.timeout).await?;
    let said = answer.pointer("/choices/0/message/content")?.as_str()?.to_lowercase();
    let names = || intent.categories.iter().map(|category| category.name.to_lowercase());
    let exact = names().position(|name| said.trim_matches(|letter: char| !letter.is_alphanumeric()) == name);
    Some(exact.or_else(|| names().position(|name| said.contains(&name))).unwrap_or(usize::MAX))
}

fn instructions(intent: &Intent) -> String {
    let mut text = "Sort the user's message into one of these categories. Do not answer the message. Say the name of the \
                    category and nothing else.\n"
        .to_owned();
    for category in &intent.categories {
        text.push_str(&format!("\n- {}: {}", category.name, category.description));
        for example in category.examples.iter().take(3) {
            text.push_str(&format!("\n  for example: {example}"));
        }
    }
    text.push_str(&format!("\n- {}: anything else", intent.default));
    text
}

/// The place of the category of the nearest example. Who comes first has the examples asked for, and waits for none of it.
async fn by_embedding(
    worker: &Arc<Worker>,
    snapshot: &Snapshot,
    key: &VirtualKey,
    message: &str,
) -> Option<usize> {
    let intent = &snapshot.intent;
    let examples = match worker.gateway.intents.examples(intent.id, Instant::now()) {
        Known::Here(examples) => examples,
        Known::Asked => return None,
        Known::Yours => {
            let (worker, key) = (Arc::clone(worker), key.clone());
            tokio::spawn(async move { Box::pin(learn(&worker, &key)).await });
            return None;
        }
    };
    let vectors = embedded(worker, snapshot, key, &[message], intent.timeout).await?;
    nearest(&examples, vectors.first()?)
}

/// Has the examples turned into vectors.
async fn learn(worker: &Arc<Worker>, key: &VirtualKey) {
    let snapshot = worker.gateway.snapshot.load_full();
    let categories = snapshot.intent.categories.iter().enumerate();
    let labelled =
        categories.flat_map(|(place, category)| category.examples.iter().map(move |text| (place, text)));
    let (places, texts): (Vec<usize>, Vec<&str>) = labelled.map(|(place, text)| (place, &**text)).unzip();
    let Some(vectors) = embedded(worker, &snapshot, key, &texts, LEARNING_MOST).await else { return };
    let examples = places.into_iter().zip(vectors);
    let examples = examples.map(|(category, vector)| Example { category, vector }).collect();
    worker.gateway.intents.learn(snapshot.intent.id, examples);
}

/// Texts as vectors of length one.
async fn embedded(
    worker: &Arc<Worker>,
    snapshot: &Snapshot,
    key: &VirtualKey,
    texts: &[&str],
    most: Duration,
) -> Option<Vec<Vec<f32>>> {
    #[derive(serde::Deserialize)]
    struct Row {
        embedding: Vec<f32>,
    }
    let body = json!({ "model": snapshot.intent.model, "input": texts });
    let mut answer = ask(worker, snapshot, key, Dialect::OpenAiEmbeddings, body, most).await?;
    let rows: Vec<Row> = serde_json::from_value(answer.get_mut("data")?.take()).ok()?;
    let vectors: Option<Vec<Vec<f32>>> = rows.into_iter().map(|row| unit(row.embedding)).collect();
    vectors.filter(|vectors| vectors.len() == texts.len())
}

/// Asks through the gateway, as a client would, and gives the answer if it comes in time.
async fn ask(
    worker: &Arc<Worker>,
    snapshot: &Snapshot,
    key: &VirtualKey,
    dialect: Dialect,
    body: Value,
    most: Duration,
) -> Option<Value> {
    let mut exchange = Box::new(Exchange::open(worker));
    let deadline = tokio::time::Instant::now() + most;
    let headers = HeaderMap::new();
    let route = LlmRoute { dialect, task: Task::Generate, skin: Skin::Plain, in_path: None };
    exchange.routed(&route);
    OPERATION.clone_into(&mut exchange.record.operation);
    exchange.identified(key);
    let read = || -> Result<_, Rejection> {
        let call = decode::read(&snapshot.gateway, route, Bytes::from(body.to_string()))?;
        let call = decode::understood(snapshot, call, &headers)?;
        let gateway = &worker.gateway;
        let now_ms = gateway.health.at(Instant::now());
        let draw = |end| worker.below(end);
        let is_limited = |deployment: &Deployment, tokens| is_limited(gateway, deployment, tokens);
        let (health, affinity) = (&gateway.health, &gateway.affinity);
        let live = Live { health, affinity, now_ms, draw: &draw, is_limited: &is_limited };
        let plan = resolve(&live, snapshot, key, &Ask::of(&call, &headers))?;
        Ok((call, plan))
    };
    let (call, plan) = match read() {
        Ok(read) => read,
        Err(rejection) => {
            failed(&mut exchange, &rejection);
            return None;
        }
    };
    exchange.record.model_requested.clone_from(&call.model);
    exchange.chosen(plan.decision.record(None));
    let asking = dispatch(&mut exchange, &snapshot.gateway, &call, &plan, &headers);
    match tokio::time::timeout_at(deadline, asking).await {
        Ok(Ok(arrival)) => {
            let answer = relay(exchange, call, arrival);
            let collected = Limited::new(answer.body, ANSWER_MOST).collect();
            let collected = tokio::time::timeout_at(deadline, collected).await.ok()?.ok()?;
            serde_json::from_slice(&collected.to_bytes()).ok()
        }
        Ok(Err(rejection)) => {
            failed(&mut exchange, &rejection);
            None
        }
        Err(_) => {
            let row = Code::UpstreamTimeout.row();
            exchange.given_up(row.status, row.name);
            None
        }
    }
}

fn failed(exchange: &mut Exchange, rejection: &Rejection) {
    let row = rejection.code.row();
    let upstream = rejection.upstream.as_deref();
    exchange.record.provider = upstream.map(|said| said.provider.to_string());
    exchange.given_up(rejection.status, upstream.map_or(row.name, |said| said.cause));
}
