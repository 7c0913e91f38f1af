//! Where a provider is reached: its definition's dialects at the base URL that holds for each.

use std::collections::BTreeMap;

use yumen_llm::catalogue::ProviderDefinition;
use yumen_llm::dialects::{Dialect, codec};

use crate::diagnostic::Diagnostics;
use crate::endpoint::{Endpoint, EndpointError, Scheme};
use crate::place::Place;
use crate::read::Resource;
use crate::spec::{DialectSpec, ProviderSpec};

/// The endpoints of a provider by dialect; what is wrong is reported.
///
/// A base URL that the definition gives for one dialect belongs to the definition's own base URL: when the
/// operator sets another base, that dialect is not spoken unless the operator says where. Otherwise the
/// operator's requests and credential would go to a host that was replaced.
pub(super) fn check(
    resource: &Resource<'_, ProviderSpec>,
    spec: &ProviderSpec,
    definition: &ProviderDefinition,
    found: &mut Diagnostics,
) -> BTreeMap<Dialect, Endpoint> {
    let place = &resource.place;
    let base = match &spec.base_url {
        Some(base) if check_base(base, definition, &place.field("base_url"), found) => Some(base.as_str()),
        Some(_) => return BTreeMap::new(),
        None => definition.base_url.as_deref(),
    };
    let inherited: BTreeMap<Dialect, DialectSpec> = definition
        .dialects
        .iter()
        .filter(|(_, defined)| spec.base_url.is_none() || defined.base_url.is_none())
        .map(|(dialect, _)| (*dialect, DialectSpec::default()))
        .collect();
    let dialects = spec.dialects.as_ref().unwrap_or(&inherited);
    let errors_before = found.errors();
    let mut endpoints = BTreeMap::new();
    for (dialect, chosen) in dialects {
        let here = place.field("dialects").field(codec(*dialect).outline().name);
        let defined = definition.dialects.get(dialect);
        let Some(path) = chosen.path.as_deref().or(defined.map(|defined| &*defined.path)) else {
            let hint = "write for example `path: /chat/completions`".to_owned();
            here.error(found, format!("{} lacks the field `path`", here.path), Some(hint));
            continue;
        };
        let own = chosen.base_url.as_deref();
        if own.is_some_and(|own| !check_base(own, definition, &here.field("base_url"), found)) {
            continue;
        }
        let defined_base = defined.and_then(|defined| defined.base_url.as_deref());
        let Some(base) = own.or(defined_base.filter(|_| spec.base_url.is_none())).or(base) else {
            if resource.whole {
                let hint = Some("write for example `base_url: http://127.0.0.1:8000/v1`".to_owned());
                place.error(found, format!("{} lacks the field `base_url`", place.path), hint);
            }
            return endpoints;
        };
        match Endpoint::join(base, path) {
            Ok(endpoint) => drop(endpoints.insert(*dialect, endpoint)),
            Err(error) => {
                let here = here.field("path");
                here.error(found, format!("{} {error}", here.path), None);
            }
        }
    }
    if endpoints.is_empty() && resource.whole && found.errors() == errors_before {
        let message = format!("{} speaks no wire format", place.path);
        let hint = "write for example `dialects: { openai_chat: { path: /chat/completions } }`".to_owned();
        place.error(found, message, Some(hint));
    }
    endpoints
}

/// Checks a base URL alone, so that its faults are reported once and at its place.
fn check_base(
    base: &str,
    definition: &ProviderDefinition,
    place: &Place<'_>,
    found: &mut Diagnostics,
) -> bool {
    let inside = definition.base_url.as_deref().is_some_and(|base| base.starts_with("builtin://"));
    let fault = match Endpoint::join(base, "/") {
        Ok(endpoint) if endpoint.scheme == Scheme::Builtin && !inside => EndpointError::Scheme,
        Ok(_) => return true,
        Err(fault) => fault,
    };
    place.error(found, format!("{} {fault}", place.path), None);
    false
}
