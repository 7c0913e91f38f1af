//! Names that leave the model to the gateway: `openrouter/auto`, and `~author/family-latest`.
//! <https://openrouter.ai/docs/guides/routing/routers/auto-router>
//!
//! In: a call, who makes it, and the models that are served. Out: the call with models that its key may use. Who has an alias
//! of the name decides otherwise. It asks nobody: what a request needs is read from it, and by its size it goes to cheap or
//! dear models.

use serde::Deserialize;
use smallvec::SmallVec;
use yumen_config::{Listed, ModelPatterns, PerToken, Snapshot, VirtualKey};
use yumen_llm::catalogue::{Feature, Modality};
use yumen_llm::json::Kind;

use super::call::Call;
use super::resolve::{Ask, Variant, can_search, is_free};
use super::rules::Texts;
use crate::rejection::{Code, Rejection};

/// OpenRouter's name for it, and ours.
const AUTO: &str = "openrouter/auto";
const ALIAS: &str = "auto";
/// The plugin that carries its settings.
const PLUGIN: &str = "auto-router";
/// Models that are tried, the first included.
const TRIED_MOST: usize = 3;
/// Prompts below this many tokens are small, above the other one large.
const SMALL: u64 = 1_000;
const LARGE: u64 = 8_000;

/// How dear the models are that a request goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Tier {
    Low,
    Medium,
    High,
}

#[derive(Debug, Deserialize)]
struct Plugin {
    #[serde(default)]
    id: String,
    #[serde(default)]
    enabled: Option<bool>,
    #[serde(default)]
    allowed_models: Option<Vec<String>>,
    #[serde(default)]
    excluded_models: Option<Vec<String>>,
    #[serde(default)]
    cost_tier: Option<Tier>,
}

/// Whether a name leaves the model to the gateway.
pub fn is_open(snapshot: &Snapshot, name: &str) -> bool {
    name == AUTO || snapshot.latest(name).is_some()
}

/// The call with models in the place of names that leave them to the gateway.
pub fn chosen(
    snapshot: &Snapshot,
    key: &VirtualKey,
    mut call: Box<Call>,
    headers: &http::HeaderMap,
) -> Result<Box<Call>, Rejection> {
    let latest = |name: &mut String| {
        if name.starts_with('~')
            && !snapshot.models.contains_key(name.as_str())
            && let Some(newest) = snapshot.latest(name)
        {
            newest.clone_into(name);
        }
    };
    latest(&mut call.model);
    call.fallbacks.iter_mut().for_each(|(name, _)| latest(name));
    if call.model != AUTO || snapshot.models.contains_key(AUTO) {
        return Ok(call);
    }
    if snapshot.models.contains_key(ALIAS) {
        ALIAS.clone_into(&mut call.model);
        return Ok(call);
    }
    let plugin = plugin(&call)?;
    let models = fitting(snapshot, key, &call, plugin.as_ref(), &Ask::of(&call, headers));
    let mut models = models.into_iter();
    let Some(first) = models.next() else {
        let message = "No models match your request and model restrictions.";
        return Err(Rejection::new(Code::NoEndpoints, message).param("model"));
    };
    call.model = first;
    let own = std::mem::take(&mut call.fallbacks);
    // What is wished of the name is wished of each of them.
    call.fallbacks = models.map(|name| (name, call.variant)).chain(own).collect();
    Ok(call)
}

/// The settings that a request carries for this.
fn plugin(call: &Call) -> Result<Option<Plugin>, Rejection> {
    let Some(field) = call.object.get(&call.body, "plugins").filter(|field| field.kind != Kind::Null) else {
        return Ok(None);
    };
    let wrong = || {
        let message = "`plugins` must be a list in which `auto-router` has `allowed_models` and `excluded_models` as lists \
                       of texts, and `cost_tier` as `low`, `medium` or `high`.";
        Rejection::new(Code::InvalidRequest, message).param("plugins")
    };
    let all: Vec<&serde_json::value::RawValue> =
        serde_json::from_slice(field.value(&call.body)).map_err(|_| wrong())?;
    #[derive(Deserialize)]
    struct Named {
        id: Option<String>,
    }
    let is_ours = |raw: &&&serde_json::value::RawValue| {
        serde_json::from_str::<Named>(raw.get()).is_ok_and(|named| named.id.as_deref() == Some(PLUGIN))
    };
    let Some(raw) = all.iter().find(is_ours) else { return Ok(None) };
    let plugin: Plugin = serde_json::from_str(raw.get()).map_err(|_| wrong())?;
    Ok((plugin.enabled != Some(false) && plugin.id == PLUGIN).then_some(plugin))
}

/// The models for a request: those that can do what it needs, of the third of prices that fits its size, the newest first.
fn fitting(
    snapshot: &Snapshot,
    key: &VirtualKey,
    call: &Call,
    plugin: Option<&Plugin>,
    ask: &Ask<'_>,
) -> SmallVec<[String; TRIED_MOST]> {
    let patterns =
        |names: Option<&Vec<String>>| names.map(|names| ModelPatterns::new(names.iter().map(String::as_str)));
    let allowed = patterns(plugin.and_then(|plugin| plugin.allowed_models.as_ref()));
    let excluded = patterns(plugin.and_then(|plugin| plugin.excluded_models.as_ref()));
    let needs_pictures = Texts::read(call).images > 0;
    let tokens = ask.prompt_tokens().saturating_add(ask.max_output.unwrap_or(0));
    let online = ask.online || call.variant == Some(Variant::Online);
    let fits = |model: &Listed<'_>| {
        model.converses()
            && (!online || model.deployments().any(|one| can_search(call.dialect, one)))
            && (call.variant != Some(Variant::Free) || model.deployments().any(is_free))
            && allowed.as_ref().is_none_or(|allowed| allowed.allows(model.name))
            && !excluded.as_ref().is_some_and(|excluded| excluded.allows(model.name))
            && model.context().is_none_or(|context| context >= tokens)
            && (!needs_pictures || model.input().has(Modality::Image))
            && (!ask.needs_tools
                || model
                    .deployments()
                    .any(|one| one.model.facts.supports.is_none_or(|known| known.has(Feature::Tools))))
    };
    let mut priced: Vec<(PerToken, Listed<'_>)> = Vec::new();
    let mut others: Vec<Listed<'_>> = Vec::new();
    for model in snapshot.listed(&key.models).into_iter().filter(fits) {
        match model.price() {
            Some(price) => priced.push((PerToken(price.input.0.saturating_add(price.output.0)), model)),
            None => others.push(model),
        }
    }
    priced.sort_by_key(|(price, model)| (*price, model.name));
    let size = match (ask.prompt_tokens(), ask.needs_tools) {
        (LARGE.., _) => Tier::High,
        (..SMALL, false) => Tier::Low,
        _ => Tier::Medium,
    };
    let tier = plugin.and_then(|plugin| plugin.cost_tier).unwrap_or(size);
    let third = priced.len().div_ceil(3).max(1);
    let thirds = priced.chunks(third);
    let own = match tier {
        Tier::Low => thirds.into_iter().next(),
        Tier::Medium => priced.chunks(third).nth(1).or_else(|| priced.chunks(third).last()),
        Tier::High => thirds.into_iter().last(),
    };
    let mut own: Vec<Listed<'_>> = own.into_iter().flatten().map(|(_, model)| *model).collect();
    // The newest first: what is not dated comes last.
    own.sort_by_key(|model| std::cmp::Reverse(model.released()));
    own.into_iter().chain(others).take(TRIED_MOST).map(|model| model.name.to_owned()).collect()
}
