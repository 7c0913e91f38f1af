//! A deployment as OpenRouter's clients read it: an "endpoint" of a model.
//!
//! In: a model and one of its deployments. Out: the object whose schema is `PublicEndpoint` in `@openrouter/sdk`. What
//! is measured while the gateway runs (latency, throughput, uptime) is null until it has been; latency and throughput are
//! those of the last five minutes, whatever their names say.

use std::time::Instant;

use serde::Serialize;
use yumen_config::{Deployment, Listed, Word as _};
use yumen_llm::catalogue::Parameter;
use yumen_llm::dialects::Thinking;
use yumen_telemetry::{HealthReport, Uptime};

use super::pricing::Pricing;
use crate::worker::Gateway;

#[derive(Serialize)]
pub(super) struct Endpoint<'s> {
    name: String,
    model_id: &'s str,
    model_name: &'s str,
    context_length: u64,
    pricing: Pricing,
    provider_name: &'s str,
    tag: &'s str,
    quantization: Option<&'static str>,
    max_completion_tokens: Option<u64>,
    max_prompt_tokens: Option<u64>,
    supported_parameters: Vec<&'static str>,
    status: i8,
    supports_implicit_caching: bool,
    supports_tool_choice: ToolChoice,
    supports_voice_cloning: bool,
    latency_last_30m: Option<Percentiles>,
    throughput_last_30m: Option<Percentiles>,
    uptime_last_5m: Option<f64>,
    uptime_last_30m: Option<f64>,
    uptime_last_1d: Option<f64>,
}

#[derive(Serialize)]
#[allow(clippy::struct_excessive_bools, reason = "the shape is OpenRouter's")]
struct ToolChoice {
    auto: bool,
    none: bool,
    required: bool,
    function: bool,
}

/// Shares of a hundred, as its clients read them.
#[derive(Serialize)]
struct Percentiles {
    p50: f64,
    p75: f64,
    p90: f64,
    p99: f64,
}

impl Percentiles {
    fn of([p50, p75, p90, p99]: [f64; 4]) -> Self {
        Self { p50, p75, p90, p99 }
    }
}

/// OpenRouter's number for how an endpoint does: 0 is well, less is worse.
fn status(report: &HealthReport) -> i8 {
    match report.state.as_str() {
        "closed" => 0,
        "shaky" => -1,
        "half_open" => -2,
        _ => -3,
    }
}

pub(super) fn of<'s>(model: Listed<'s>, deployment: &'s Deployment, gateway: &Gateway) -> Endpoint<'s> {
    let report = gateway.health.report(deployment.id, Instant::now());
    let uptime = |of: fn(&HealthReport) -> Uptime| {
        report.as_ref().and_then(|report| of(report).success()).map(|share| share * 100.0)
    };
    let first_token = report.as_ref().and_then(|report| report.first_token_ms);
    let first_token = first_token.map(|all| all.map(|ms| ms as f64 / 1000.0));
    let throughput = report.as_ref().and_then(|report| report.tokens_per_second);
    let (provider, served) = (&deployment.provider, &deployment.model);
    let parameters = deployment.parameters();
    let chooses = parameters.has(Parameter::ToolChoice);
    // A model that cannot be told not to think refuses to be told which tool to call.
    let can_be_forced = chooses && served.thinking != Thinking::Always;
    let price = served.price;
    Endpoint {
        name: format!("{} | {}", provider.name, model.name),
        model_id: model.name,
        model_name: model.title(),
        // The schema knows no null here.
        context_length: served.context.or_else(|| model.context()).unwrap_or(0),
        pricing: Pricing::of(price),
        provider_name: &provider.name,
        tag: &provider.id,
        quantization: served.quantization.known(),
        max_completion_tokens: served.max_output,
        max_prompt_tokens: None,
        supported_parameters: parameters.iter().map(|parameter| parameter.word()).collect(),
        status: report.as_ref().map_or(0, status),
        // What is read from a cache that costs nothing to write is written without being asked.
        supports_implicit_caching: price
            .is_some_and(|price| price.cache_read.is_some() && price.cache_write.is_none()),
        supports_tool_choice: ToolChoice {
            auto: chooses,
            none: chooses,
            required: can_be_forced,
            function: can_be_forced,
        },
        supports_voice_cloning: false,
        latency_last_30m: first_token.map(Percentiles::of),
        throughput_last_30m: throughput.map(Percentiles::of),
        uptime_last_5m: uptime(|report| report.uptime_5m),
        uptime_last_30m: uptime(|report| report.uptime_30m),
        uptime_last_1d: uptime(|report| report.uptime_1d),
    }
}
