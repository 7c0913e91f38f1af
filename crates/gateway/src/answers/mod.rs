//! What the gateway answers by itself: the models list, look-ups of records, health.
//!
//! In: a route that asks no model. Out: an answer or a rejection. It never opens a connection.

mod ai_sdk;
mod models;
mod ollama;
mod openrouter;

use http::{HeaderMap, HeaderValue, StatusCode, header, request};
use hyper::body::Incoming;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use yumen_config::{Snapshot, VirtualKey};
use yumen_llm::price;
use yumen_llm::skins::openrouter::dollars;
use yumen_telemetry::{ExchangeRecord, LookupError, Outcome};

use crate::body::Body;
use crate::kinds::llm::Answer;
use crate::rejection::{Code, Rejection};
use crate::route::{Lookup, Route};
use crate::stages;
use crate::upload;
use crate::worker::Worker;

/// Answers a route that asks no model. What is not read of the body is left to the caller.
pub async fn answer(
    worker: &Worker,
    snapshot: &Arc<Snapshot>,
    route: &Route,
    head: &request::Parts,
    body: &mut Incoming,
) -> Result<Answer, Rejection> {
    let gateway = &worker.gateway;
    match route {
        Route::Root => Ok(json_answer(&json!({ "name": "yumen", "version": env!("CARGO_PKG_VERSION") }))),
        Route::Health => Ok(json_answer(&json!({ "status": "ok" }))),
        Route::Ready if gateway.draining.load(Ordering::Relaxed) => {
            Err(Rejection::new(Code::Draining, "The gateway is stopping and takes no new work."))
        }
        Route::Ready if !gateway.sink.has_room() => {
            Err(Rejection::new(Code::SpoolFull, "Records wait for the database and their spool is full."))
        }
        Route::Ready => Ok(json_answer(&json!({ "status": "ready" }))),
        Route::Models { id } => {
            let key = stages::identify(gateway, snapshot, &head.headers, &head.uri)?;
            models::answer(snapshot, &key, id.as_deref(), models::Shape::of(head))
        }
        // Clients of other dialects know the list by its path alone.
        Route::OpenRouter(Lookup::Models) if models::Shape::of(head) != models::Shape::OpenAi => {
            let key = stages::identify(gateway, snapshot, &head.headers, &head.uri)?;
            models::answer(snapshot, &key, None, models::Shape::of(head))
        }
        Route::AiSdkConfig { version } => {
            let key = stages::identify(gateway, snapshot, &head.headers, &head.uri)?;
            Ok(ai_sdk::config(snapshot, &key, *version))
        }
        Route::OpenRouter(lookup) => openrouter::answer(worker, snapshot, lookup, head).await,
        Route::Generation { vercel } => {
            let key = stages::identify(gateway, snapshot, &head.headers, &head.uri)?;
            generation(worker, &key, head, *vercel).await
        }
        Route::Credits => {
            let key = stages::identify(gateway, snapshot, &head.headers, &head.uri)?;
            let [used, ..] =
                gateway.lookup.spent(&key.id, [i64::MIN; 4]).await.map_err(ledger_unavailable)?;
            // Nothing is paid ahead: what is used has been granted, and nothing is left of it.
            Ok(json_answer(&json!({ "balance": "0", "total_used": price::dollars(used) })))
        }
        Route::Tags => {
            let key = stages::identify(gateway, snapshot, &head.headers, &head.uri)?;
            Ok(ollama::tags(snapshot, &key))
        }
        Route::Show => {
            let key = stages::identify(gateway, snapshot, &head.headers, &head.uri)?;
            let asked = upload::collect(&snapshot.gateway, head, body).await?;
            ollama::show(snapshot, &key, &asked.expand(snapshot.gateway.max_body_bytes)?)
        }
        Route::Version => Ok(ollama::version()),
        Route::Loaded => {
            stages::identify(gateway, snapshot, &head.headers, &head.uri)?;
            Ok(ollama::loaded())
        }
        Route::Llm(_) | Route::Http(_) => {
            Err(Rejection::new(Code::Internal, "A provider's route has come to the wrong place."))
        }
    }
}

fn json_answer(value: &Value) -> Answer {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Answer { status: StatusCode::OK, headers, body: Body::full(value.to_string()) }
}

async fn generation(
    worker: &Worker,
    key: &VirtualKey,
    head: &request::Parts,
    vercel: bool,
) -> Result<Answer, Rejection> {
    let query = head.uri.query().unwrap_or_default();
    let id = query.split('&').find_map(|pair| pair.strip_prefix("id=")).filter(|id| !id.is_empty());
    let id = id
        .ok_or_else(|| Rejection::new(Code::InvalidRequest, "`id` is missing from the query.").param("id"))?;
    let found = worker.gateway.lookup.find(id, Some(&key.id)).await;
    let found = found.map_err(ledger_unavailable)?;
    let record = found.ok_or_else(|| {
        Rejection::new(Code::GenerationNotFound, format!("This key has made no generation `{id}`."))
            .param("id")
    })?;
    let mut data = generation_data(&record);
    // What ended without a reason of its own has an empty one: its library wants a text.
    if let Some(finish) = data.get_mut("finish_reason").filter(|finish| vercel && finish.is_null()) {
        *finish = "".into();
    }
    Ok(json_answer(&json!({ "data": data })))
}

fn ledger_unavailable(error: LookupError) -> Rejection {
    Rejection::new(Code::LedgerUnavailable, "The ledger cannot be read at the moment.")
        .cause(error)
        .retry_after(1)
}

/// A record in the shape that OpenRouter's clients know, with what only we have under names of our own.
fn generation_data(record: &ExchangeRecord) -> Value {
    let tokens = &record.tokens;
    let dollars = record.cost_nanos.map(dollars);
    let mut data = json!({
        "id": record.id,
        "upstream_id": record.upstream_id,
        "created_at": jiff::Timestamp::from_microsecond(record.started_at_us).unwrap_or_default().to_string(),
        "model": record.model_served.as_deref().unwrap_or(&record.model_requested),
        "model_requested": record.model_requested,
        "provider_name": record.provider,
        "api_type": record.operation,
        "dialect": record.dialect,
        "status": record.status,
        "outcome": record.outcome,
        "error_code": record.error_code,
        "streamed": record.streamed,
        "cancelled": record.outcome == Outcome::ClientGone,
        "finish_reason": record.finish_reason,
        "native_finish_reason": record.finish_reason,
        "tokens_prompt": tokens.input,
        "tokens_completion": tokens.output,
        "native_tokens_prompt": tokens.input,
        "native_tokens_completion": tokens.output,
        "native_tokens_reasoning": tokens.reasoning,
        "native_tokens_cached": tokens.cached_input,
        "native_tokens_cache_write": tokens.cache_write,
        "native_tokens_cache_creation": tokens.cache_write,
        "billable_web_search_calls": record.units.web_searches.unwrap_or(0),
        "tokens_source": tokens.source,
        "units": record.units,
        "usage": dollars,
        "total_cost": dollars,
        "cost_nanos": record.cost_nanos,
        "latency": record.first_byte_us.map(|us| us / 1000),
        "generation_time": record.total_us / 1000,
        "first_byte_us": record.first_byte_us,
        "total_us": record.total_us,
        "overhead_us": record.overhead_us,
        "provider_responses": record.attempts,
        "lossy": record.lossy,
        "heal": record.heal,
        "is_byok": false,
        "data_region": "global",
        "origin": "",
        "upstream_inference_cost": dollars,
    });
    if let Some(data) = data.as_object_mut() {
        data.extend(NOT_KNOWN.map(|name| (name.to_owned(), Value::Null)));
    }
    data
}

/// What OpenRouter's own library insists on being told, if only that there is none.
const NOT_KNOWN: [&str; 17] = [
    "app_id",
    "cache_discount",
    "external_user",
    "http_referer",
    "moderation_latency",
    "native_tokens_completion_images",
    "num_fetches",
    "num_input_audio_prompt",
    "num_media_completion",
    "num_media_prompt",
    "num_search_results",
    "preset_id",
    "router",
    "service_tier",
    "user_agent",
    "web_search_engine",
    "workspace_id",
];
