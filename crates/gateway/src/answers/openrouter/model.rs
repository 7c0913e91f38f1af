//! A model as OpenRouter's clients read it.
//!
//! In: one public name and its deployments. Out: the object of the list, or the same model with each of its deployments.
//! The schemas are those of `Model` and `ListEndpointsResponse` in `@openrouter/sdk`; keys that they require are
//! always there, if only as null.

use serde::Serialize;
use yumen_config::{Listed, TargetKind, Word as _, encoded};
use yumen_llm::dialects::Thinking;

use super::endpoint::{self, Endpoint};
use super::pricing::Pricing;
use crate::worker::Gateway;

#[derive(Serialize)]
pub(super) struct Model<'s> {
    id: &'s str,
    canonical_slug: &'s str,
    #[serde(skip_serializing_if = "Option::is_none")]
    alias_target: Option<AliasTarget<'s>>,
    hugging_face_id: Option<&'s str>,
    name: &'s str,
    created: i64,
    description: String,
    context_length: Option<u64>,
    architecture: Architecture,
    pricing: Pricing,
    top_provider: TopProvider,
    per_request_limits: Option<()>,
    supported_parameters: Vec<&'static str>,
    default_parameters: Option<()>,
    supported_voices: Option<()>,
    knowledge_cutoff: Option<String>,
    expiration_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Reasoning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    license: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    distillable: Option<bool>,
    links: Links,
}

#[derive(Serialize)]
struct AliasTarget<'s> {
    slug: &'s str,
    name: &'s str,
}

#[derive(Serialize)]
pub(super) struct Architecture {
    modality: String,
    input_modalities: Vec<&'static str>,
    output_modalities: Vec<&'static str>,
    tokenizer: &'static str,
    instruct_type: Option<&'static str>,
}

/// The limits at the deployment whose price is told.
#[derive(Serialize)]
struct TopProvider {
    context_length: Option<u64>,
    max_completion_tokens: Option<u64>,
    is_moderated: bool,
}

#[derive(Serialize)]
struct Reasoning {
    mandatory: bool,
}

#[derive(Serialize)]
struct Links {
    details: String,
}

/// A model with each of its deployments.
#[derive(Serialize)]
pub(super) struct WithEndpoints<'s> {
    id: &'s str,
    name: &'s str,
    created: i64,
    description: String,
    architecture: Architecture,
    endpoints: Vec<Endpoint<'s>>,
}

pub(super) fn of(model: Listed<'_>) -> Model<'_> {
    let first = model.first().map(|deployment| &deployment.model);
    let slug = model.canonical().unwrap_or(model.name);
    let is_alias = model.target.kind == TargetKind::Alias && slug != model.name;
    let always_thinks = first.is_some_and(|first| first.thinking == Thinking::Always);
    Model {
        id: model.name,
        canonical_slug: slug,
        alias_target: is_alias.then(|| AliasTarget {
            slug,
            name: first.map(|first| &*first.facts.name).filter(|name| !name.is_empty()).unwrap_or(slug),
        }),
        hugging_face_id: model.weights(),
        name: model.title(),
        created: created(model),
        description: description(model),
        context_length: model.context(),
        architecture: architecture(model),
        pricing: Pricing::of(model.price()),
        top_provider: TopProvider {
            context_length: first.and_then(|first| first.context),
            max_completion_tokens: first.and_then(|first| first.max_output),
            is_moderated: false,
        },
        per_request_limits: None,
        supported_parameters: model.parameters().iter().map(|parameter| parameter.word()).collect(),
        default_parameters: None,
        supported_voices: None,
        knowledge_cutoff: model.knowledge().map(|day| day.to_string()),
        expiration_date: model.withdrawn().map(|day| day.to_string()),
        reasoning: always_thinks.then_some(Reasoning { mandatory: true }),
        license: model.licence(),
        distillable: model.distillable(),
        links: Links { details: format!("/api/v1/models/{}/endpoints", path(model.name)) },
    }
}

pub(super) fn with_endpoints<'s>(model: Listed<'s>, gateway: &Gateway) -> WithEndpoints<'s> {
    WithEndpoints {
        id: model.name,
        name: model.title(),
        created: created(model),
        description: description(model),
        architecture: architecture(model),
        endpoints: model.deployments().map(|deployment| endpoint::of(model, deployment, gateway)).collect(),
    }
}

/// Unix seconds of the day of its snapshot; 0 when no source tells it.
fn created(model: Listed<'_>) -> i64 {
    model.released().map_or(0, |day| day.unix_seconds())
}

fn architecture(model: Listed<'_>) -> Architecture {
    let input: Vec<&'static str> = model.input().iter().map(|modality| modality.word()).collect();
    let output = model.outputs();
    Architecture {
        modality: format!("{}->{}", input.join("+"), output.join("+")),
        input_modalities: input,
        output_modalities: output,
        tokenizer: model.family(),
        instruct_type: None,
    }
}

/// One sentence of what is known: the catalogue copies no prose.
fn description(model: Listed<'_>) -> String {
    let Architecture { input_modalities: input, output_modalities: output, .. } = architecture(model);
    let mut text = format!("{} reads {} and gives {}", model.title(), listed(&input), listed(&output));
    if let Some(context) = model.context() {
        text.push_str(&format!(", in a window of {context} tokens"));
    }
    let providers = model.deployments().count();
    text.push_str(&format!("; {providers} deployment{} here.", if providers == 1 { "" } else { "s" }));
    text
}

fn listed(words: &[&str]) -> String {
    match words {
        [] => String::from("nothing"),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A name as a path, its slashes kept.
fn path(name: &str) -> String {
    name.split('/').map(|part| encoded(part).to_string()).collect::<Vec<_>>().join("/")
}
