//! Where a provider's server is asked for its models, and how often.

use std::time::Duration;

use yumen_llm::catalogue::{Discovery, ProviderDefinition};

use super::parameters::Parameters;
use crate::diagnostic::Diagnostics;
use crate::endpoint::{Endpoint, Scheme};
use crate::place::Place;
use crate::provider::ModelSource;
use crate::spec::{DiscoverySpec, ProviderSpec};

/// How often a server is asked when nothing is said.
const INTERVAL_USUAL: Duration = Duration::from_secs(60);
/// The end of a base URL beside which servers have what is not OpenAI's.
const VERSION: &str = "/v1";

/// The place; `None` when nobody is to be asked. What is wrong with the base URL has been reported with the endpoints.
pub(super) fn check(
    spec: &ProviderSpec,
    definition: &ProviderDefinition,
    parameters: &mut Parameters<'_>,
    place: &Place<'_>,
    found: &mut Diagnostics,
) -> Option<ModelSource> {
    let discovery = wanted(spec, definition)?;
    let base = spec.base_url.as_deref().or(parameters.base_url())?.to_owned();
    let base = parameters.fill(&base, &place.field("base_url"), found)?;
    let base = base.trim_end_matches('/');
    let beside = base.strip_suffix(VERSION).unwrap_or(base);
    let (list, is_beside) = discovery.list_path();
    let list = Endpoint::join(if is_beside { beside } else { base }, list).ok()?;
    let detail = match discovery.detail_path() {
        Some(path) => Some(Endpoint::join(beside, path).ok()?),
        None => None,
    };
    let interval = spec.discovery_ms.map_or(INTERVAL_USUAL, Duration::from_millis);
    (list.scheme != Scheme::Builtin).then_some(ModelSource { discovery, list, detail, interval })
}

/// How the server is asked. One whose definition says nothing of where it is may be anybody's: where the operator names
/// its models, those are meant and no others.
fn wanted(spec: &ProviderSpec, definition: &ProviderDefinition) -> Option<Discovery> {
    match spec.discovery {
        Some(DiscoverySpec::Off) => None,
        Some(DiscoverySpec::OpenAi) => Some(Discovery::OpenAi),
        Some(DiscoverySpec::LlamaCpp) => Some(Discovery::LlamaCpp),
        Some(DiscoverySpec::Ollama) => Some(Discovery::Ollama),
        None if definition.base_url.is_none() && !spec.models.is_empty() => None,
        None => definition.discovery,
    }
}
