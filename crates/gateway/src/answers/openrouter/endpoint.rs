//! A deployment as OpenRouter's clients read it: an "endpoint" of a model.
//!
//! In: a model and one of its deployments. Out: the object whose schema is `PublicEndpoint` in `@openrouter/sdk`. What
//! would have to be measured (latency, throughput, uptime) is null.

use serde::Serialize;
use yumen_config::{Deployment, Listed, Word as _};
use yumen_llm::catalogue::Parameter;
use yumen_llm::dialects::Thinking;

use super::pricing::Pricing;

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
    latency_last_30m: Option<()>,
    throughput_last_30m: Option<()>,
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

pub(super) fn of<'s>(model: Listed<'s>, deployment: &'s Deployment) -> Endpoint<'s> {
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
        status: 0,
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
        latency_last_30m: None,
        throughput_last_30m: None,
        uptime_last_5m: None,
        uptime_last_30m: None,
        uptime_last_1d: None,
    }
}
